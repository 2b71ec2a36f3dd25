"""Columns of one table brought into the order of the rows of another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from index.store import Store
from schema.arrays import Bools, Rows


class Aligned:
    """Columns of a table for given rows, ascending; null where the table has no such row, or no such column."""

    def __init__(self, store: Store, table: str, rows: Rows, columns: Sequence[str]) -> None:
        self._columns: dict[str, pa.Array] = {}
        self._size = len(rows)
        self.present: Bools = np.zeros(len(rows), dtype=bool)
        if not store.has(table) or not len(rows):
            return
        known = set(store.schema(table).names)
        names = [name for name in columns if name in known]
        where = f"row >= {int(rows[0])} AND row <= {int(rows[-1])}"
        records = store.read(table, ["row", *names], where).combine_chunks()
        stored = records.column("row").to_numpy()
        place = np.searchsorted(stored, rows)
        if len(stored):
            self.present = stored[np.minimum(place, len(stored) - 1)] == rows
        index = pa.array(place, mask=~self.present)
        for name in names:
            self._columns[name] = records.column(name).take(index).combine_chunks()

    def flag(self, name: str) -> Bools:
        """Return a boolean column, False where unknown."""
        column = self._columns.get(name)
        if column is None:
            return np.zeros(self._size, dtype=bool)
        filled: Bools = column.fill_null(False).to_numpy(zero_copy_only=False)
        return filled

    def column(self, name: str) -> pa.Array | None:
        """Return a column, or None where the table has none of that name."""
        return self._columns.get(name)

    def take(self, index: pa.Array) -> dict[str, pa.Array]:
        """Return the columns at these places."""
        return {name: column.take(index) for name, column in self._columns.items()}
