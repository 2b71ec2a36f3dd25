"""What copies add to the kept item, and the record of where it comes from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from curate.export.merged_copies import all_addresses, merge_copies
from index.duplicates.copies import Copies
from index.store import Store
from schema import tables

NAMES = [
    "row",
    "keys",
    "uri",
    "tags",
    "text",
    "artists",
    "source_rating",
    "source_url",
    "posted",
    "favourites",
]


@pytest.fixture
def merged(store: Store, add_items: Callable[..., None]) -> Callable[..., tuple[dict[str, Any], Any]]:
    """Gives three items other values, takes the last two for copies of the first; returns it merged, and its copies."""

    def make(*changes: dict[str, Any]) -> tuple[dict[str, Any], Any]:
        add_items(store, 3)
        records = store.read("items").to_pylist()
        for record, change in zip(records, changes, strict=True):
            record.update(change)
        schema = store.schema("items")
        store.replace("items", pa.Table.from_pylist(records, schema), schema)
        copies = Copies(np.array([1, 2]), np.array([0, 0]))
        items = store.take_items([0], NAMES).combine_chunks().to_batches()[0]
        found, provenance = merge_copies(store, items, np.array([0]), copies)
        addresses = all_addresses(store, found, np.array([0]), provenance)
        return found.to_pylist()[0] | {"addresses": addresses[0]}, provenance[0]

    return make


def test_tags_texts_and_facts_of_all_copies(merged: Callable[..., Any]) -> None:
    item, copies = merged(
        {"tags": ["hat"], "text": "a girl", "posted": "2024-05-01T00:00:00Z", "artists": ["ann"]},
        {"tags": ["hat", "censored", "smile"], "text": "a girl\nsmiling", "posted": "2023-01-01T00:00:00Z"},
        {"tags": ["monochrome"], "favourites": 3, "source_url": "https://there/1", "artists": ["bob"]},
    )
    assert item["tags"] == ["hat", "smile"] and item["text"] == "a girl\nsmiling"
    assert item["posted"] == "2023-01-01T00:00:00Z" and item["favourites"] == 3
    assert item["artists"] == ["ann", "bob"]
    assert [copy["tags"] for copy in copies] == [["smile"], []]
    assert [sorted(copy["filled"]) for copy in copies] == [
        ["posted", "text"],
        ["artists", "favourites", "source_url"],
    ]
    assert "https://there/1" in item["addresses"] and len(item["addresses"]) == 4


@pytest.mark.parametrize(
    ("ratings", "expected"), [(("g", "e", "q"), "g"), ((None, "g", "e"), "e"), ((None, None, None), None)]
)
def test_the_rating_is_the_items_own_or_the_highest(
    merged: Callable[..., Any], ratings: tuple[str | None, ...], expected: str | None
) -> None:
    item, _ = merged(*({"source_rating": rating} for rating in ratings))
    assert item["source_rating"] == expected


def test_addresses_of_the_same_bytes_elsewhere(store: Store, add_items: Callable[..., None]) -> None:
    add_items(store, 2)
    place = {"row": 1, "item_id": "1", "source": 1, "ordinal": 0, "keys": ["x"], "tags": [], "commit": 1}
    gone = {**place, "keys": ["y"]}
    records = [place | {"uri": "b.png"}, gone | {"uri": "c.png"}, gone | {"uri": "c.png", "event": "missing"}]
    store.append("copies", pa.Table.from_pylist(records, tables.COPIES), tables.COPIES)
    items = store.take_items([0, 1], ["row", "uri"]).combine_chunks().to_batches()[0]
    own = items.column(1).to_pylist()
    assert all_addresses(store, items, np.arange(2), [[], []]) == [[own[0]], [own[1], "b.png"]]
