"""Items that are also in a set which was named with ``likeness dedupe --against``, such as a held-out test set."""

from __future__ import annotations

import numpy as np

from index.store import Store
from schema.arrays import Rows

TABLE = "overlaps"
REASON = "also in a set that this one is held against"


def overlapping_rows(store: Store) -> Rows:
    """Return the rows of the items that are set aside since another set has them, int64 ascending."""
    if not store.has(TABLE):
        return np.empty(0, np.int64)
    return np.unique(store.read(TABLE, ["row"]).column("row").to_numpy().astype(np.int64))
