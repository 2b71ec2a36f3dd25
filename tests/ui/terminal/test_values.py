"""What a filter can ask for, as the terminal shows it."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pytest

from index.store import Store
from schema import tables
from schema.errors import FilterError
from ui.terminal.values import columns_text, values_text


@pytest.fixture
def filled(store: Store, add_items: Callable[..., None]) -> Store:
    add_items(store, 12, tags=["smile", "hat\x1b[31m"])
    schema = tables.labels([("hair_color", "single-label")])
    records = [
        dict.fromkeys(schema.names)
        | {"row": row, "item_id": str(row), "ambiguous": False, "hair_color": ("red", "blue", None)[row % 3]}
        for row in range(9)
    ]
    store.replace("labels", pa.Table.from_pylist(records, schema), schema)
    return store


def test_columns_say_what_they_hold(filled: Store) -> None:
    lines = {line.split()[0]: line for line in columns_text(filled).splitlines() if line.strip()}
    assert "several texts" in lines["tags"]
    assert "number" in lines["width"]
    assert "true or false" in lines["ambiguous"]
    assert "labels" in lines["hair_color"]
    assert "commit" not in lines


def test_values_are_counted(filled: Store) -> None:
    assert [line.split() for line in values_text(filled, "hair_color").splitlines()[2:]] == [
        ["blue", "3"],
        ["red", "3"],
    ]
    assert values_text(filled, "width") == "width: 12 items, from 10 to 21"
    assert values_text(filled, "text") == "text: no item has a value"
    assert "1 more" in values_text(filled, "tags", shown=1)
    assert "\x1b" not in values_text(filled, "tags")


def test_an_unknown_column_gets_the_near_ones(filled: Store) -> None:
    with pytest.raises(FilterError, match="hair_color"):
        values_text(filled, "hair_colour")
