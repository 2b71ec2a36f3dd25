"""Which items are set aside as copies of which kept one, from the table ``groups``.

Versions of a drawing are items of their own and no copies: only members of one artwork ('same artwork', 'same file')
speak for each other.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from index.store import Store
from schema.arrays import Bools, Rows
from schema.records import KEPT

COLUMNS = ["row", "group_id", "verdict", "keep"]


class Copies:
    """Set-aside items by the item that is kept in their place.

    ``rows`` int64 [m] ascending are all items that are set aside; ``kept`` int64 [m] the item kept for each, -1 where
    its group keeps none.
    """

    def __init__(self, rows: Rows, kept: Rows) -> None:
        self.rows, self.kept = rows, kept
        order = np.argsort(kept, kind="stable")
        self._by_kept, self._copies = kept[order], rows[order]

    @classmethod
    def of(cls, store: Store) -> Copies:
        """Return the copies of a store; none before the first dedupe."""
        if not store.has("groups"):
            return cls(np.empty(0, np.int64), np.empty(0, np.int64))
        return cls.from_groups(store.read("groups", COLUMNS))

    @classmethod
    def from_groups(cls, groups: pa.Table) -> Copies:
        """Return the copies in records of ``groups`` with the columns COLUMNS, in any order."""
        groups = groups.sort_by("row")
        rows = groups.column("row").to_numpy().astype(np.int64)
        keep = groups.column("keep").to_numpy().astype(bool)
        ids = groups.column("group_id").combine_chunks().dictionary_encode()
        if isinstance(ids, pa.ChunkedArray):
            ids = ids.combine_chunks()
        group = np.asarray(ids.indices, np.int64)
        verdicts = np.asarray(groups.column("verdict").to_pylist(), dtype=object)
        kept_of = np.full(len(ids.dictionary), -1, np.int64)
        chosen = keep & (verdicts == KEPT)
        kept_of[group[chosen]] = rows[chosen]
        return cls(rows[~keep], kept_of[group[~keep]])

    def set_aside(self, rows: Rows) -> Bools:
        """Return which of these rows are set aside, bool [n]."""
        found: Bools = np.isin(rows, self.rows, assume_unique=True)
        return found

    def by_kept(self, rows: Rows) -> dict[int, list[int]]:
        """Return the copies of those of ``rows`` that have some, by kept row."""
        if not len(self._by_kept):
            return {}
        low = np.searchsorted(self._by_kept, rows)
        high = np.searchsorted(self._by_kept, rows, side="right")
        having = np.flatnonzero(high > low)
        return {int(rows[at]): self._copies[low[at] : high[at]].tolist() for at in having.tolist()}

    def kept_for(self, rows: Rows) -> Rows:
        """Return the kept items of those of ``rows`` that are set aside, int64 ascending."""
        if not len(self.rows):
            return np.empty(0, np.int64)
        place = np.minimum(np.searchsorted(self.rows, rows), len(self.rows) - 1)
        found: Rows = np.unique(self.kept[place[self.rows[place] == rows]])
        return found[found >= 0]

    def members(self, rows: Rows) -> Rows:
        """Return the copies of ``rows``, int64 ascending."""
        found = self.by_kept(np.asarray(rows, np.int64)).values()
        return np.unique(np.asarray([row for copies in found for row in copies], np.int64))
