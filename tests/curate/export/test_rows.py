"""Rows of an export: splits keep their shares and their groups, artists can be hidden, one reason for each left out."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from curate.export.columns import export_columns
from curate.export.rows import HELD_OUT, ExportRows, split_of
from index.store import Store
from schema import tables
from schema.settings import ExportSettings
from schema.vocabulary import load_vocabulary


def test_splits_have_the_asked_shares() -> None:
    settings = ExportSettings(val=0.1, test=0.2)
    names = [split_of(str(index), settings) for index in range(4000)]
    assert abs(names.count("test") / 4000 - 0.2) < 0.03
    assert abs(names.count("val") / 4000 - 0.1) < 0.03


@given(st.text(), st.floats(0, 0.4), st.floats(0, 0.4))
def test_what_is_not_tested_on_stays_so_when_the_test_split_shrinks(
    name: str, test: float, val: float
) -> None:
    if split_of(name, ExportSettings(test=test, val=val)) == "train":
        assert split_of(name, ExportSettings(test=test / 2, val=val / 2)) == "train"


def test_artists_are_left_out_of_the_tags_too(store: Store) -> None:
    schema = tables.ITEMS
    if "artists" not in schema.names:
        schema = schema.append(pa.field("artists", pa.list_(pa.string())))
    record = dict.fromkeys(schema.names)
    record |= {"row": 0, "item_id": "0" * 32, "source": 0, "ordinal": 0, "status": "ok", "commit": 1}
    record |= {"tags": ["1girl", "somebody", "smile"], "artists": ["somebody"]}
    store.append("items", pa.Table.from_pylist([record], schema), schema)

    def exported(*leave_out: str) -> dict[str, object]:
        settings = ExportSettings(leave_out=leave_out)
        columns = export_columns(load_vocabulary(), store.schema("items"))
        ((batch, _),) = ExportRows(store, columns, settings).batches()
        assert batch.schema.names == [*(column.name for column in columns), "row", "format"]
        row: dict[str, object] = batch.to_pylist()[0]
        return row

    assert exported()["tags"] == ["1girl", "somebody", "smile"]
    assert exported()["artists"] == ["somebody"]
    assert exported("artists")["tags"] == ["1girl", "smile"]


def test_what_another_set_has_is_left_out_with_that_reason(filled: Store) -> None:
    record = {"row": 5, "item_id": "5", "against": "/test", "key": "5.png", "verdict": "same file"}
    table = pa.Table.from_pylist([record | {"similarity": 1.0}], tables.OVERLAPS)
    filled.replace("overlaps", table, tables.OVERLAPS)
    columns = export_columns(load_vocabulary(), filled.schema("items"))
    rows = ExportRows(filled, columns, ExportSettings())
    left = [row for batch, _ in rows.batches() for row in batch.column("row").to_pylist()]
    assert 5 not in left and 4 in left
    assert rows.left_out[HELD_OUT] == 1
    everything = ExportRows(filled, columns, ExportSettings(), everything=True)
    assert 5 in [row for batch, _ in everything.batches() for row in batch.column("row").to_pylist()]
