"""Directions of pairs, kept in the table ``directions``: another choice of what stays measures no pair again.

Only confirmed copies have one, so the table is small next to ``pairs``. Rows of an older version of what is measured
are passed over, and go when the table is written.
"""

from __future__ import annotations

import threading
from dataclasses import fields

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dedupe.direction.record import VERSION, Direction
from dedupe.verify.pair_cache import key_of
from index.store import Store
from schema import tables
from schema.arrays import Ints

TABLE = "directions"
_KINDS = {"bool": np.bool_, "int": np.int32, "float": np.float32}
_FIELDS = [(each.name, _KINDS[str(each.type)]) for each in fields(Direction)]
MEASURES = np.dtype(_FIELDS)


class DirectionCache:
    """Measured directions of earlier runs and of this one, by row and other, row < other; safe from many threads."""

    def __init__(self, keys: Ints, measures: npt.NDArray[np.void], stale: bool = False) -> None:
        order = np.argsort(keys, kind="stable")
        self._keys, self._measures, self._stale = keys[order], measures[order], stale
        self._fresh: dict[int, Direction] = {}
        self._lock = threading.Lock()
        self.measured = 0
        """How many pairs were measured since the cache was read."""

    @classmethod
    def of(cls, store: Store) -> DirectionCache:
        """Return what earlier runs measured."""
        keys, parts, stale = [np.empty(0, np.int64)], [np.empty(0, MEASURES)], False
        for batch in store.scan(TABLE):
            columns = dict(zip(batch.schema.names, batch.columns, strict=True))
            present = columns["version"].to_numpy() == VERSION
            stale |= not bool(present.all())
            if not present.any():
                continue
            keys.append(key_of(columns["row"].to_numpy(), columns["other"].to_numpy())[present])
            part = np.empty(int(present.sum()), MEASURES)
            for name, _ in _FIELDS:
                part[name] = columns[name].to_numpy(zero_copy_only=False)[present]
            parts.append(part)
        return cls(np.concatenate(keys), np.concatenate(parts), stale)

    def get(self, row: int, other: int) -> Direction | None:
        """Return what was measured of two rows, row < other, or None."""
        key = (row << 32) | other
        found = self._fresh.get(key)
        if found is not None:
            return found
        place = int(np.searchsorted(self._keys, key))
        if place < len(self._keys) and self._keys[place] == key:
            return Direction(*self._measures[place].item())
        return None

    def add(self, row: int, other: int, direction: Direction) -> Direction:
        """Remember what was measured of two rows, row < other; returns it as it will be read back."""
        rounded = direction.rounded()
        with self._lock:
            self._fresh[(row << 32) | other] = rounded
            self.measured += 1
        return rounded

    def save(self, store: Store) -> None:
        """Append what was measured since the last time; rows of an older version go."""
        if not self._fresh:
            return
        with self._lock:
            keys = np.fromiter(sorted(self._fresh), np.int64, len(self._fresh))
            records = [self._fresh[key] for key in keys.tolist()]
            measures = np.empty(len(keys), MEASURES)
            for name, _ in _FIELDS:
                measures[name] = [getattr(each, name) for each in records]
            self._fresh = {}
            both = np.concatenate([self._keys, keys])
            order = np.argsort(both, kind="stable")
            self._keys, self._measures = both[order], np.concatenate([self._measures, measures])[order]
        if self._stale:
            store.replace(TABLE, _table(self._keys, self._measures), tables.DIRECTIONS)
            self._stale = False
        else:
            store.append(TABLE, _table(keys, measures), tables.DIRECTIONS)


def _table(keys: Ints, measures: npt.NDArray[np.void]) -> pa.Table:
    columns: dict[str, pa.Array] = {
        "row": pa.array(keys >> 32),
        "other": pa.array(keys & 0xFFFFFFFF),
        "version": pa.array(np.full(len(keys), VERSION, np.int32)),
    }
    columns |= {name: pa.array(np.ascontiguousarray(measures[name])) for name, _ in _FIELDS}
    return pa.table([columns[name] for name in tables.DIRECTIONS.names], schema=tables.DIRECTIONS)
