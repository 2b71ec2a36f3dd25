"""What was measured of pairs, kept for ever in the table ``pairs``: sorted keys and one array of measures.

Not the verdict is kept but what it is made from, so thresholds move, runs resume and new items come without measuring
again. A pair takes 52 bytes of memory: 50 million of them 2.6 GB.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import fields

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dedupe.compare.verdict import TONES, Difference
from index.store import Store
from schema import tables
from schema.arrays import Ints

Pair = tuple[int, int]

PAIRS = tables.PAIRS
_NAMES = [each.name for each in fields(Difference)]
_KINDS = {"mirrored": np.bool_, "ground": np.bool_, "tone": np.int8, "overlay": np.int8}
MEASURES = np.dtype([(name, _KINDS.get(name, np.float32)) for name in _NAMES])
# Fresh pairs that are written together: a commit of fewer rows makes small fragments, one of more loses more work to
# whoever pulls the plug.
COMMIT = 50_000


class Memory:
    """Measured pairs of earlier runs and of this one, by row and other, row < other. Safe to ask from many threads."""

    def __init__(self, keys: Ints, measures: npt.NDArray[np.void]) -> None:
        order = np.argsort(keys, kind="stable")
        self._known = (keys[order], measures[order])
        self._fresh: dict[int, Difference] = {}
        self._lock = threading.Lock()
        self.measured = 0

    @classmethod
    def of(cls, store: Store) -> Memory:
        """Return what earlier runs measured."""
        keys, measures = [np.empty(0, np.int64)], [np.empty(0, MEASURES)]
        for batch in store.scan("pairs"):
            columns = dict(zip(batch.schema.names, batch.columns, strict=True))
            keys.append(key_of(columns["row"].to_numpy(), columns["other"].to_numpy()))
            part = np.empty(batch.num_rows, MEASURES)
            for name in _NAMES:
                if name == "tone":
                    words = columns[name].dictionary_encode()
                    codes = np.asarray([TONES.index(word) for word in words.dictionary.to_pylist()], np.int8)
                    part[name] = codes[words.indices.to_numpy(zero_copy_only=False)]
                else:
                    part[name] = columns[name].to_numpy(zero_copy_only=False)
            measures.append(part)
        return cls(np.concatenate(keys), np.concatenate(measures))

    def __len__(self) -> int:
        return len(self._known[0]) + len(self._fresh)

    def get(self, a: int, b: int) -> Difference | None:
        """Return what was measured of two rows, or None."""
        key = (min(a, b) << 32) | max(a, b)
        found = self._fresh.get(key)
        if found is not None:
            return found
        keys, measures = self._known
        at = int(np.searchsorted(keys, key))
        return _difference(measures[at]) if at < len(keys) and keys[at] == key else None

    def add(self, a: int, b: int, difference: Difference) -> None:
        """Remember what was measured of two rows."""
        with self._lock:
            self._fresh[(min(a, b) << 32) | max(a, b)] = difference
            self.measured += 1

    def pairs(self) -> tuple[Ints, Ints, npt.NDArray[np.void]]:
        """Return row, other and measures (MEASURES) of all pairs, sorted; those not saved yet are left out."""
        keys, measures = self._known
        return keys >> 32, keys & 0xFFFFFFFF, measures

    def differences(self, at: Ints) -> Iterator[tuple[Pair, Difference]]:
        """Yield the pairs at these places of ``pairs``."""
        keys, measures = self._known
        for place in at.tolist():
            key = int(keys[place])
            yield (key >> 32, key & 0xFFFFFFFF), _difference(measures[place])

    def save(self, store: Store, least: int = 1) -> None:
        """Append what was measured since the last time to the table ``pairs``, if there are ``least`` pairs or more."""
        if len(self._fresh) < least:
            return
        with self._lock:
            keys = np.fromiter(sorted(self._fresh), np.int64, len(self._fresh))
            found = [self._fresh[key] for key in keys.tolist()]
            measures = np.empty(len(keys), MEASURES)
            for name in _NAMES:
                values = [getattr(each, name) for each in found]
                measures[name] = [TONES.index(word) for word in values] if name == "tone" else values
            all_keys = np.concatenate([self._known[0], keys])
            all_measures = np.concatenate([self._known[1], measures])
            order = np.argsort(all_keys, kind="stable")
            self._known = (all_keys[order], all_measures[order])
            self._fresh = {}
        columns: list[pa.Array] = [pa.array(keys >> 32), pa.array(keys & 0xFFFFFFFF)]
        for name in _NAMES:
            column = np.asarray(TONES)[measures[name]] if name == "tone" else measures[name]
            columns.append(pa.array(column).cast(PAIRS.field(name).type))
        store.append("pairs", pa.table(columns, schema=PAIRS), PAIRS)


def key_of(i: Ints, j: Ints) -> Ints:
    """Return one number per pair of rows, i < j < 2^31."""
    return (i.astype(np.int64) << 32) | j.astype(np.int64)


def _difference(record: np.void) -> Difference:
    values = dict(zip(_NAMES, record.item(), strict=True))
    values["tone"] = TONES[values["tone"]]
    return Difference(**values)
