"""Rows exchanged in a stream, against the same done with dictionaries."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from index.store.merge import merge_rows

SCHEMA = pa.schema([("row", pa.int64()), ("value", pa.string())])
numbers = st.lists(st.integers(0, 40), unique=True).map(sorted)


def table(rows: list[int], word: str) -> pa.Table:
    return pa.table({"row": rows, "value": [f"{word}{row}" for row in rows]}, schema=SCHEMA)


@given(old=numbers, new=numbers, more=numbers, size=st.integers(1, 9))
def test_merging_equals_replacing_in_a_dictionary(
    old: list[int], new: list[int], more: list[int], size: int
) -> None:
    batches = table(old, "old").combine_chunks().to_batches(size)
    dropped = sorted({*new, *more})
    expected = {row: f"old{row}" for row in old if row not in dropped} | {row: f"new{row}" for row in new}
    got = pa.Table.from_batches(
        list(merge_rows(batches, table(new, "new"), np.array(dropped, dtype=np.int64))), SCHEMA
    )
    assert got.to_pylist() == [{"row": row, "value": expected[row]} for row in sorted(expected)]


@given(old=numbers, new=numbers)
def test_new_rows_take_the_place_of_their_namesakes(old: list[int], new: list[int]) -> None:
    batches = table(old, "old").combine_chunks().to_batches(3)
    got = pa.Table.from_batches(list(merge_rows(batches, table(new, "new"))), SCHEMA)
    assert got.column("row").to_pylist() == sorted({*old, *new})
    assert {r["value"] for r in got.to_pylist() if r["row"] in new} == {f"new{row}" for row in new}
