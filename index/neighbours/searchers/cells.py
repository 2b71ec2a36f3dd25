"""A partition of vectors by k-means, and for each vector the cells in which its neighbours may lie."""

from __future__ import annotations

from dataclasses import dataclass

import faiss
import numpy as np
import numpy.typing as npt
import torch

from index.neighbours.searchers.base import Data
from index.neighbours.searchers.threads import one_core_each
from index.neighbours.searchers.tiles import product
from index.stages.parallel import in_order
from schema.arrays import Bools, Floats32, Ints, Ints32

Cells = npt.NDArray[np.uint16]

# Cells are numbered by 16 bits.
MOST_CELLS = 65_536
# Points a centroid, and rounds over all of them: more bring little and cost time.
TRAIN_PER_CELL = 32
ROUNDS = 3
# One cell in so many is ranked, to find how near the cells are that a vector asks for.
RANKED = 8
# Scores of 4 bytes in a tile: 4 MB stay in the cache of a core, and take half the time of 32.
TILE = 1 << 20
# Rows whose cells are found, and sorted, at one time.
SORT_ROWS = 65_536


def cell_count(n: int) -> int:
    """Return some 8 sqrt(n) cells, a power of two: finding the cells then costs about as much as joining them."""
    return min(MOST_CELLS, int(2 ** np.round(np.log2(max(1.0, np.sqrt(n) * 8)))))


