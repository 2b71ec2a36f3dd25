"""The searcher seam: one method that joins queries with data; the kNN graph and its recall derive from it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from index.stages.progress import Bar
from schema.arrays import Floats16, Floats32, Ints
from schema.settings import IndexSettings

Positions = Ints
Similarity = Floats32
Data = Floats16


class Searcher(ABC):
    """Finds nearest neighbours by cosine similarity among unit vectors."""

    approximate = False

    def __init__(self, settings: IndexSettings) -> None:
        self.settings = settings
        self.facts: dict[str, Any] = {}

    @abstractmethod
    def join(self, queries: Data, data: Data, k: int, bar: Bar | None = None) -> tuple[Positions, Similarity]:
        """Return for each query the positions of its k nearest vectors of ``data``, closest first.

        queries float16 [m, d], data float16 [n, d] -> int64 [m, k], float32 [m, k]; where fewer than k exist
        the rest is -1 with similarity -1. Ties go to the lower position.
        """

    def graph(self, data: Data, k: int, bar: Bar | None = None) -> tuple[Positions, Similarity]:
        """Return the kNN graph of ``data``: as ``join`` with itself, each vector left out of its own list."""
        return drop_self(*self.join(data, data, k + 1, bar))


def drop_self(positions: Positions, similarity: Similarity, first: int = 0) -> tuple[Positions, Similarity]:
    """Remove from list i the position ``first + i``, else the last entry; [m, k + 1] -> [m, k].

    With more than k exact duplicates an item may not be in its own list; then the farthest entry goes.
    """
    m, width = positions.shape
    own = positions == (np.arange(m) + first)[:, None]
    own[~own.any(axis=1), -1] = True
    keep = ~own
    return positions[keep].reshape(m, width - 1), similarity[keep].reshape(m, width - 1)


def order(positions: Positions, similarity: Similarity) -> tuple[Positions, Similarity]:
    """Sort each list by falling similarity, ties by position, so that equal input gives equal output."""
    by = np.lexsort((positions, -similarity), axis=1)
    return np.take_along_axis(positions, by, 1), np.take_along_axis(similarity, by, 1)


def pad(positions: Positions, similarity: Similarity, k: int) -> tuple[Positions, Similarity]:
    """Widen lists that are shorter than k by position -1 and similarity -1."""
    missing = k - positions.shape[1]
    if missing <= 0:
        return positions, similarity
    return (
        np.pad(positions, ((0, 0), (0, missing)), constant_values=-1),
        np.pad(similarity, ((0, 0), (0, missing)), constant_values=-1.0),
    )


def similarity_recall(found: Similarity, exact: Similarity, tolerance: float = 1e-3) -> float:
    """Return the share of exact neighbours that are matched by one at least as close.

    By similarity and not by id: among exact ties any choice is right, and ids would call it a miss.
    """
    valid = exact > -1.0
    hits = (found >= exact[:, -1:] - tolerance) & (found > -1.0)
    if valid.all():
        return float(hits.mean()) if hits.size else 1.0
    return float(np.minimum(hits.sum(1), valid.sum(1)).sum() / max(1, valid.sum()))
