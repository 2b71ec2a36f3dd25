"""Approximate neighbours for the CPU: FAISS k-means splits the space, cells are joined with the cells around them.

All vectors of a cell share its probes, so the work is matrix products instead of one scan per query, similarities are
exact for every pair that is looked at, and one product of two cells serves the lists of both. How many probes reach
the recall is read off a sample of true neighbours: they are found when the cell that holds them is among the probes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch

from index.progress import Bar
from index.searchers.base import Data, Positions, Searcher, Similarity, order
from index.searchers.exact import ExactSearcher
from index.searchers.tiles import BLOCK, NONE, Lists, padded, to_tensor

Ints = npt.NDArray[np.int64]
Cells = npt.NDArray[np.int32]

# k-means needs some 40 points a centroid to place it; more only costs time.
TRAIN_PER_LIST = 48
# One product is at most 2048 x 16384 scores: 134 MB, whatever the skew of the cells.
QUERY_ROWS = 2048
CANDIDATES = 16_384
# Asked beyond the target, as a share of what is left to 1: the sample has an error of its own.
MARGIN = 0.15
OUT_ROWS = 65_536


class PartitionSearcher(Searcher):
    """Joins each cell of a k-means partition with its nearest cells."""

    approximate = True

    def join(self, queries: Data, data: Data, k: int, bar: Bar | None = None) -> tuple[Positions, Similarity]:
        """See Searcher.join."""
        lists = _list_count(len(data))
        if lists < 8:
            return ExactSearcher(self.settings, "cpu").join(queries, data, k, bar)
        centroids = self._train(data, lists)
        of_data, of_queries = _assign(data, centroids), _assign(queries, centroids)
        near, rank = _ranked(centroids)
        probes = self._tune(queries, data, of_queries, of_data, rank, k)
        by_list, bounds = _sorted_cells(of_data, lists)
        by_query, query_bounds = _sorted_cells(of_queries, lists)
        found = Lists(len(queries), k)
        with torch.inference_mode():
            for cell in range(lists):
                spans = _spans(near[cell, :probes], bounds)
                for start, stop in _steps(query_bounds[cell], query_bounds[cell + 1]):
                    left = _filled(queries[by_query[start:stop]])
                    for right in spans:
                        scores = _scores(left, data[by_list[right]], stop - start)
                        names = _names(right, scores.shape[1])
                        blocks = scores.view(len(scores), -1, BLOCK)[: stop - start]
                        found.offer(blocks, slice(start, stop), names)
                    if bar is not None:
                        bar.add(stop - start)
        return _unsorted(found, by_query, by_list)

    def graph(self, data: Data, k: int, bar: Bar | None = None) -> tuple[Positions, Similarity]:
        """See Searcher.graph; rows of ``data`` change places meanwhile, so that no copy of them is held."""
        lists = _list_count(len(data))
        if lists < 8:
            return ExactSearcher(self.settings, "cpu").graph(data, k, bar)
        centroids = self._train(data, lists)
        of_data = _assign(data, centroids)
        rank = _ranked(centroids)[1]
        # A pair of cells is joined when either probes the other.
        rank = np.minimum(rank, rank.T)
        probes = self._tune(data, data, of_data, of_data, rank, k + 1)
        by_list, bounds = _sorted_cells(of_data, lists)
        found = Lists(len(data), k)
        with _arranged(data, by_list) as arranged, torch.inference_mode():
            for cell in range(lists):
                after = np.flatnonzero(rank[cell] < probes)
                spans = _spans(after[after > cell].astype(np.int32), bounds)
                own = np.arange(bounds[cell], bounds[cell + 1])
                for start, stop in _steps(bounds[cell], bounds[cell + 1]):
                    left = _filled(arranged[start:stop])
                    rows = slice(start, stop)
                    mine = _names(np.arange(start, stop), len(left))
                    for right in (own[at : at + CANDIDATES] for at in range(0, len(own), CANDIDATES)):
                        scores = _scores(left, arranged[right[0] : right[-1] + 1], stop - start)
                        names = _names(right, scores.shape[1])
                        scores[mine[:, None] == names[None, :]] = NONE
                        found.offer(scores.view(len(scores), -1, BLOCK)[: stop - start], rows, names)
                    for right in spans:
                        scores = _scores(left, arranged[right], stop - start)
                        names = _names(right, scores.shape[1])
                        found.offer(scores.view(len(scores), -1, BLOCK)[: stop - start], rows, names)
                        turned = scores.view(-1, BLOCK, len(names)).permute(2, 0, 1)[: len(right)]
                        found.offer(turned, torch.from_numpy(right), mine)
                    if bar is not None:
                        bar.add(stop - start)
        return _unsorted(found, by_list, by_list)

    def _train(self, data: Data, lists: int) -> npt.NDArray[np.float32]:
        import faiss

        rng = np.random.default_rng(self.settings.seed)
        sample = np.sort(rng.choice(len(data), min(len(data), lists * TRAIN_PER_LIST), replace=False))
        if self.settings.threads:
            faiss.omp_set_num_threads(self.settings.threads)
            torch.set_num_threads(self.settings.threads)
        kmeans = faiss.Kmeans(
            data.shape[1],
            lists,
            niter=8,
            spherical=True,
            seed=self.settings.seed + 1,
            min_points_per_centroid=1,
            gpu=False,
        )
        kmeans.train(data[sample].astype(np.float32))
        return np.asarray(kmeans.centroids, dtype=np.float32)

    def _tune(self, queries: Data, data: Data, of_queries: Cells, of_data: Cells, rank: Cells, k: int) -> int:
        """Return the number of probes at which a sample of queries reaches the asked recall."""
        rng = np.random.default_rng(self.settings.seed + 2)
        size = min(len(queries), max(100, self.settings.recall_sample // 2))
        sample = np.sort(rng.choice(len(queries), size, replace=False))
        positions, _ = ExactSearcher(self.settings, "cpu").join(queries[sample], data, k)
        row, column = np.nonzero(positions >= 0)
        needed = rank[of_queries[sample[row]], of_data[positions[row, column]]] + 1
        target = self.settings.recall + (1 - self.settings.recall) * MARGIN
        probes = int(np.sort(needed)[min(len(needed) - 1, int(np.ceil(target * len(needed))))])
        reached = round(float((needed <= probes).mean()), 4)
        self.facts.update(lists=len(rank), probes=probes, tuned_recall=reached)
        return probes


def _list_count(n: int) -> int:
    """Return some 2 sqrt(n) cells, a power of two; 1 where exact search is as quick."""
    return int(2 ** np.round(np.log2(max(1.0, np.sqrt(n) * 2)))) if n >= 4 * TRAIN_PER_LIST else 1


def _ranked(centroids: npt.NDArray[np.float32]) -> tuple[Cells, Cells]:
    """Return for each cell all cells by falling similarity, itself first, and the inverse: how near each cell is."""
    near = np.empty((len(centroids), len(centroids)), dtype=np.int32)
    rank = np.empty_like(near)
    places = np.arange(len(centroids), dtype=np.int32)
    for cell, centroid in enumerate(centroids):
        similarity = centroids @ centroid
        similarity[cell] = np.inf
        near[cell] = np.argsort(-similarity, kind="stable")
        rank[cell, near[cell]] = places
    return near, rank


def _assign(data: Data, centroids: npt.NDArray[np.float32], step: int = 16_384) -> Cells:
    table = torch.from_numpy(centroids).T
    out = np.empty(len(data), dtype=np.int32)
    with torch.inference_mode():
        for start in range(0, len(data), step):
            out[start : start + step] = (_float(data[start : start + step]) @ table).argmax(dim=1).numpy()
    return out


def _sorted_cells(of: Cells, lists: int) -> tuple[Ints, Ints]:
    """Return positions in the order of their cells, and where each cell begins in that order, int64 [lists + 1]."""
    by_list = np.argsort(of, kind="stable")
    return by_list, np.concatenate([[0], np.cumsum(np.bincount(of, minlength=lists))])


@contextmanager
def _arranged(data: Data, by_list: Ints, columns: int = 64) -> Iterator[Data]:
    """Yield ``data`` in list order and put it back after: in place, some columns at a time.

    5 M x 512 is 5.1 GB; a sorted copy would double that, these steps take an eighth. Read-only data is copied.
    """
    if not data.flags.writeable:
        yield data[by_list]
        return
    back = np.empty_like(by_list)
    back[by_list] = np.arange(len(by_list))
    _permute(data, by_list, columns)
    try:
        yield data
    finally:
        _permute(data, back, columns)


def _permute(data: Data, by: Ints, columns: int) -> None:
    for start in range(0, data.shape[1], columns):
        part = np.ascontiguousarray(data[:, start : start + columns])
        for at in range(0, len(by), OUT_ROWS):
            data[at : at + OUT_ROWS, start : start + columns] = part[by[at : at + OUT_ROWS]]


def _steps(start: np.int64, stop: np.int64) -> Iterator[tuple[int, int]]:
    for at in range(int(start), int(stop), QUERY_ROWS):
        yield at, min(int(stop), at + QUERY_ROWS)


def _spans(cells: Cells, bounds: Ints) -> list[Ints]:
    """Return the places of all members of some cells in list order, in parts of at most CANDIDATES."""
    if not len(cells):
        return []
    members = np.concatenate([np.arange(bounds[cell], bounds[cell + 1]) for cell in cells])
    return [members[at : at + CANDIDATES] for at in range(0, len(members), CANDIDATES)]


def _float(data: Data) -> torch.Tensor:
    return to_tensor(data, torch.device("cpu"), torch.float32)


def _filled(data: Data) -> torch.Tensor:
    """Return rows as float32, filled up with zeros to whole blocks."""
    return torch.nn.functional.pad(_float(data), (0, 0, 0, padded(len(data)) - len(data)))


def _names(places: Ints, width: int) -> torch.Tensor:
    names = torch.full((width,), -1, dtype=torch.int32)
    names[: len(places)] = torch.from_numpy(places)
    return names


def _scores(left: torch.Tensor, right: Data, rows: int) -> torch.Tensor:
    """Return the products of two filled tiles; the filling is NONE."""
    scores = left @ _filled(right).T
    scores[rows:] = NONE
    scores[:, len(right) :] = NONE
    return scores


def _unsorted(found: Lists, by_row: Ints, by_column: Ints) -> tuple[Positions, Similarity]:
    """Return lists as arrays by position, from lists whose rows and columns are places in list order."""
    positions = np.empty((len(by_row), found.k), dtype=np.int64)
    similarity = np.empty((len(by_row), found.k), dtype=np.float32)
    for start in range(0, len(by_row), OUT_ROWS):
        rows = by_row[start : start + OUT_ROWS]
        columns = found.columns[start : start + OUT_ROWS].numpy()
        at = np.where(columns >= 0, by_column[np.maximum(columns, 0)], -1)
        values = np.maximum(found.values[start : start + OUT_ROWS].numpy(), -1.0)
        positions[rows], similarity[rows] = order(at, values)
    return positions, similarity