class Partition:
    """k-means centroids float32 [c, d] of a sample of vectors."""

    def __init__(self, data: Data, cells: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        sample = np.sort(rng.choice(len(data), min(len(data), cells * TRAIN_PER_CELL), replace=False))
        self.centroids = torch.from_numpy(_k_means(data[sample].astype(np.float32), cells, seed + 1))
        # |x - c|^2 = |x|^2 - 2 (x c - |c|^2 / 2): the nearest has the largest score.
        self._bias = -0.5 * (self.centroids * self.centroids).sum(dim=1)

    def __len__(self) -> int:
        return len(self.centroids)

    def scores(self, data: Data) -> torch.Tensor:
        """Return how near each vector is to each centroid, float32 [m, c]: nearer is higher."""
        found = product(torch.from_numpy(data.astype(np.float32)), self.centroids)
        return found.add_(self._bias)

    def ranks(self, scores: torch.Tensor, cells: torch.Tensor) -> Ints:
        """Return at which rank each vector asks for the cell named beside it, int64 [m]; 0 is its nearest cell."""
        reached = scores.gather(1, cells[:, None])
        nearer = (scores[:, ::RANKED] > reached).sum(dim=1)
        stranger = (scores > reached).any(dim=1)
        return torch.where(stranger, nearer + 1, 0).numpy()

    def asks(self, data: Data, rank: int, threads: int) -> Asks:
        """Return the cells that each vector asks for: its nearest, and all as near as number ``rank`` of the ranked.

        Ranks are taken among one cell in eight, since a full ranking costs as much as the products; a vector so asks
        for 8 ``rank`` cells, more or less. k-means begins with cells of one region side by side, so that those
        ranked lie evenly.
        """
        step = max(1, TILE // len(self))

        @torch.inference_mode()
        def work(start: int) -> tuple[Cells, Ints, Cells]:
            rows = range(start, min(start + SORT_ROWS, len(data)), step)
            parts = [self._asked(data[at : min(at + step, start + SORT_ROWS)], rank) for at in rows]
            own, counts, cells = (np.concatenate(each) for each in zip(*parts, strict=True))
            return own, counts, cells

        return _sorted(list(one_core_each(work, range(0, len(data), SORT_ROWS), threads)))

    def _asked(self, data: Data, rank: int) -> tuple[Cells, Ints, Cells]:
        """Return the nearest cell of each vector, how many it asks for, and these, row by row."""
        scores = self.scores(data).numpy()
        limit = scores.max(axis=1, keepdims=True)
        if rank:
            few = scores[:, ::RANKED]
            at = max(0, few.shape[1] - rank)
            limit = np.minimum(limit, np.partition(few, at, axis=1)[:, at : at + 1])
        found = np.flatnonzero(scores >= limit)
        row = found // len(self)
        cell = (found - row * len(self)).astype(np.uint16)
        counts = np.bincount(row, minlength=len(scores))
        near = scores.ravel()[found]
        first = np.cumsum(counts) - counts
        top = np.flatnonzero(near == np.repeat(np.maximum.reduceat(near, first), counts))
        # Of equally near cells the first.
        return cell[top[np.searchsorted(row[top], np.arange(len(scores)))]], counts, cell


@dataclass(frozen=True, slots=True)
class Asks:
    """Vectors in the order of their nearest cells, so that those who meet lie side by side in memory.

    ``order`` int32 [n] are the rows, ``own`` uint16 [n] their nearest cells, ascending, and ``cells`` all cells that
    they ask for: those of the i-th from bounds[i] on.
    """

    order: Ints32
    own: Cells
    bounds: Ints
    cells: Cells

    def table(self, start: int, stop: int, cells: int) -> Bools:
        """Return which of the cells the vectors from ``start`` to ``stop`` ask for, bool [m, cells]."""
        out = np.zeros((stop - start, cells), dtype=bool)
        first, last = self.bounds[start], self.bounds[stop]
        row = np.repeat(np.arange(stop - start), np.diff(self.bounds[start : stop + 1]))
        out[row, self.cells[first:last]] = True
        return out


def _sorted(parts: list[tuple[Cells, Ints, Cells]]) -> Asks:
    """Put what vectors ask for into the order of their nearest cells; the parts are used up."""
    own = np.concatenate([part[0] for part in parts])
    counts = np.concatenate([part[1] for part in parts])
    order = np.argsort(own, kind="stable").astype(np.int32)
    bounds = np.concatenate([[0], np.cumsum(counts[order])])
    start = np.empty(len(own), dtype=np.int64)
    start[order] = bounds[:-1]
    cells = np.empty(bounds[-1], dtype=np.uint16)
    row = 0
    while parts:
        _, size, asked = parts.pop(0)
        first = start[row : row + len(size)] - np.cumsum(size) + size
        cells[np.repeat(first, size) + np.arange(len(asked))] = asked
        row += len(size)
    return Asks(order, own[order], bounds, cells)


class Inverse:
    """Those from ``start`` to ``stop`` that ask for each cell, ascending, int32; built in parts."""

    def __init__(self, asks: Asks, count: int, start: int, stop: int, threads: int) -> None:
        bounds, cells = asks.bounds, asks.cells
        steps = [slice(at, min(stop, at + SORT_ROWS)) for at in range(start, stop, SORT_ROWS)]

        def counted(rows: slice) -> Ints:
            found: Ints = np.bincount(cells[bounds[rows.start] : bounds[rows.stop]], minlength=count)
            return found

        sizes = np.stack(list(in_order(counted, steps, threads)))
        self._bounds = np.concatenate([[0], np.cumsum(sizes.sum(axis=0))])
        self._rows = np.empty(self._bounds[-1], dtype=np.int32)
        places = self._bounds[:-1] + np.cumsum(sizes, axis=0) - sizes

        def sort(step: int) -> None:
            rows, size = steps[step], sizes[step]
            flat = cells[bounds[rows.start] : bounds[rows.stop]]
            named = np.repeat(
                np.arange(rows.start, rows.stop, dtype=np.int32), np.diff(bounds[rows.start : rows.stop + 1])
            )
            by = np.argsort(flat, kind="stable")
            at = np.repeat(places[step] - np.cumsum(size) + size, size) + np.arange(len(flat))
            self._rows[at] = named[by]

        for _ in in_order(sort, range(len(steps)), threads):
            pass

    def of(self, cell: int) -> Ints:
        """Return those that ask for a cell."""
        return self._rows[self._bounds[cell] : self._bounds[cell + 1]].astype(np.int64)


def _k_means(data: Floats32, cells: int, seed: int) -> Floats32:
    """Return centroids of ``cells`` cells: k-means inside the cells of a coarse one, then rounds over all.

    Rounds over all cells cost n c d; begun from good places a few of them will do.
    """
    coarse = max(1, int(np.sqrt(cells)))
    first = _trained(data, coarse, seed, 6)
    _, own = first.index.search(data, 1)
    own = own[:, 0]
    sizes = np.bincount(own, minlength=coarse)
    wanted = _shares(sizes, cells)
    found = [_trained(data[own == at], wanted[at], seed, 6).centroids for at in np.flatnonzero(wanted)]
    return np.asarray(_trained(data, cells, seed, ROUNDS, np.concatenate(found)).centroids)


def _shares(sizes: Ints, cells: int) -> Ints:
    """Divide ``cells`` in proportion to sizes, no more than the size for any: the largest remainders get the rest."""
    exact = sizes * (cells / sizes.sum())
    shares = np.floor(exact).astype(np.int64)
    rest = np.argsort(shares - exact, kind="stable")[: cells - shares.sum()]
    shares[rest] += 1
    return np.asarray(shares)


def _trained(
    data: Floats32,
    cells: int,
    seed: int,
    rounds: int,
    start: Floats32 | None = None,
) -> faiss.Kmeans:
    kmeans = faiss.Kmeans(
        data.shape[1], int(cells), niter=rounds, seed=seed, min_points_per_centroid=1, gpu=False
    )
    kmeans.train(data, init_centroids=start)
    return kmeans
