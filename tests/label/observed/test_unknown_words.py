"""Frequent tags that say nothing are counted, with what they would fit and what was decided."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from index.store import Store
from label.observed.unknown_words import as_records, notes_on, unknown_words
from schema import tables
from schema.tags.values import TagReader
from schema.vocabulary import load_vocabulary

VOCABULARY = load_vocabulary()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    tags = (
        [["1girl", "brown", "looking_at_viewer", "samus_aran"]] * 6
        + [["red_hair", "looking_at_viewer", "rare"]] * 4
        + [["brown", "painter", "blue-eyes"]] * 2
        + [[], ["brown"]]
    )
    records = [
        {
            "row": row, "item_id": f"{row:032x}", "source": 0, "ordinal": row, "tags": own, "status": "ok", "commit": 1,
            "characters": ["samus_aran"], "artists": ["painter"],
        }
        for row, own in enumerate(tags)
    ]  # fmt: skip
    with Store.open(tmp_path / "store", create=True, write=True) as opened:
        opened.append("items", pa.Table.from_pylist(records, tables.ITEMS), tables.ITEMS)
        yield opened


def test_what_nobody_understood(store: Store) -> None:
    reader = TagReader(VOCABULARY)
    unknown = unknown_words(store, VOCABULARY, lambda tag: bool(reader.meanings(tag)))
    assert [(word.tag, word.items) for word in unknown] == [("looking_at_viewer", 10), ("brown", 9)]
    assert unknown[0].fits == ()
    assert {"hair_color", "eye_color"} <= set(unknown[1].fits)
    assert unknown[1].decision.startswith("not read")
    few = unknown_words(store, VOCABULARY, lambda tag: bool(reader.meanings(tag)), frequent=4)
    assert [word.tag for word in few] == ["looking_at_viewer", "brown", "rare"]


def test_it_is_told_in_words(store: Store) -> None:
    reader = TagReader(VOCABULARY)
    unknown = unknown_words(store, VOCABULARY, lambda tag: bool(reader.meanings(tag)))
    lines = notes_on(unknown)
    assert lines[0].startswith("frequent tags that fit several attributes and were not read: 1: brown (9: ")
    assert lines[1] == "frequent tags that are no value of any attribute: 1: looking_at_viewer (10)"
    assert as_records(unknown)[1]["tag"] == "brown"
    assert notes_on([]) == []
