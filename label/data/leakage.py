"""Families: items that must never vote for one another when a figure is honest.

One family is everything joined by a duplicate group, by a named identity, or, where groups were not made yet, by a
similarity so high that the pictures are copies.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from schema.arrays import Ints


def families(n: int, links: Sequence[tuple[Ints, Ints]]) -> Ints:
    """Return the family of each of n rows, int64 [n]: the lowest row of the component, -1 for a row with no link."""
    found = np.full(n, -1, np.int64)
    heads = [np.asarray(a, np.int64) for a, _ in links]
    tails = [np.asarray(b, np.int64) for _, b in links]
    if not links or not sum(map(len, heads)):
        return found
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    a, b = np.concatenate(heads), np.concatenate(tails)
    graph = coo_array((np.ones(len(a), np.int8), (a, b)), shape=(n, n))
    _, component = connected_components(graph, directed=False)
    touched = np.unique(np.concatenate([a, b]))
    first = np.full(component.max() + 1, n, np.int64)
    np.minimum.at(first, component[touched], touched)
    found[touched] = first[component[touched]]
    return found


def links_of_keys(rows: Ints, keys: npt.NDArray[np.object_]) -> tuple[Ints, Ints]:
    """Return links that join the rows of each non-empty key, as (row, first row of the key)."""
    named = np.array([bool(key) for key in keys], bool)
    rows, keys = rows[named], keys[named]
    if not len(rows):
        return rows, rows
    _, inverse = np.unique(keys.astype(str), return_inverse=True)
    first = np.full(inverse.max() + 1, np.iinfo(np.int64).max, np.int64)
    np.minimum.at(first, inverse, rows)
    return rows, first[inverse]
