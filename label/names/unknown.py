"""Pictures without a name that show the same character: groups of look-alikes, to be named in one gesture."""

from __future__ import annotations

import numpy as np

from index.store.arrays import Graph
from label.data.leakage import leakage_groups
from label.names.identity_space import IdentitySpace, predictive
from schema.arrays import Bools, Floats32, Ints, Rows

LEAST = 3
"""Pictures that a group has at least."""
ROUNDS = 3
"""How often members that do not fit the rest of their group are taken out."""
SAME = 0.95
"""Share of pairs above the ratio that have one name."""
LIKELY = 4.6
"""Where nothing tells, two are 100 times as likely one character as two."""
ENOUGH = 200
"""Pairs of named neighbours from which on they tell the ratio."""
STEP = 1 << 18


def unknown_groups(
    graph: Graph, space: IdentitySpace, rows: Rows, coordinates: Floats32, least_ratio: float
) -> Ints:
    """Return the group of each unnamed item at ``rows`` [n] (ascending) and ``coordinates`` [n, r]: the lowest row of
    it, -1 for none.

    Two are joined where each is among the neighbours of the other and their log-likelihood ratio of being one character
    is at least ``least_ratio``; who is nearer to a stranger than to the rest of the group then leaves it, so that
    chains of look-alikes come apart.
    """
    n = len(rows)
    groups = np.full(n, -1, np.int64)
    if not n:
        return groups
    heads, tails = _mutual(graph, rows)
    likely = [np.empty(0, bool)]
    for start in range(0, len(heads), STEP):
        a, b = coordinates[heads[start : start + STEP]], coordinates[tails[start : start + STEP]]
        ratio = predictive(space.between, a, np.ones(len(a), np.int64)).pairwise(b)
        likely.append(ratio >= least_ratio)
    kept: Bools = np.concatenate(likely)
    groups = leakage_groups(n, [(heads[kept], tails[kept])])
    for _ in range(ROUNDS):
        groups = _without_strays(groups, space, coordinates, least_ratio)
    members = np.flatnonzero(groups >= 0)
    _, inverse, counts = np.unique(groups[members], return_inverse=True, return_counts=True)
    lowest = np.full(len(counts), np.iinfo(np.int64).max, np.int64)
    np.minimum.at(lowest, inverse, rows[members])
    found = np.full(n, -1, np.int64)
    found[members] = np.where(counts[inverse] >= LEAST, lowest[inverse], -1)
    return found


def same_character_ratio(
    graph: Graph, space: IdentitySpace, rows: Rows, coordinates: Floats32, names: Ints
) -> float:
    """Return the log-likelihood ratio from which pairs of neighbours with names [n] have the same one in ``SAME`` of
    all cases; ``LIKELY`` where too few pairs can tell."""
    heads, tails = _mutual(graph, rows)
    if len(heads) < ENOUGH:
        return LIKELY
    single = np.ones(len(heads), np.int64)
    ratio = predictive(space.between, coordinates[heads], single).pairwise(coordinates[tails])
    order = np.argsort(-ratio)
    share = np.cumsum(names[heads[order]] == names[tails[order]]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero(share >= SAME)
    return max(float(ratio[order[good[-1]]]), 0.0) if len(good) else float(ratio.max()) + 1


def _mutual(graph: Graph, rows: Rows) -> tuple[Ints, Ints]:
    """Return the pairs of places in ``rows`` that are among the neighbours of each other, each pair once."""
    here = np.flatnonzero(np.isin(graph.rows, rows))
    ids = graph.ids[here].astype(np.int64)
    mine = np.searchsorted(rows, graph.rows[here])
    place = np.minimum(np.searchsorted(rows, np.maximum(ids, 0)), len(rows) - 1)
    inside = (ids >= 0) & (rows[place] == ids)
    heads = np.repeat(mine, inside.sum(axis=1))
    tails = place[inside]
    low, high = np.minimum(heads, tails), np.maximum(heads, tails)
    pairs, counts = np.unique(low * len(rows) + high, return_counts=True)
    both = pairs[counts > 1]
    return both // len(rows), both % len(rows)


def _without_strays(groups: Ints, space: IdentitySpace, coordinates: Floats32, least_ratio: float) -> Ints:
    """Return the groups without members that do not fit the mean of the others."""
    members = np.flatnonzero(groups >= 0)
    if not len(members):
        return groups
    _, inverse, counts = np.unique(groups[members], return_inverse=True, return_counts=True)
    sums = np.zeros((len(counts), coordinates.shape[1]), np.float64)
    np.add.at(sums, inverse, coordinates[members])
    fits = np.zeros(len(members), bool)
    for start in range(0, len(members), STEP):
        part = slice(start, start + STEP)
        others = counts[inverse[part]] - 1
        rest = sums[inverse[part]] - coordinates[members[part]]
        means = (rest / np.maximum(others, 1)[:, None]).astype(np.float32)
        ratio = predictive(space.between, means, others).pairwise(coordinates[members[part]])
        fits[part] = (others > 0) & (ratio >= least_ratio)
    left = groups.copy()
    left[members[~fits]] = -1
    return left
