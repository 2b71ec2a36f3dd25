"""Single-linkage trees of many components at once, and the excess-of-mass choice of clusters in them (HDBSCAN).

An edge of a minimum spanning forest that is the shortest at both of its ends can be merged at once, whatever else
happens, so every round merges all such edges of all components together: no recursion, no loop over points.
Campello, Moulavi, Sander 2013; the choice below a distance is Malzer and Baum 2020 (HDBSCAN epsilon).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from schema.arrays import Floats64, Ints

# A star whose spokes all differ gives one merge per round; past this many rounds the rest goes edge by edge.
ROUNDS = 200


@dataclass(slots=True)
class Forest:
    """Merge trees over ``n`` leaves: node ``n + e`` is the merge at edge ``e`` of the sorted forest.

    ``left``, ``right`` int64 [e] child nodes; ``distance`` float64 [e], ascending; ``rounds`` lists the edges so that
    children come before parents, each entry free of dependencies within itself.
    """

    n: int
    left: Ints
    right: Ints
    distance: Floats64
    rounds: list[Ints]

    def roots(self) -> Ints:
        """Return the top node of every component that has an edge."""
        child = np.zeros(self.n + len(self.left), dtype=bool)
        child[self.left] = True
        child[self.right] = True
        return np.flatnonzero(~child[self.n :]) + self.n


def merge_forest(n: int, u: Ints, v: Ints, distance: Floats64) -> Forest:
    """Return the single-linkage trees of a spanning forest whose edges (u, v) come with ascending ``distance``."""
    edges = len(u)
    left, right = np.empty(edges, dtype=np.int64), np.empty(edges, dtype=np.int64)
    top = np.arange(n, dtype=np.int64)  # node that stands for the component of a chief leaf
    chief = np.arange(n, dtype=np.int64)
    shortest = np.empty(n, dtype=np.int64)
    a, b, rank = (
        np.asarray(u, dtype=np.int64),
        np.asarray(v, dtype=np.int64),
        np.arange(edges, dtype=np.int64),
    )
    rounds: list[Ints] = []
    while len(rank) and len(rounds) < ROUNDS:
        ends = np.column_stack([a, b]).ravel()
        # The last of repeated indices is the one assigned, so backwards the smallest rank stays.
        shortest[ends[::-1]] = np.repeat(rank, 2)[::-1]
        ready = (shortest[a] == rank) & (shortest[b] == rank)
        done, at, bt = rank[ready], a[ready], b[ready]
        left[done], right[done] = top[at], top[bt]
        keep, gone = np.minimum(at, bt), np.maximum(at, bt)
        top[keep] = n + done
        chief[gone] = keep
        rounds.append(done)
        a, b, rank = chief[a[~ready]], chief[b[~ready]], rank[~ready]
    if len(rank):
        rounds.extend(_merge_one_by_one(n, a, b, rank, top, left, right))
    return Forest(n, left, right, np.asarray(distance, dtype=np.float64), rounds)


def _merge_one_by_one(n: int, a: Ints, b: Ints, rank: Ints, top: Ints, left: Ints, right: Ints) -> list[Ints]:
    """Merge what is left in order of rank; returns one entry per depth of the remaining tree."""
    ends, place = np.unique(np.concatenate([a, b]), return_inverse=True)
    chief = list(range(len(ends)))
    node = top[ends].tolist()
    depth = [0] * len(ends)
    depths = np.empty(len(rank), dtype=np.int64)
    pairs = zip(place[: len(a)].tolist(), place[len(a) :].tolist(), rank.tolist(), strict=True)
    for at, (i, j, edge) in enumerate(pairs):
        while chief[i] != i:
            chief[i] = i = chief[chief[i]]
        while chief[j] != j:
            chief[j] = j = chief[chief[j]]
        left[edge], right[edge] = node[i], node[j]
        deepest = max(depth[i], depth[j]) + 1
        chief[j], node[i], depth[i], depths[at] = i, n + edge, deepest, deepest
    order = np.argsort(depths, kind="stable")
    cuts = np.flatnonzero(np.diff(depths[order])) + 1
    return [rank[part] for part in np.split(order, cuts)]


def choose_clusters(
    forest: Forest, weight: Ints, *, min_size: int, birth: float, epsilon: float, floor: float
) -> Ints:
    """Return for every leaf the node of the cluster it falls into, or -1, by excess of mass.

    ``weight`` int64 [n] counts the items behind each leaf. Components are born at distance ``birth``; a cluster is
    not split where its parts would be born below ``epsilon``. ``floor`` bounds distances from below (1 / 0 has no
    mass to compare).
    """
    n, edges = forest.n, len(forest.left)
    total = n + edges
    size = np.empty(total, dtype=np.int64)
    size[:n] = weight
    mass = np.zeros(
        total
    )  # sum over items of the density at which they leave the cluster that this node tops
    below = np.zeros(total)  # best total stability of the clusters that this one would split into
    splits = np.zeros(total, dtype=bool)  # the cluster that this node tops ends by a true split
    stays = np.zeros(total, dtype=bool)  # ... and is preferred over what it splits into
    split_node = np.full(total, -1, dtype=np.int64)
    lam = 1.0 / np.maximum(forest.distance, floor)
    densest = 1.0 / floor
    mass[:n] = np.where(weight >= min_size, weight * densest, 0.0)
    fuses = forest.distance < epsilon

    def settle(nodes: Ints, born: Floats64) -> Floats64:
        own = mass[nodes] - size[nodes] * born
        better = (own >= below[nodes]) | ~splits[nodes]
        # Below epsilon the choice by mass is taken back, as hdbscan does it: it still counts further up.
        stays[nodes] = better | (splits[nodes] & fuses[np.maximum(split_node[nodes] - n, 0)])
        return np.where(better, own, below[nodes])

    for edge in forest.rounds:
        node, a, b, at = n + edge, forest.left[edge], forest.right[edge], lam[edge]
        size[node] = size[a] + size[b]
        big_a, big_b = size[a] >= min_size, size[b] >= min_size
        both, neither = big_a & big_b, ~(big_a | big_b)
        mass[node] = size[node] * at
        go_on = ~both & ~neither
        heir, left_over = np.where(big_a, a, b)[go_on], np.where(big_a, b, a)[go_on]
        on = node[go_on]
        mass[on] = mass[heir] + size[left_over] * at[go_on]
        below[on], splits[on], split_node[on] = below[heir], splits[heir], split_node[heir]
        fork = node[both]
        below[fork] = settle(a[both], at[both]) + settle(b[both], at[both])
        splits[fork], split_node[fork] = True, fork
    roots = forest.roots()
    roots = roots[size[roots] >= min_size]
    settle(roots, np.full(len(roots), 1.0 / birth))

    cluster = np.full(total, -1, dtype=np.int64)
    born_here = np.zeros(total, dtype=bool)  # the node tops a cluster whose fate is still open
    born_here[roots] = True
    lone = np.flatnonzero(weight >= min_size)
    for edge in reversed(forest.rounds):
        node, a, b = n + edge, forest.left[edge], forest.right[edge]
        cluster[node] = np.where(born_here[node] & stays[node] & (cluster[node] < 0), node, cluster[node])
        cluster[a] = cluster[b] = cluster[node]
        open_ = born_here[node] & (cluster[node] < 0)
        big_a, big_b = size[a] >= min_size, size[b] >= min_size
        # Down the trunk of an unchosen cluster to its split; the parts of a split are born there.
        born_here[a[open_ & big_a]] = True
        born_here[b[open_ & big_b]] = True
        trunk = open_ & ~(big_a & big_b)
        stays[a[trunk & big_a]] = False
        stays[b[trunk & big_b]] = False
    alone = lone[(cluster[lone] < 0)]
    cluster[alone] = alone
    return cluster[:n]
