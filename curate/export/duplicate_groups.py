"""Duplicate groups as an export needs them: what is set aside, what may not straddle splits, what copies add."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from index.store import Store
from schema.arrays import Bools, Rows

MERGED = ("keys", "tags")
"""Columns of the kept item that also take in the values of the copies that are set aside for it."""

# The column that ties versions of one drawing together; stores made before it was added lack it.
VARIANT_SET = "family"


class DuplicateGroups:
    """The table ``groups``, by row; an item in no group is kept."""

    def __init__(self, store: Store) -> None:
        self._store = store
        columns = ["row", "group_id", "verdict", "keep"]
        if store.has("groups") and VARIANT_SET in store.schema("groups").names:
            columns.append(VARIANT_SET)
        records = store.read("groups", columns) if store.has("groups") else _nothing(columns)
        records = records.sort_by("row").combine_chunks()
        self._rows: Rows = records.column("row").to_numpy().astype(np.int64)
        self._columns = {name: _one_chunk(records.column(name)) for name in records.column_names}
        kept = np.asarray(self._columns["keep"].to_numpy(zero_copy_only=False), dtype=bool)
        self._set_aside: Rows = self._rows[~kept]
        self._copies = self._copies_of(kept)

    def _copies_of(self, kept: Bools) -> dict[int, list[int]]:
        """Return the rows that are set aside for each kept row."""
        group = np.asarray(self._columns["group_id"].dictionary_encode().indices)
        verdicts = self._columns["verdict"].to_pylist()
        kept_of = {
            int(group[index]): int(self._rows[index])
            for index in np.flatnonzero(kept)
            if verdicts[index] == "kept"
        }
        copies: dict[int, list[int]] = {}
        for index in np.flatnonzero(~kept):
            row = kept_of.get(int(group[index]))
            if row is not None:
                copies.setdefault(row, []).append(int(self._rows[index]))
        return copies

    def keep(self, rows: Rows) -> Bools:
        """Return which rows are not set aside as copies, bool [n]."""
        kept: Bools = np.isin(rows, self._set_aside, invert=True, assume_unique=True)
        return kept

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

    def merge_copies(self, items: pa.RecordBatch, rows: Rows) -> pa.RecordBatch:
        """Give kept items the keys and tags of the copies that are set aside for them."""
        mine = {index: self._copies[int(row)] for index, row in enumerate(rows) if int(row) in self._copies}
        if not mine:
            return items
        wanted = np.array(sorted({row for copies in mine.values() for row in copies}), dtype=np.int64)
        records: dict[int, dict[str, Any]] = {
            record["row"]: record for record in self._store.take_items(wanted, ["row", *MERGED]).to_pylist()
        }
        for name in MERGED:
            place = items.schema.get_field_index(name)
            values = items.column(place).to_pylist()
            for index, copies in mine.items():
                lists = [values[index] or [], *(records[row][name] or [] for row in copies if row in records)]
                values[index] = list(dict.fromkeys(value for each in lists for value in each))
            field = items.schema.field(place)
            items = items.set_column(place, field, pa.array(values, field.type))
        return items


def _nothing(columns: list[str]) -> pa.Table:
    types = {"row": pa.int64(), "keep": pa.bool_()}
    return pa.schema([pa.field(name, types.get(name, pa.string())) for name in columns]).empty_table()


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    array = column.combine_chunks()
    return array.chunk(0) if isinstance(array, pa.ChunkedArray) else array
