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

# Bands get about as many bits as words have digits in base two: below this many words four bands of 16 bits, above it
# three of some 21, which hold about one word per value at 5 million.
FEW = 300_000
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
    found_i, found_j, found_d = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for shift, bits, reach in _bands(max(len(words), len(right)), radius):
        mask = np.uint64((1 << bits) - 1)
        key = ((words >> np.uint64(shift)) & mask).astype(np.int64)
        other_key = key if own else ((right >> np.uint64(shift)) & mask).astype(np.int64)
        order = np.argsort(other_key, kind="stable")
        starts = np.searchsorted(other_key[order], np.arange((1 << bits) + 1))
        for flip in _flips(bits, reach):
            # Two different buckets meet twice, once from each side: one side is enough.
            rows = np.flatnonzero(key < key ^ flip) if own and flip else np.arange(len(words))
            bucket = key[rows] ^ flip
            for at, place in _ranges(starts[bucket], starts[bucket + 1]):
                i, j = rows[at], order[place]
                if own and not flip:
                    keep = i < j
                    i, j = i[keep], j[keep]
                distance = np.bitwise_count(words[i] ^ right[j])
                near = distance <= radius
                found_i.append(i[near])
                found_j.append(j[near])
                found_d.append(distance[near].astype(np.int64))
    i, j, d = np.concatenate(found_i), np.concatenate(found_j), np.concatenate(found_d)
    if own:
        i, j = np.minimum(i, j), np.maximum(i, j)
    _, first = np.unique(i * max(len(right), 1) + j, return_index=True)
    return i[first], j[first], d[first]


def _bands(count: int, radius: int) -> list[tuple[int, int, int]]:
    """Return (shift, bits, reach) of each band.

    With radius = bands x q + a, one of the first a + 1 bands is within q bits or one of the others within q - 1.
    """
    widths = [16, 16, 16, 16] if count < FEW else [22, 21, 21]
    whole, rest = divmod(radius, len(widths))
    found = []
    shift = 0
    for number, bits in enumerate(widths):
        reach = whole if number <= rest else whole - 1
        if reach >= 0:
            found.append((shift, bits, reach))
        shift += bits
    return found


def _flips(bits: int, reach: int) -> Iterator[int]:
    for count in range(reach + 1):
        for chosen in combinations(range(bits), count):
            yield sum(1 << bit for bit in chosen)


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
