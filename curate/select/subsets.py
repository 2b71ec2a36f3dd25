"""Orders of items over the kNN graph: unlike ones first, or those first that stand for most of the others.

*Diverse* is k-centre by nested nets: at a low similarity no two chosen items are neighbours, then at a higher one, and
so on (Gonzalez, 'Clustering to minimize the maximum intercluster distance', 1985, on the graph instead of all pairs).
*Typical* is facility location, chosen greedily with lazily renewed gains (Minoux 1978): each further item is the one
that brings the others nearest to their closest chosen one.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np

from index.store.arrays import Graph
from schema.arrays import Bools, Floats32, Ints, Rows

LEVELS = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9)
"""Quantiles of the similarity of neighbours at which nets are drawn, coarse to fine."""


@dataclass(frozen=True, slots=True)
class Links:
    """Neighbours among n items both ways, as compressed rows: those of i are ``ids[starts[i]:starts[i + 1]]``."""

    starts: Ints
    ids: Ints
    similarity: Floats32

    @property
    def owner(self) -> Ints:
        """The item of each link, int64 [links]."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))


def links_among(graph: Graph, rows: Rows) -> Links:
    """Return the links of a graph between these rows, ascending; an item that the graph does not have has none."""
    own = _places(graph.rows, rows)
    first = np.repeat(own, graph.ids.shape[1])
    second = np.where(graph.ids.ravel() >= 0, _places(graph.ids.ravel().astype(np.int64), rows), -1)
    similarity = graph.similarity.ravel()
    kept = (first >= 0) & (second >= 0) & (first != second)
    first, second, similarity = first[kept], second[kept], similarity[kept]
    both = np.concatenate([first, second]), np.concatenate([second, first])
    closeness = np.concatenate([similarity, similarity])
    pair = both[0] * np.int64(len(rows)) + both[1]
    _, unique = np.unique(pair, return_index=True)
    starts = np.concatenate([[0], np.cumsum(np.bincount(both[0][unique], minlength=len(rows)))])
    return Links(starts.astype(np.int64), both[1][unique], closeness[unique])


def _places(values: Ints, rows: Rows) -> Ints:
    """Return where each value stands in ``rows``, -1 where it does not."""
    if not len(rows):
        return np.full(len(values), -1, np.int64)
    at = np.minimum(np.searchsorted(rows, values), len(rows) - 1)
    found: Ints = np.where(rows[at] == values, at, -1)
    return found


def diverse_order(links: Links, order: Ints) -> Ints:
    """Return the items of ``order``, int64 [n], unlike ones first; within a net the given order stands."""
    n = len(order)
    place = np.empty(n, np.int64)
    place[order] = np.arange(n)
    chosen = np.zeros(n, bool)
    level = np.full(n, len(LEVELS), np.int64)
    if len(links.similarity):
        for number, limit in enumerate(np.quantile(links.similarity, LEVELS)):
            fresh = _net(links, place, chosen, float(limit)) & ~chosen
            level[fresh] = number
            chosen |= fresh
    found: Ints = np.lexsort((place, level))
    return found


def _net(links: Links, place: Ints, chosen: Bools, limit: float) -> Bools:
    """Return the items of a net: in order, every one that no earlier one of the net is a near neighbour of."""
    near = links.similarity >= limit
    owner, other = links.owner[near], links.ids[near]
    inside = chosen.copy()
    open_ = ~chosen
    open_[owner[inside[other]]] = False
    last = np.int64(len(place))
    while open_.any():
        both = open_[owner] & open_[other]
        owner, other = owner[both], other[both]
        first_near = np.full(len(place), last)
        np.minimum.at(first_near, owner, place[other])
        fresh = open_ & (place < first_near)
        inside |= fresh
        open_ &= ~fresh
        open_[owner[fresh[other]]] = False
    return inside


def typical_order(links: Links, order: Ints, most: int) -> Ints:
    """Return the items of ``order``, int64 [n]: the ``most`` most typical, then the others as they were."""
    n = len(order)
    place = np.empty(n, np.int64)
    place[order] = np.arange(n)
    covered = np.zeros(n, np.float32)

    def gain(item: int) -> float:
        part = slice(links.starts[item], links.starts[item + 1])
        others = np.maximum(links.similarity[part] - covered[links.ids[part]], 0).sum()
        return float(others) + float(1 - covered[item])

    owner_sum = np.zeros(n)
    np.add.at(owner_sum, links.owner, np.maximum(links.similarity, 0))
    heap = [(-(float(owner_sum[item]) + 1.0), int(place[item]), item) for item in range(n)]
    heapq.heapify(heap)
    picked: list[int] = []
    while heap and len(picked) < most:
        _, at, item = heapq.heappop(heap)
        now = gain(item)
        if heap and (-now, at) > heap[0][:2]:
            heapq.heappush(heap, (-now, at, item))
            continue
        picked.append(item)
        part = slice(links.starts[item], links.starts[item + 1])
        covered[links.ids[part]] = np.maximum(covered[links.ids[part]], links.similarity[part])
        covered[item] = 1.0
    rest = np.ones(n, bool)
    rest[picked] = False
    return np.concatenate([np.array(picked, np.int64), order[rest[order]]])
