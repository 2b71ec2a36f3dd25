"""Which pairs are worth a look: graph edges above a similarity, and perceptual hashes a few bits apart.

Hashes are searched as they are and mirrored; the search is exact within its radius (index/hamming.py). A neighbour
list that is full may hide further duplicates: such lists are counted, and the parts they fall into are bridged.
"""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt

from dedupe.groups import Edges, components, unique_edges
from dedupe.sketch import read_sketches, sketch_edges
from index.graph import Graph
from index.hamming import hamming_pairs
from index.store import Store
from schema.settings import DedupeSettings

Ints = npt.NDArray[np.int64]

# A mirror negates every odd horizontal frequency of the 8x8 hash; the bit of a frequency near the median of zero
# then turns. Row by row, most significant bit first.
MIRROR = np.uint64(0x5555555555555555)
# Bits that the mirrored hash may be further off: the median moves a little when half the signs turn.
MIRROR_SLACK = 2


def find_candidates(store: Store, key: str, options: DedupeSettings) -> tuple[Edges, dict[str, int]]:
    """Return candidate pairs of pictures, and counts by origin; ``key`` is the encoder's, or empty for hashes alone."""
    rows, words = read_hashes(store)
    low, high, similarity = [], [], []
    counts: dict[str, int] = {}
    found, hashed = hash_edges(rows, words, options.hamming)
    low.append(found.i)
    high.append(found.j)
    similarity.append(found.similarity)
    counts["hash_pairs"] = hashed
    if options.outlines:
        sketched, lines = read_sketches(store, options.threads or os.cpu_count() or 1)
        found = sketch_edges(sketched, lines)
        low.append(found.i)
        high.append(found.j)
        similarity.append(found.similarity)
        counts["outline_pairs"] = len(found)
    if key:
        graph = store.graph(key)
        near, full = graph_edges(graph, options.similarity)
        low.append(near.i)
        high.append(near.j)
        similarity.append(near.similarity)
        counts["graph_pairs"] = len(near)
        counts["full_lists"] = len(full)
        if len(full):
            wide = bridge(store, key, near, full, store.n_items(), options.similarity)
            counts["widened"] = len(wide)
            low.append(wide.i)
            high.append(wide.j)
            similarity.append(wide.similarity)
    edges = unique_edges(np.concatenate(low), np.concatenate(high), np.concatenate(similarity))
    seen = np.zeros(store.n_items(), dtype=bool)
    seen[rows] = True
    edges = edges.where(seen[edges.i] & seen[edges.j])
    counts["candidates"] = len(edges)
    return edges, counts


def read_hashes(store: Store) -> tuple[Ints, npt.NDArray[np.uint64]]:
    """Return rows and perceptual hashes of all pictures that were decoded."""
    rows, words = [], []
    for batch in store.scan("items", ["row", "phash"], "status = 'ok' AND phash IS NOT NULL"):
        rows.append(batch.column(0).to_numpy())
        words.append(batch.column(1).to_numpy())
    if not rows:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint64)
    return np.concatenate(rows), np.concatenate(words).view(np.uint64)


def hash_edges(rows: Ints, words: npt.NDArray[np.uint64], radius: int) -> tuple[Edges, int]:
    """Return pairs of rows whose hashes, or one and the other's mirror image, are at most ``radius`` bits apart.

    The rows of one hash are joined as a star around the first, so that a thousand equal ones are a thousand pairs;
    the similarity of a hash pair is 1 less a hundredth per bit, which only orders the pairs.
    """
    unique, first, back = np.unique(words, return_index=True, return_inverse=True)
    centre = rows[first]
    low, high, bits = [centre[back]], [rows], [np.zeros(len(rows), dtype=np.int64)]
    i, j, distance = hamming_pairs(unique, radius)
    low.append(centre[i])
    high.append(centre[j])
    bits.append(distance)
    mirrored = unique ^ MIRROR
    order = np.argsort(mirrored)
    i, j, distance = hamming_pairs(unique, min(radius + MIRROR_SLACK, 11), mirrored[order])
    low.append(centre[i])
    high.append(centre[order[j]])
    bits.append(distance)
    a, b = np.concatenate(low), np.concatenate(high)
    similarity = (1.0 - 0.01 * np.concatenate(bits)).astype(np.float32)
    found = unique_edges(np.minimum(a, b), np.maximum(a, b), similarity)
    return found, len(found)


def bridge(store: Store, key: str, near: Edges, full: Ints, n: int, similarity: float) -> Edges:
    """Return edges between the parts that full neighbour lists fall into: one member of each against all of them.

    A crowd of near-equal pictures larger than a list falls into parts of its own; one exact search over the
    first row of each part finds the ties that no list had room for.
    """
    none = np.empty(0, dtype=np.int64)
    part = components(n, near)[full]
    names, first = np.unique(part, return_index=True)
    # m parts x f rows x d: bounded to about a minute of arithmetic on two cores.
    if len(names) < 2 or len(names) * len(full) > 2e10 / 512:
        return Edges(none, none, np.empty(0, dtype=np.float32))
    table = store.take(f"vectors_{key}", full, ["vector"]).combine_chunks()
    data = table.column(0).combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(len(full), -1)
    data = data.astype(np.float32)
    low, high, cosine = [], [], []
    for start in range(0, len(first), 256):
        own = first[start : start + 256]
        scores = data[own] @ data.T
        at, other = np.nonzero((scores >= similarity) & (part[own][:, None] != part[None]))
        low.append(np.minimum(full[own[at]], full[other]))
        high.append(np.maximum(full[own[at]], full[other]))
        cosine.append(scores[at, other])
    return unique_edges(np.concatenate(low), np.concatenate(high), np.concatenate(cosine).astype(np.float32))


def graph_edges(graph: Graph, similarity: float, chunk: int = 262_144) -> tuple[Edges, Ints]:
    """Return the edges of a kNN graph at or above a similarity, each pair once, and the rows whose list is full.

    A full list (even its last neighbour is above the similarity) may hide further duplicates.
    """
    low, high, cosine = [], [], []
    full = graph.rows[graph.similarity[:, -1] >= similarity] if graph.similarity.shape[1] else graph.rows[:0]
    for start in range(0, len(graph.rows), chunk):
        ids, sims = graph.ids[start : start + chunk], graph.similarity[start : start + chunk]
        at, column = np.nonzero((sims >= similarity) & (ids >= 0))
        own, other = graph.rows[start + at], ids[at, column].astype(np.int64)
        low.append(np.minimum(own, other))
        high.append(np.maximum(own, other))
        cosine.append(sims[at, column])
    if not low:
        none = np.empty(0, dtype=np.int64)
        return Edges(none, none, np.empty(0, dtype=np.float32)), full
    return unique_edges(np.concatenate(low), np.concatenate(high), np.concatenate(cosine)), full
