"""Characters as a whole: usual values, and who is unlike the rest."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pytest

from index.store import Store
from label.names.profiles import profiles
from schema import tables
from schema.vocabulary import load_vocabulary


@pytest.fixture
def described(store: Store, add_items: Callable[..., None]) -> Store:
    """Nine pictures of Rin, black-haired but for one, two of them inferred; two of Saber; one of both."""
    vocabulary = load_vocabulary()
    add_items(store, 12)
    labels = tables.labels([(each.name, each.kind) for each in vocabulary.attributes])
    colours = ["black"] * 8 + ["red"] + ["blonde"] * 3
    records = [
        dict.fromkeys(labels.names)
        | {"row": row, "item_id": f"{row}", "ambiguous": False, "hair_color": colour}
        for row, colour in enumerate(colours)
    ]
    store.replace("labels", [pa.RecordBatch.from_pylist(records, labels)], labels)
    names = [["Rin"]] * 9 + [["Saber"]] * 2 + [["Rin", "Saber"]]
    records = [
        dict.fromkeys(tables.NAMES.names)
        | {
            "row": row,
            "item_id": f"{row}",
            "character": who,
            "character_source": "model" if row < 2 else "source",
        }
        for row, who in enumerate(names)
    ]
    store.replace("names", [pa.RecordBatch.from_pylist(records, tables.NAMES)], tables.NAMES)
    return store


def test_usual_values_and_who_is_unlike(described: Store) -> None:
    vocabulary = load_vocabulary()
    (rin, saber), (odd,) = profiles(described, vocabulary)
    assert (rin.name, rin.stated, rin.inferred) == ("Rin", 7, 2)
    usual = rin.usual["hair_color"]
    assert (usual.value, usual.agree, usual.known) == ("black", 8, 9)
    # Two pictures are too few to say what is usual.
    assert (saber.pictures, saber.usual) == (2, {})
    assert (odd.row, odd.name, odd.attribute, odd.value) == (8, "Rin", "hair_color", "red")


def test_a_store_without_names_has_no_characters(store: Store, add_items: Callable[..., None]) -> None:
    add_items(store, 2)
    assert profiles(store, load_vocabulary()) == ([], [])
