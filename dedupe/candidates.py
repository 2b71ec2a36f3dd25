"""Which pairs are worth a look: graph edges above a similarity, and perceptual hashes a few bits apart.

Hashes are searched as they are and mirrored; the search is exact within its radius (index/hamming.py).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dedupe.groups import Edges
from index.graph import Graph

Ints = npt.NDArray[np.int64]


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


def unique_edges(low: Ints, high: Ints, similarity: npt.NDArray[np.float32]) -> Edges:
    """Return pairs (low < high) once each, in order, with the highest similarity of a repeated one."""
    keep = low != high
    low, high, similarity = low[keep], high[keep], similarity[keep]
    if not len(low):
        return Edges(low, high, similarity)
    order = np.argsort((low << 32) | high, kind="stable")
    low, high, similarity = low[order], high[order], similarity[order]
    fresh = np.flatnonzero(np.concatenate([[True], (low[1:] != low[:-1]) | (high[1:] != high[:-1])]))
    return Edges(low[fresh], high[fresh], np.maximum.reduceat(similarity, fresh))
