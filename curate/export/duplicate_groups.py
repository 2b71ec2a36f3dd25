"""Duplicate groups as an export needs them: what is set aside, what may not straddle splits, what copies add."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from curate.export.merged_copies import merge_copies
from index.duplicates.copies import COLUMNS, Copies
from index.store import Store
from schema.arrays import Bools, Rows

# The column that ties versions of one drawing together; stores made before it was added lack it.
VARIANT_SET = "family"


class DuplicateGroups:
    """The table ``groups``, by row; an item in no group is kept."""

    def __init__(self, store: Store) -> None:
        self._store = store
        columns = list(COLUMNS)
        if store.has("groups") and VARIANT_SET in store.schema("groups").names:
            columns.append(VARIANT_SET)
        records = store.read("groups", columns) if store.has("groups") else _nothing(columns)
        records = records.sort_by("row").combine_chunks()
        self._rows: Rows = records.column("row").to_numpy().astype(np.int64)
        self._columns = {name: _one_chunk(records.column(name)) for name in records.column_names}
        self._copies = Copies.from_groups(records.select(COLUMNS))

    def keep(self, rows: Rows) -> Bools:
        """Return which rows are not set aside as copies, bool [n]."""
        return ~self._copies.set_aside(rows)

    def of(self, rows: Rows) -> tuple[pa.Array, pa.Array]:
        """Return group ids and verdicts of rows, null where an item is in no group."""
        return self._taken("group_id", rows), self._taken("verdict", rows)

    def leakage_groups(self, rows: Rows) -> list[str | None]:
        """Return what must not straddle two splits: all versions of one drawing, else the group, else None."""
        group: list[str | None] = self._taken("group_id", rows).to_pylist()
        if VARIANT_SET not in self._columns:
            return group
        versions: list[str | None] = self._taken(VARIANT_SET, rows).to_pylist()
        return [name or own for name, own in zip(versions, group, strict=True)]

    def _taken(self, name: str, rows: Rows) -> pa.Array:
        column = self._columns[name]
        if not len(self._rows):
            return pa.nulls(len(rows), column.type)
        place = np.minimum(np.searchsorted(self._rows, rows), len(self._rows) - 1)
        return column.take(pa.array(place, mask=self._rows[place] != rows))

    def merge_copies(
        self, items: pa.RecordBatch, rows: Rows
    ) -> tuple[pa.RecordBatch, list[list[dict[str, Any]]]]:
        """Give kept items what the copies that are set aside for them say, and return the copies of each."""
        return merge_copies(self._store, items, rows, self._copies)


def _nothing(columns: list[str]) -> pa.Table:
    types = {"row": pa.int64(), "keep": pa.bool_()}
    return pa.schema([pa.field(name, types.get(name, pa.string())) for name in columns]).empty_table()


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    array = column.combine_chunks()
    return array.chunk(0) if isinstance(array, pa.ChunkedArray) else array
