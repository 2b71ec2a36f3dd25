"""All pairs of 64-bit hashes within a Hamming radius, exactly, by multi-index hashing.

Of b bands, two words at most r bits apart agree wholly in b - r at least: every choice of that many bands is a key, and
words of one key are compared (the pigeonhole of Norouzi, Punjani, Fleet, "Fast search in Hamming space with multi-index
hashing", 2012, over combinations of bands as in Manku, Jain, Das Sarma, "Detecting near-duplicates for web crawling",
2007). A key and the number of its word share one integer, so that a plain sort joins them. Where the radius is wide for
the number of words, FAISS compares each with each: ten bits among fifty thousand words take it a twentieth of the time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations, pairwise

import numpy as np

from index.stages.parallel import in_order
from schema.arrays import Bytes, Hashes, Ints

Pairs = tuple[Ints, Ints, Ints]

# Bits of a key, so that the number of a word fits beside it.
KEY_BITS = 32
# What comparing two words costs against sorting one, measured on random words.
COMPARE = 0.35
# What a key costs whatever the number of words, in words sorted.
ONCE = 3_000
# What comparing two words costs where each is compared with each, in words sorted: no key is made, nothing is gathered.
EXHAUSTIVE = 0.002
# Words that are compared with all others in one call.
QUERIES = 4096


def hamming_pairs(
    words: Hashes, radius: int, others: Hashes | None = None, threads: int = 1, least: int = 0
) -> Pairs:
    """Return all pairs (i, j) of words ``least`` to ``radius`` bits apart, and how many bits; i < j without ``others``.

    Words must be distinct within each array. With ``others``, i counts ``words`` and j counts ``others``.
    """
    count = len(words)
    both = words if others is None else np.concatenate([words, others])
    if len(both) >= 1 << KEY_BITS:
        raise ValueError(f"{len(both):,} words are more than {1 << KEY_BITS:,}")
    if not count or (others is not None and not len(others)):
        none = np.empty(0, dtype=np.int64)
        return none, none, none
    number, cost = _best_bands(len(both), radius)
    if EXHAUSTIVE * count * (count if others is None else len(others)) < cost:
        return _each_with_each(words, others, radius, threads, least)
    bands = _bands(number)
    keys = list(combinations(bands, len(bands) - radius))

    def join(chosen: Sequence[tuple[int, int]]) -> tuple[Ints, Ints]:
        return _join(both, chosen, least, radius, count if others is not None else 0)

    # Most pairs share many keys: they are made one as they come, or a pair would be held once per key.
    codes, size = [np.empty(0, np.int64)], 0
    limit = max(4_000_000, len(both))
    with ThreadPoolExecutor(max(1, threads)) as pool:
        for i, j in pool.map(join, keys):
            codes.append(i << KEY_BITS | j)
            size += len(i)
            if size > limit:
                codes = [np.unique(np.concatenate(codes))]
                size, limit = 0, max(limit, 2 * len(codes[0]))
    found = np.unique(np.concatenate(codes))
    i, j = found >> KEY_BITS, found & ((1 << KEY_BITS) - 1)
    distance = np.bitwise_count(both[i] ^ both[j]).astype(np.int64)
    return i, (j if others is None else j - count), distance


def _each_with_each(words: Hashes, others: Hashes | None, radius: int, threads: int, least: int) -> Pairs:
    """As ``hamming_pairs``, by comparing every word with every other."""
    import faiss

    index = faiss.IndexBinaryFlat(64)
    index.add(_code(words if others is None else others))

    def search(start: int) -> Pairs:
        # The number of OpenMP threads is the calling thread's own.
        faiss.omp_set_num_threads(1)
        limits, distance, j = index.range_search(_code(words[start : start + QUERIES]), radius + 1)
        i = start + np.repeat(np.arange(len(limits) - 1), np.diff(limits).astype(np.int64))
        wanted = distance >= least if others is not None else (distance >= least) & (i < j)
        return i[wanted], j[wanted], distance[wanted].astype(np.int64)

    before = faiss.omp_get_max_threads()
    try:
        found = list(in_order(search, range(0, len(words), QUERIES), threads))
    finally:
        faiss.omp_set_num_threads(before)
    i, j, distance = (np.concatenate(part) for part in zip(*found, strict=True))
    order = np.lexsort((j, i))
    return i[order], j[order], distance[order]


def _code(words: Hashes) -> Bytes:
    """Words as FAISS takes them, uint8 [n, 8]."""
    return np.ascontiguousarray(words).view(np.uint8).reshape(-1, 8)


def _best_bands(count: int, radius: int) -> tuple[int, float]:
    """The number of bands that costs least for random words, and what it costs in words sorted: keys to sort, and pairs
    to compare within a key."""

    def cost(bands: int) -> float:
        agree = bands - radius
        bits = min(KEY_BITS, 64 * agree // bands)
        return float(math.comb(bands, agree) * (ONCE + count + COMPARE * count**2 / 2 / 2**bits))

    best = min(range(radius + 1, min(64, radius + 6) + 1), key=cost)
    return best, cost(best)


def _bands(count: int) -> list[tuple[int, int]]:
    """Return (shift, bits) of so many bands that cover 64 bits."""
    edges = [64 * at // count for at in range(count + 1)]
    return [(low, high - low) for low, high in pairwise(edges)]


def _join(
    words: Hashes, chosen: Sequence[tuple[int, int]], least: int, radius: int, first: int
) -> tuple[Ints, Ints]:
    """Return the pairs i < j that share all chosen bands; with ``first``, only those with i below it and j not."""
    packed = np.zeros(len(words), dtype=np.uint64)
    room = KEY_BITS
    for shift, bits in chosen:
        # Bands that do not fit into the key are left out of it: they only spare comparisons.
        bits = min(bits, room)
        if bits:
            packed <<= np.uint64(bits)
            packed |= (words >> np.uint64(shift)) & np.uint64((1 << bits) - 1)
            room -= bits
    packed <<= np.uint64(KEY_BITS)
    packed |= np.arange(len(words), dtype=np.uint64)
    packed.sort()
    number = (packed & np.uint64((1 << KEY_BITS) - 1)).astype(np.int64)
    key = (packed >> np.uint64(KEY_BITS)).astype(np.uint32)
    near_i, near_j = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    at, step = np.flatnonzero(key[1:] == key[:-1]), 1
    while len(at):
        i, j = number[at], number[at + step]
        if first:
            across = (i < first) & (j >= first)
            i, j = i[across], j[across]
        distance = np.bitwise_count(words[i] ^ words[j])
        near = (distance >= least) & (distance <= radius)
        near_i.append(i[near])
        near_j.append(j[near])
        step += 1
        at = at[at + step < len(key)]
        at = at[key[at + step] == key[at]]
    return np.concatenate(near_i), np.concatenate(near_j)
