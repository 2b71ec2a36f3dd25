"""Vectors and the kNN graph as numpy arrays, as the stages read them."""

from __future__ import annotations

from dataclasses import dataclass

from schema.arrays import Floats16, Floats32, Ints, Ints32


@dataclass(frozen=True, slots=True)
class Vectors:
    """Unit vectors of embedded items: ``rows`` int64 [n] ascending, ``data`` float16 [n, d]."""

    rows: Ints
    data: Floats16


@dataclass(frozen=True, slots=True)
class Graph:
    """Nearest neighbours of embedded items, closest first.

    ``rows`` int64 [n] ascending; ``ids`` int32 [n, k] item rows, the item itself left out, -1 pads;
    ``similarity`` float32 [n, k], cosine, descending, -1 pads.
    """

    rows: Ints
    ids: Ints32
    similarity: Floats32
