"""The items around some items in the kNN graph, without a pass over all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from index.store import Store
from index.store.encoder_key import known_encoder_key
from schema.arrays import Rows

NEAREST = 2048
"""Items around at most; in the order of the steps that lead to them."""


@dataclass(frozen=True, slots=True)
class Around:
    """Rows of the items around, ascending, and how many more were found that ``most`` left out."""

    rows: Rows
    left_out: int = 0


def around(store: Store, rows: Sequence[int], most: int = NEAREST) -> Around:
    """Return the items that have one of ``rows`` among their neighbours or are among theirs, at most ``most``.

    An item that lists one of ``rows`` is nearly always listed by one of their neighbours, too: two steps along the
    lists find both without a scan. Neighbours come before neighbours of neighbours. Without a graph there are none.
    """
    key = known_encoder_key(store)
    table = f"neighbours_{key}"
    if key is None or not store.has(table) or not len(rows):
        return Around(np.empty(0, np.int64))
    near = np.setdiff1d(_listed(store, table, np.unique(np.asarray(rows, np.int64))), rows)
    if len(near) >= most:
        # Their own lists would only be looked up to be left out.
        return Around(near[spread(len(near), most)], len(near) - most)
    further = np.setdiff1d(_listed(store, table, near), np.union1d(near, rows))
    kept = further[spread(len(further), most - len(near))]
    return Around(np.union1d(near, kept), len(further) - len(kept))


def spread(n: int, most: int) -> Rows:
    """Return at most ``most`` of the places 0 to n - 1, evenly spread."""
    if n <= most:
        return np.arange(n)
    return np.arange(most) * n // max(most, 1)


def _listed(store: Store, table: str, rows: Rows) -> Rows:
    """Return all that the lists of ``rows`` name, ascending."""
    ids = store.take(table, rows.tolist(), ["ids"])["ids"].combine_chunks().flatten().to_numpy()
    return np.unique(ids[ids >= 0]).astype(np.int64)
