"""Approximate neighbours for the CPU: FAISS k-means splits the space, and each vector is joined with its nearest cells.

All vectors that ask for a cell meet its members in one matrix product. In the graph a product serves both sides: a
pair is found when either asks for the cell of the other, and that takes a third of the cells that one side alone would
have to ask for. Cells and products are those of projections to few dimensions where these keep the neighbours
(index/neighbours/searchers/projection.py); the short lists that come of them are scored again from the vectors. How
many cells reach the recall is read off a sample of true neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator

import faiss
import numpy as np
import torch

from index.neighbours.searchers.base import Data, Positions, Searcher, Similarity
from index.neighbours.searchers.cells import Asks, Cells, Inverse, Partition, cell_count
from index.neighbours.searchers.exact import ExactSearcher
from index.neighbours.searchers.lists import EMPTY, Lists, columns_of, keys_of, values_of
from index.neighbours.searchers.projection import Projection
from index.neighbours.searchers.threads import one_core_each
from index.neighbours.searchers.tiles import BLOCK, NONE, block_names, padded, product
from index.stages.parallel import cores
from index.stages.progress import Bar
from schema.arrays import Floats32, Ints, Ints32

Order = Ints32
# Rows, values and columns of entries of lists.
Hits = tuple[Ints, Floats32, Ints32]

# Below this many cells exact search is as quick.
FEWEST_CELLS = 32
# Members of a cell in one product, and scores of 4 bytes in it: 2 MB stay in the cache of a core.
MINE = 512
TILE = 1 << 19
# Rows are filled up to so many: oneDNN makes a kernel for every shape.
FILLED = 256
# Cells whose finds are sorted by row and put down together: a list is fetched from memory once for all of them.
TOGETHER = 32
# Vectors whose asked cells are sorted at one time: some 150 cells of 4 bytes each.
SORTED = 1 << 20
# Lists that are scored again at one time: 24 x 40 vectors of 512 x 4 bytes are 2 MB, and stay in the cache.
AGAIN = 24
# Asked beyond the target, as a share of what is left to 1: the sample has an error of its own.
MARGIN = 0.05


class PartitionSearcher(Searcher):
    """Joins each vector with the members of its nearest cells of a k-means partition."""

    approximate = True

    def join(self, queries: Data, data: Data, k: int, bar: Bar | None = None) -> tuple[Positions, Similarity]:
        """See Searcher.join."""
        if cell_count(len(data)) < FEWEST_CELLS:
            return ExactSearcher(self.settings, "cpu").join(queries, data, k, bar)
        projection, partition, asks, short = self._prepare(queries, data, k)
        members = partition.asks(projection.data, 0, self._threads)
        found = Lists(len(queries), short)
        job = _Join(len(partition), _ordered(projection(queries), asks.order, queries), asks, self._threads)
        job.run(found, _ordered(projection.data, members.order, data), members.own, bar)
        return _scored(found, queries, asks.order, data, members.order, k, self._threads)

    def graph(self, data: Data, k: int, bar: Bar | None = None) -> tuple[Positions, Similarity]:
        """See Searcher.graph."""
        if cell_count(len(data)) < FEWEST_CELLS:
            return ExactSearcher(self.settings, "cpu").graph(data, k, bar)
        projection, partition, asks, short = self._prepare(None, data, k)
        found = Lists(len(data), short)
        job = _Join(len(partition), _ordered(projection.data, asks.order, data), asks, self._threads)
        del projection
        job.run_graph(found, bar)
        del job
        return _scored(found, data, asks.order, data, asks.order, k, self._threads)

    @property
    def _threads(self) -> int:
        return cores(self.settings.threads)

    def _prepare(self, queries: Data | None, data: Data, k: int) -> tuple[Projection, Partition, Asks, int]:
        """Return projections of the data, their partition, what the queries ask for and the length of lists.

        Without queries the data are joined with themselves, and a pair is found from either side.
        """
        torch.set_num_threads(self._threads)
        faiss.omp_set_num_threads(self._threads)
        both, left = queries is None, data if queries is None else queries
        rng = np.random.default_rng(self.settings.seed + 2)
        size = min(len(left), max(100, self.settings.recall_sample // 2))
        sample = np.sort(rng.choice(len(left), size, replace=False))
        truth, _ = ExactSearcher(self.settings, "cpu").join(left[sample], data, k + both)
        projection = Projection(left[sample], truth, data, self.settings)
        partition = Partition(projection.data, cell_count(len(data)), self.settings.seed)
        rank = self._tune(projection, partition, left[sample], truth, both)
        asks = partition.asks(projection.data if both else projection(left), rank, self._threads)
        self.facts.update(
            directions=projection.width,
            lists=len(partition),
            probes=round(len(asks.cells) / max(1, len(left)), 1),
        )
        return projection, partition, asks, projection.short_list(k)

    def _tune(
        self, projection: Projection, partition: Partition, sample: Data, truth: Positions, both: bool
    ) -> int:
        """Return the rank up to which to ask for cells, at which a sample of queries reaches the asked recall."""
        row, column = np.nonzero(truth >= 0)
        left, right = projection(sample)[row], projection.data[truth[row, column]]
        needed = []
        for start in range(0, len(row), MINE):
            mine = partition.scores(left[start : start + MINE])
            other = partition.scores(right[start : start + MINE])
            ranks = partition.ranks(mine, other.argmax(dim=1))
            if both:
                ranks = np.minimum(ranks, partition.ranks(other, mine.argmax(dim=1)))
            needed.append(ranks)
        ranks = np.sort(np.concatenate(needed))
        # What the projections lose is made up for by asking for more cells.
        target = self.settings.recall + (1 - self.settings.recall) * MARGIN
        target = min(1.0, target / projection.kept)
        rank = int(ranks[min(len(ranks) - 1, int(np.ceil(target * len(ranks))))])
        self.facts["tuned_recall"] = round(float((ranks <= rank).mean()) * projection.kept, 4)
        return rank


class _Ordered:
    """Vectors in the order of their cells, read where they lie: a copy of full-width ones may not fit in memory."""

    def __init__(self, data: Data, order: Order) -> None:
        self.shape, self._data, self._order = data.shape, data, order

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, rows: Ints) -> Data:
        return self._data[self._order[rows]]


def _ordered(data: Data, order: Order, whole: Data) -> Data | _Ordered:
    """Return projections in an order, copied, since short rows are read quicker side by side; ``whole`` vectors not."""
    return _Ordered(data, order) if data is whole else data[order]


class _Join:
    """The products of the members of each cell with the vectors that ask for it, both in the order of their cells."""

    def __init__(self, cells: int, queries: Data | _Ordered, asks: Asks, threads: int) -> None:
        self._cells, self._queries, self._asks, self._threads = cells, queries, asks, threads

    def run_graph(self, found: Lists, bar: Bar | None) -> None:
        """Join the vectors with one another: each product is told to both sides."""
        bounds = np.searchsorted(self._asks.own, np.arange(self._cells + 1))

        @torch.inference_mode()
        def work(cell: int) -> None:
            # No two cells share a row, so that threads do not meet in the lists.
            members = np.arange(bounds[cell], bounds[cell + 1])
            for mine in _steps(members, MINE):
                left = _filled(self._queries, mine, BLOCK)
                for other in _steps(members, MINE):
                    scores = product(left, _filled(self._queries, other, BLOCK))[: len(mine)]
                    scores[:, len(other) :] = NONE
                    if other[0] == mine[0]:
                        scores.fill_diagonal_(NONE)
                    found.offer(scores, mine, block_names(other))

        # Lists begun with the members of their own cells let little pass afterwards.
        for _ in one_core_each(work, range(self._cells), self._threads):
            pass
        self._run(found, self._queries, bounds, True, bar)

    def run(self, found: Lists, data: Data | _Ordered, own: Cells, bar: Bar | None) -> None:
        """Join the vectors with the members of cells: ``data`` in the order of their cells ``own``."""
        self._run(found, data, np.searchsorted(own, np.arange(self._cells + 1)), False, bar)

    def _run(self, found: Lists, data: Data | _Ordered, bounds: Ints, both: bool, bar: Bar | None) -> None:
        """Offer the lists what each cell holds for those who ask for it, and ``both``: the askers to its members.

        Threads only look for what passes the lists as they saw them; it is put down for some cells at a time, and
        compared once more, so that equal input gives equal lists.
        """
        for start in range(0, len(self._queries), SORTED):
            stop = min(len(self._queries), start + SORTED)
            inverse = Inverse(self._asks, self._cells, start, stop, self._threads)

            def work(cell: int, inverse: Inverse = inverse) -> list[Hits]:
                members = np.arange(bounds[cell], bounds[cell + 1])
                askers = inverse.of(cell)
                if both:
                    askers = askers[(askers < bounds[cell]) | (askers >= bounds[cell + 1])]
                parts = (self._hits(found, data, mine, askers, both) for mine in _steps(members, MINE))
                return [hits for part in parts for hits in part]

            waiting: list[Hits] = []
            for cell, parts in enumerate(one_core_each(work, range(self._cells), self._threads)):
                waiting += parts
                if waiting and (cell % TOGETHER == TOGETHER - 1 or cell == self._cells - 1):
                    found.take(*(np.concatenate(each) for each in zip(*waiting, strict=True)))
                    waiting = []
                if bar is not None:
                    bar.add((stop - start) * (cell + 1) // self._cells - (stop - start) * cell // self._cells)

    @torch.inference_mode()
    def _hits(
        self, found: Lists, data: Data | _Ordered, mine: Ints, askers: Ints, both: bool
    ) -> Iterator[Hits]:
        """Yield what passes the lists among the pairs of members of a cell and those who ask for it."""
        tile, names = _filled(data, mine, BLOCK), mine.astype(np.int32)
        told = self._asks.table(mine[0], mine[-1] + 1, self._cells) if both else None
        for part in _steps(askers, TILE // len(tile) // FILLED * FILLED):
            filled = product(_filled(self._queries, part, FILLED), tile)
            scores = filled.numpy()[: len(part), : len(mine)]
            row, place, value = _above(scores, found.worst[part][:, None])
            yield part[row], value, names[place]
            if told is not None:
                row, place, value = _above(scores, found.worst[mine])
                # A member that asks for the asker's cell in turn is told there.
                new = ~told[place, self._asks.own[part[row]]]
                yield mine[place[new]], value[new], part[row[new]].astype(np.int32)


def _above(scores: Floats32, worst: Floats32) -> tuple[Ints, Ints, Floats32]:
    """Return rows, columns and values of what passes ``worst`` in a tile, row by row."""
    at = np.flatnonzero(scores > worst)
    row = at // scores.shape[1]
    place = at - row * scores.shape[1]
    return row, place, scores[row, place]


def _steps(rows: Ints, step: int) -> Iterator[Ints]:
    for at in range(0, len(rows), step):
        yield rows[at : at + step]


def _filled(data: Data | _Ordered, rows: Ints, whole: int) -> torch.Tensor:
    """Return rows as float32, filled up with zeros to a multiple of ``whole``."""
    out = torch.empty((padded(len(rows), whole), data.shape[1]))
    out[: len(rows)] = torch.from_numpy(data[rows])
    out[len(rows) :] = 0
    return out


def _scored(
    found: Lists, queries: Data, rows: Order, data: Data, columns: Order, k: int, threads: int
) -> tuple[Positions, Similarity]:
    """Return the k best of each short list by float32 products of the vectors, closest first, the rest -1.

    ``rows`` and ``columns`` name what lists and their entries stand for. Lists of one cell are scored together: they
    share their neighbours, which then come from the cache.
    """
    positions = np.full((len(queries), k), -1, dtype=np.int64)
    similarity = np.full((len(queries), k), -1, dtype=np.float32)

    @torch.inference_mode()
    def work(start: int) -> None:
        at = np.arange(start, min(start + AGAIN, len(rows)))
        places = columns_of(found.best(at))
        near = np.where(places < 0, -1, columns[places])
        left = torch.from_numpy(queries[rows[at]].astype(np.float32))
        right = torch.from_numpy(data[np.maximum(near, 0)]).float()
        # A row times a matrix takes a tenth of the time of a matrix times a column.
        values = torch.bmm(left[:, None], right.transpose(1, 2))[:, 0].clamp_(min=-1.0).numpy()
        keys = np.sort(np.where(near < 0, EMPTY, keys_of(values, near)), axis=1)[:, :k]
        positions[rows[at], : keys.shape[1]] = columns_of(keys)
        similarity[rows[at], : keys.shape[1]] = np.maximum(values_of(keys), -1.0)

    for _ in one_core_each(work, range(0, len(queries), AGAIN), threads):
        pass
    return positions, similarity
