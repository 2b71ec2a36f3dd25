"""Schemas that depend on more than their table."""

from __future__ import annotations

import pyarrow as pa

from schema import tables
from schema.source_metadata import FIELDS


def test_a_measure_keeps_its_key_with_its_rows() -> None:
    schema = tables.measures([pa.field("frame_border", pa.float32())], "k1")
    assert schema.names == ["row", "item_id", "frame_border"]
    assert schema.metadata == {tables.KEY_OF_ROWS: b"k1"}


def test_items_and_copies_take_what_their_source_says() -> None:
    for schema in (tables.ITEMS, tables.COPIES):
        assert [schema.field(field.name) for field in FIELDS] == list(FIELDS)
