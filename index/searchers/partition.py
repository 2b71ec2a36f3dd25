"""Approximate neighbours for the CPU: FAISS k-means splits the space, and each vector is joined with its nearest cells.

All vectors that ask for a cell meet its members in one matrix product, so similarities are exact for every pair that
is looked at. In the graph a product serves both sides: a pair is found when either asks for the cell of the other, and
that takes a third of the cells that one side alone would have to ask for. How many cells reach the recall is read off
a sample of true neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch

from index.progress import Bar
from index.searchers.base import Data, Positions, Searcher, Similarity, order
from index.searchers.exact import ExactSearcher
from index.searchers.tiles import NONE, Lists, padded, product, to_tensor, top_k

Ints = npt.NDArray[np.int64]
Cells = npt.NDArray[np.int16]

# k-means needs some 40 points a centroid to place it; more only costs time.
TRAIN_PER_LIST = 40
# Below this many cells exact search is as quick.
FEWEST_LISTS = 32
# Cells are numbered by 16 bits.
MOST_LISTS = 32_768
# One product is at most 4096 x 4096 scores of 4 bytes: they stay in the cache, and below the 32 MB from which every
# allocation is mapped anew.
ROWS = 4096
# Rows that ask for a cell are sorted by cell this many at a time.
SORT_ROWS = 65_536
# Asked beyond the target, as a share of what is left to 1: the sample has an error of its own.
MARGIN = 0.15


class PartitionSearcher(Searcher):
    """Joins each vector with the members of its nearest cells of a k-means partition."""

    approximate = True

    def join(self, queries: Data, data: Data, k: int, bar: Bar | None = None) -> tuple[Positions, Similarity]:
        """See Searcher.join."""
        lists = _list_count(len(data))
        if lists < FEWEST_LISTS:
            return ExactSearcher(self.settings, "cpu").join(queries, data, k, bar)
        with torch.inference_mode():
            centroids = self._train(data, lists)
            probes = self._tune(queries, data, centroids, k, both=False)
            own = _nearest(data, centroids, 1)[:, 0]
            members = Inverse(own[:, None], lists)
            askers = Inverse(_nearest(queries, centroids, probes), lists)
            found = Lists(len(queries), k)
            for cell in range(lists):
                for mine in _steps(members.of(cell)):
                    tile = _filled(data, mine)
                    for part in _steps(askers.of(cell)):
                        scores = product(_filled(queries, part)[: len(part)], tile)
                        scores[:, len(mine) :] = NONE
                        found.offer(scores, torch.from_numpy(part), _names(mine))
                if bar is not None:
                    bar.add(len(queries) * (cell + 1) // lists - len(queries) * cell // lists)
            return _arrays(found)

    def graph(self, data: Data, k: int, bar: Bar | None = None) -> tuple[Positions, Similarity]:
        """See Searcher.graph."""
        lists = _list_count(len(data))
        if lists < FEWEST_LISTS:
            return ExactSearcher(self.settings, "cpu").graph(data, k, bar)
        with torch.inference_mode():
            centroids = self._train(data, lists)
            probes = self._tune(data, data, centroids, k + 1, both=True)
            asked = _nearest(data, centroids, probes)
            own = asked[:, 0].copy()
            members = Inverse(own[:, None], lists)
            askers = Inverse(asked, lists)
            found = Lists(len(data), k)
            # Lists are filled from their own cells first: little passes them afterwards.
            for cell in range(lists):
                _join_cell(found, data, members.of(cell))
            for cell in range(lists):
                strangers = askers.of(cell)
                strangers = strangers[own[strangers] != cell]
                for mine in _steps(members.of(cell)):
                    _join_askers(found, data, mine, strangers, own, asked, lists)
                if bar is not None:
                    bar.add(len(members.of(cell)))
            return _arrays(found)

    def _train(self, data: Data, lists: int) -> torch.Tensor:
        import faiss

        rng = np.random.default_rng(self.settings.seed)
        sample = np.sort(rng.choice(len(data), min(len(data), lists * TRAIN_PER_LIST), replace=False))
        if self.settings.threads:
            faiss.omp_set_num_threads(self.settings.threads)
            torch.set_num_threads(self.settings.threads)
        kmeans = faiss.Kmeans(
            data.shape[1],
            lists,
            niter=6,
            spherical=True,
            seed=self.settings.seed + 1,
            min_points_per_centroid=1,
            gpu=False,
        )
        kmeans.train(data[sample].astype(np.float32))
        return torch.from_numpy(np.asarray(kmeans.centroids, dtype=np.float32))

    def _tune(self, queries: Data, data: Data, centroids: torch.Tensor, k: int, both: bool) -> int:
        """Return the number of cells to ask for at which a sample of queries reaches the asked recall."""
        rng = np.random.default_rng(self.settings.seed + 2)
        size = min(len(queries), max(100, self.settings.recall_sample // 2))
        sample = np.sort(rng.choice(len(queries), size, replace=False))
        positions, _ = ExactSearcher(self.settings, "cpu").join(queries[sample], data, k)
        row, column = np.nonzero(positions >= 0)
        true = positions[row, column]
        needed = _ranks(queries, sample[row], data, true, centroids)
        if both:
            needed = np.minimum(needed, _ranks(data, true, queries, sample[row], centroids))
        needed += 1
        target = self.settings.recall + (1 - self.settings.recall) * MARGIN
        probes = int(np.sort(needed)[min(len(needed) - 1, int(np.ceil(target * len(needed))))])
        reached = round(float((needed <= probes).mean()), 4)
        self.facts.update(lists=len(centroids), probes=probes, tuned_recall=reached)
        return probes


class Inverse:
    """The rows that name each cell, ascending: n x p x 4 bytes, built in parts."""

    def __init__(self, cells: Cells, lists: int) -> None:
        counts = np.zeros(lists + 1, dtype=np.int64)
        for start in range(0, len(cells), SORT_ROWS):
            counts[1:] += np.bincount(cells[start : start + SORT_ROWS].ravel(), minlength=lists)
        self._bounds = np.cumsum(counts)
        self._rows = np.empty(self._bounds[-1], dtype=np.int32)
        place = self._bounds[:-1].copy()
        width = cells.shape[1]
        for start in range(0, len(cells), SORT_ROWS):
            flat = cells[start : start + SORT_ROWS].ravel()
            by = np.argsort(flat, kind="stable")
            size = np.bincount(flat, minlength=lists)
            first = np.cumsum(size) - size
            at = np.repeat(place - first, size) + np.arange(len(flat))
            self._rows[at] = by // width + start
            place += size

    def of(self, cell: int) -> Ints:
        """Return the rows that name a cell."""
        return self._rows[self._bounds[cell] : self._bounds[cell + 1]].astype(np.int64)


def _list_count(n: int) -> int:
    """Return some 4 sqrt(n) cells, a power of two: finding the cells then costs about as much as joining them."""
    return min(MOST_LISTS, int(2 ** np.round(np.log2(max(1.0, np.sqrt(n) * 4)))))


def _nearest(data: Data, centroids: torch.Tensor, count: int) -> Cells:
    """Return the ``count`` nearest cells of each vector, int16 [n, count], the very nearest first."""
    out = np.empty((len(data), count), dtype=np.int16)
    for start in range(0, len(data), ROWS):
        scores = product(_float(data[start : start + ROWS]), centroids)
        first = scores.argmax(dim=1)
        part = out[start : start + ROWS]
        part[:, 0] = first.numpy()
        if count > 1:
            scores[torch.arange(len(scores)), first] = NONE
            part[:, 1:] = top_k(scores, count - 1)[1].numpy()
    return out


def _ranks(data: Data, rows: Ints, others: Data, theirs: Ints, centroids: torch.Tensor) -> Ints:
    """Return for pairs of vectors how many cells are nearer to the first than the cell of the second, int64 [m]."""
    found = np.empty(len(rows), dtype=np.int64)
    for start in range(0, len(rows), ROWS):
        part = slice(start, start + ROWS)
        cell = product(_float(others[theirs[part]]), centroids).argmax(dim=1)
        scores = product(_float(data[rows[part]]), centroids)
        found[part] = (scores > scores.gather(1, cell[:, None])).sum(dim=1).numpy()
    return found


def _join_cell(found: Lists, data: Data, members: Ints) -> None:
    """Compare the members of a cell with one another."""
    for mine in _steps(members):
        left = _filled(data, mine)[: len(mine)]
        for other in _steps(members):
            scores = product(left, _filled(data, other))
            scores[:, len(other) :] = NONE
            if other[0] == mine[0]:
                scores.fill_diagonal_(NONE)
            found.offer(scores, torch.from_numpy(mine), _names(other))


def _join_askers(
    found: Lists, data: Data, mine: Ints, askers: Ints, own: Cells, asked: Cells, lists: int
) -> None:
    """Compare members of a cell with the vectors that ask for it, and tell both.

    A member that asks for the asker's cell in turn is told there, so that no pair is told twice.
    """
    if not len(mine):
        return
    tile, names = _filled(data, mine), _names(mine)
    told = torch.zeros((len(mine), lists), dtype=torch.bool)
    told.scatter_(1, torch.from_numpy(asked[mine].astype(np.int64)), True)
    for part in _steps(askers):
        scores = product(_filled(data, part), tile)
        scores[len(part) :] = NONE
        scores[:, len(mine) :] = NONE
        found.offer(scores[: len(part)], torch.from_numpy(part), names)
        cells = torch.from_numpy(own[part].astype(np.int64))
        found.offer(
            scores[:, : len(mine)],
            torch.from_numpy(mine),
            _names(part),
            turned=True,
            wanted=lambda row, place, cells=cells: ~told[row, cells[place]],  # type: ignore[misc]
        )


def _steps(rows: Ints) -> Iterator[Ints]:
    for at in range(0, len(rows), ROWS):
        yield rows[at : at + ROWS]


def _float(data: Data) -> torch.Tensor:
    return to_tensor(data, torch.device("cpu"), torch.float32)


def _filled(data: Data, rows: Ints) -> torch.Tensor:
    """Return rows as float32, filled up with zeros to whole blocks."""
    out = torch.zeros((padded(len(rows)), data.shape[1]))
    out[: len(rows)] = torch.from_numpy(data[rows])
    return out


def _names(rows: Ints) -> torch.Tensor:
    names = torch.full((padded(len(rows)),), -1, dtype=torch.int32)
    names[: len(rows)] = torch.from_numpy(rows)
    return names


def _arrays(found: Lists) -> tuple[Positions, Similarity]:
    """Return lists as arrays, closest first, what is missing as -1."""
    positions = np.empty((len(found.worst), found.k), dtype=np.int64)
    similarity = np.empty((len(found.worst), found.k), dtype=np.float32)
    for start in range(0, len(positions), SORT_ROWS):
        rows = slice(start, min(len(positions), start + SORT_ROWS))
        values, columns = found.best(rows)
        positions[rows], similarity[rows] = order(columns.numpy(), np.maximum(values.numpy(), -1.0))
    return positions, similarity
