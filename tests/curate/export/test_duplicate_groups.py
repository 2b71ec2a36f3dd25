"""Groups as an export reads them: who is set aside, what stays together, what the kept one takes over."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from curate.export.duplicate_groups import DuplicateGroups
from index.store import Store
from schema import tables


def test_a_store_without_groups_keeps_everything(store: Store, add_items: Callable[..., None]) -> None:
    add_items(store, 3)
    groups = DuplicateGroups(store)
    rows = np.arange(3)
    assert groups.keep(rows).all()
    assert groups.leakage_groups(rows) == [None, None, None]
    assert [each.to_pylist() for each in groups.of(rows)] == [[None] * 3] * 2


def test_versions_of_one_drawing_stay_together_across_groups(
    store: Store, add_items: Callable[..., None]
) -> None:
    add_items(store, 5)
    records = [
        {
            "row": row,
            "item_id": str(row),
            "group_id": group,
            "verdict": verdict,
            "keep": verdict != "same artwork",
        }
        | {"reason": "", "similarity": 1.0, "family": "f"}
        for row, group, verdict in ((0, "a", "kept"), (1, "a", "same artwork"), (3, "b", "kept"))
    ]
    store.replace("groups", pa.Table.from_pylist(records, tables.GROUPS), tables.GROUPS)
    groups = DuplicateGroups(store)
    assert groups.leakage_groups(np.arange(5)) == ["f", "f", None, "f", None]
    assert groups.keep(np.arange(5)).tolist() == [True, False, True, True, True]
    items = store.take_items([0, 3, 4], ["row", "keys", "tags"]).to_batches()[0]
    merged, copies = groups.merge_copies(items, np.array([0, 3, 4]))
    assert [each["keys"] for each in merged.to_pylist()] == [["k'0", "k'1"], ["k'3"], ["k'4"]]
    assert merged.to_pylist()[0]["tags"] == ["t0", "t1"]
    assert [[copy["tags"] for copy in each] for each in copies] == [[["t1"]], [], []]
