"""Leakage groups: items that must not help to label one another when a figure is to be honest.

One group is everything joined by a duplicate group, by a named identity, or, where duplicates were not looked for yet,
by a similarity so high that the pictures are copies.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from schema.arrays import Ints, Rows

Links = tuple[Rows, Rows]
"""Pairs of rows that belong together, as two arrays of one length."""


def leakage_groups(n: int, links: Sequence[Links]) -> Ints:
    """Return the group of each of n rows, int64 [n]: the lowest row of its component, -1 for a row with no link."""
    groups = np.full(n, -1, np.int64)
    heads = [np.asarray(head, np.int64) for head, _ in links]
    tails = [np.asarray(tail, np.int64) for _, tail in links]
    if not links or not sum(map(len, heads)):
        return groups
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    a, b = np.concatenate(heads), np.concatenate(tails)
    graph = coo_array((np.ones(len(a), np.int8), (a, b)), shape=(n, n))
    _, component = connected_components(graph, directed=False)
    linked = np.unique(np.concatenate([a, b]))
    first = np.full(component.max() + 1, n, np.int64)
    np.minimum.at(first, component[linked], linked)
    groups[linked] = first[component[linked]]
    return groups


def links_by_key(rows: Rows, keys: npt.NDArray[np.object_]) -> Links:
    """Return links that join the rows of each non-empty key, as (row, first row of the key)."""
    named = np.array([bool(key) for key in keys], bool)
    rows, keys = rows[named], keys[named]
    if not len(rows):
        return rows, rows
    _, inverse = np.unique(keys.astype(str), return_inverse=True)
    first = np.full(inverse.max() + 1, np.iinfo(np.int64).max, np.int64)
    np.minimum.at(first, inverse, rows)
    return rows, first[inverse]
