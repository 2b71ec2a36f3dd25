"""All pairs of 64-bit hashes within a Hamming radius, exactly, by multi-index hashing.

Two words at most r bits apart agree up to floor(r / m) bits in at least one of m bands (Norouzi, Punjani, Fleet,
"Fast search in Hamming space with multi-index hashing", 2012); bands are joined by sorting, never by their
prefix alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]

BAND_BITS = 16
BANDS = 64 // BAND_BITS
# Pairs tested at a time: 3 arrays of 8 bytes each.
CHUNK = 4_000_000


def hamming_pairs(
    words: Words, radius: int, others: Words | None = None
) -> tuple[Ints, Ints, npt.NDArray[np.int64]]:
    """Return all pairs (i, j) of words at most ``radius`` bits apart, and how many bits; i < j without ``others``.

    Words must be distinct within each array. With ``others``, i counts ``words`` and j counts ``others``.
    """
    own = others is None
    right = words if others is None else others
    reach = radius // BANDS
    found_i, found_j, found_d = [], [], []
    for band in range(BANDS):
        shift = np.uint64(band * BAND_BITS)
        key = ((words >> shift) & np.uint64(0xFFFF)).astype(np.int64)
        other_key = ((right >> shift) & np.uint64(0xFFFF)).astype(np.int64)
        order = np.argsort(other_key, kind="stable")
        starts = np.searchsorted(other_key[order], np.arange(2**BAND_BITS + 1))
        for flip in _flips(reach):
            bucket = key ^ flip
            low, high = starts[bucket], starts[bucket + 1]
            for i, at in _ranges(low, high):
                j = order[at]
                if own:
                    keep = i < j
                    i, j = i[keep], j[keep]
                distance = np.bitwise_count(words[i] ^ right[j])
                near = distance <= radius
                found_i.append(i[near])
                found_j.append(j[near])
                found_d.append(distance[near].astype(np.int64))
    i, j, d = np.concatenate(found_i), np.concatenate(found_j), np.concatenate(found_d)
    _, first = np.unique(i * len(right) + j, return_index=True)
    return i[first], j[first], d[first]


def _flips(reach: int) -> Iterator[int]:
    for count in range(reach + 1):
        for bits in combinations(range(BAND_BITS), count):
            yield sum(1 << bit for bit in bits)


def _ranges(low: Ints, high: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Yield (index, position) for every position in [low, high) of every index, in chunks."""
    count = high - low
    ends = np.cumsum(count)
    begin = 0
    while begin < len(count):
        base = ends[begin - 1] if begin else 0
        stop = max(int(np.searchsorted(ends, base + CHUNK, side="right")), begin + 1)
        size = count[begin:stop]
        index = np.repeat(np.arange(begin, stop), size)
        if len(index):
            offset = np.arange(len(index)) - np.repeat(np.cumsum(size) - size, size)
            yield index, np.repeat(low[begin:stop], size) + offset
        begin = stop
