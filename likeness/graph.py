"""The nearest neighbours of vectors, without a store: the searchers that the index stage uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from index.neighbours.graph import choose_searcher
from likeness.inputs import unit_vectors
from likeness.table import to_pandas
from schema.arrays import Floats32, Ints
from schema.errors import InputError
from schema.settings import IndexSettings

if TYPE_CHECKING:
    import pandas as pd

MOST_NEIGHBOURS = 1024


@dataclass(frozen=True, slots=True)
class KnnGraph:
    """The k nearest neighbours of n vectors, closest first, each left out of its own list.

    ``ids`` int64 [n, k] are rows of the vectors, -1 where there are fewer than k; ``similarity`` float32 [n, k] is the
    cosine, -1 there. ``approximate`` tells whether neighbours may have been missed.
    """

    ids: Ints
    similarity: Floats32
    approximate: bool = False

    def to_arrow(self) -> pa.Table:
        """Return one row per pair: ``row``, ``neighbour``, ``similarity``; closest first within a row."""
        rows = np.repeat(np.arange(len(self.ids)), self.ids.shape[1])
        real = self.ids.ravel() >= 0
        return pa.table(
            {
                "row": rows[real],
                "neighbour": self.ids.ravel()[real],
                "similarity": self.similarity.ravel()[real],
            }
        )

    def to_pandas(self) -> pd.DataFrame:
        """Return what ``to_arrow`` returns as a DataFrame; raises MissingExtra where pandas is not installed."""
        return to_pandas(self.to_arrow())


def knn_graph(vectors: npt.ArrayLike, k: int = 32, *, exact: bool | None = None) -> KnnGraph:
    """Return the k nearest neighbours of each vector [n, d] by cosine similarity.

    Vectors are brought to unit length and compared as float16, as in a store. ``exact`` True compares all pairs,
    False takes the approximate searcher, None chooses by size: all pairs up to 60 000 vectors on a CPU, or on a GPU.
    Raises InputError for vectors that are no matrix of finite numbers, and for a k below 1.
    """
    if not isinstance(k, int | np.integer) or not 1 <= k <= MOST_NEIGHBOURS:
        raise InputError(f"k is a whole number from 1 to {MOST_NEIGHBOURS}, got {k!r}")
    data = unit_vectors(vectors)
    name = "auto" if exact is None else "exact" if exact else "faiss"
    searcher = choose_searcher(len(data), IndexSettings(k=int(k), searcher=name))
    ids, similarity = searcher.graph(data, int(k))
    return KnnGraph(ids.astype(np.int64, copy=False), similarity, searcher.approximate)
