"""128-bit digests in sorted numpy arrays: 16 bytes per known key, 24 per known content (5 M of each: 200 MB)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from schema.arrays import Ints

_RECENT = 65_536


class Digests:
    """A growing map from 16-byte digests to int64 numbers: sorted arrays, with a dict for the latest ones."""

    def __init__(self, with_numbers: bool = True) -> None:
        self._high = np.empty(0, dtype=np.uint64)
        self._low = np.empty(0, dtype=np.uint64)
        self._numbers: Ints | None = np.empty(0, dtype=np.int64) if with_numbers else None
        self._recent: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._high) + len(self._recent)

    def __contains__(self, digest: bytes) -> bool:
        return self.get(digest) is not None

    def get(self, digest: bytes) -> int | None:
        """Return the number of a digest (0 where none are kept), or None when it is not known."""
        found = self._recent.get(digest)
        if found is not None:
            return found
        high = np.uint64(int.from_bytes(digest[:8], "big"))
        low = int.from_bytes(digest[8:], "big")
        at = int(np.searchsorted(self._high, high))
        while at < len(self._high) and self._high[at] == high:
            if int(self._low[at]) == low:
                return int(self._numbers[at]) if self._numbers is not None else 0
            at += 1
        return None

    def add(self, digest: bytes, number: int = 0) -> None:
        """Remember a digest that is not known yet."""
        self._recent[digest] = number
        if len(self._recent) >= _RECENT:
            self._merge()

    def update(self, digests: Iterable[tuple[bytes, int]]) -> None:
        """Remember many."""
        for digest, number in digests:
            self.add(digest, number)
        self._merge()

    def _merge(self) -> None:
        if not self._recent:
            return
        words = np.frombuffer(b"".join(self._recent), dtype=">u8").astype(np.uint64).reshape(-1, 2)
        numbers = np.fromiter(self._recent.values(), dtype=np.int64, count=len(words))
        order = np.argsort(words[:, 0], kind="stable")
        at = np.searchsorted(self._high, words[order, 0])
        self._high = np.insert(self._high, at, words[order, 0])
        self._low = np.insert(self._low, at, words[order, 1])
        if self._numbers is not None:
            self._numbers = np.insert(self._numbers, at, numbers[order])
        self._recent = {}
