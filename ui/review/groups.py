"""Duplicate groups and look-alikes as the page shows them, and what reviewers decide about them.

Decisions are laid over the stored groups at once; the next ``likeness dedupe`` makes them the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from schema.arrays import Bools, Ints, Rows
from schema.errors import ReviewError, StoreError
from schema.records import Decision

if TYPE_CHECKING:
    from ui.review.items import Item
    from ui.review.workspace import Workspace


GROUP_ACTIONS = (
    {"id": "keep", "key": "k", "label": "Keep this", "hint": "This copy stays, the others of its group go"},
    {"id": "not_duplicate", "key": "d", "label": "Not a duplicate", "hint": "Out of its group, for ever"},
    {"id": "split", "key": "s", "label": "Split off", "hint": "The selected ones form a group of their own"},
    {"id": "merge", "key": "g", "label": "Merge", "hint": "The groups of the selected ones become one"},
    {"id": "variant", "key": "v", "label": "Variant", "hint": "Linked but different: kept"},
    {"id": "same_artwork", "key": "w", "label": "Same artwork", "hint": "A copy after all"},
    {"id": "several", "key": "m", "label": "Several", "hint": "The picture shows several characters"},
)


@dataclass(frozen=True, slots=True)
class Groups:
    """All groups: members' rows laid end to end, ``starts`` of each, in order of their first row."""

    rows: Rows
    starts: Ints
    same: Bools

    @property
    def count(self) -> int:
        """How many groups there are."""
        return len(self.starts) - 1

    def members(self, number: int) -> Rows:
        """Return the rows of one group, ascending."""
        return self.rows[self.starts[number] : self.starts[number + 1]]


def stored_groups(workspace: Workspace) -> Groups:
    """Return all groups; 12 bytes an item in a group. Raises StoreError before duplicates were looked for."""
    if not workspace.store.has("groups"):
        raise StoreError("no duplicates were looked for yet", "Run: likeness dedupe --store ...")
    return workspace.cached("groups", ("groups",), lambda: _read(workspace))


def _read(workspace: Workspace) -> Groups:
    rows, names, same = [], [], []
    for batch in workspace.store.scan("groups", ["row", "group_id", "verdict"]):
        rows.append(batch.column(0).to_numpy())
        names.append(np.asarray(batch.column(1).to_pylist(), dtype="S32"))
        same.append(np.asarray([v != "variant" and v != "kept" for v in batch.column(2).to_pylist()]))
    if not rows:
        return Groups(np.empty(0, np.int64), np.zeros(1, np.int64), np.empty(0, np.bool_))
    row = np.concatenate(rows)
    _, first, code = np.unique(np.concatenate(names), return_index=True, return_inverse=True)
    lead = row[first][code]
    order = np.lexsort((row, lead))
    starts = np.flatnonzero(np.diff(lead[order], prepend=-1)).astype(np.int64)
    copies = np.logical_or.reduceat(np.concatenate(same)[order], starts)
    return Groups(row[order], np.append(starts, len(row)), copies)


def chosen_groups(groups: Groups, kind: str = "all", least: int = 2) -> Ints:
    """Return the numbers of the groups of a kind ('copies', 'variants only') with at least so many members."""
    wide = np.diff(groups.starts) >= least
    if kind == "copies":
        wide &= groups.same
    elif kind == "variants only":
        wide &= ~groups.same
    return np.flatnonzero(wide).astype(np.int64)


def look_alikes(workspace: Workspace, threshold: float) -> Groups:
    """Return stars of the neighbour graph: a leader and those closer to it than ``threshold``, each item once.

    The leader of an item is the lowest row among itself and its close neighbours; only items whose leader leads
    itself are shown, so that chains do not grow. One pass over the graph in batches, 8 bytes an item kept.
    """
    table = f"neighbours_{workspace.store.encoder_key()}"
    if not workspace.store.has(table):
        raise StoreError("there is no graph of neighbours yet", "Run: likeness index --store ...")
    return workspace.cached(
        f"look-alikes {threshold:.3f}", (table,), lambda: _stars(workspace, table, threshold)
    )


def _stars(workspace: Workspace, table: str, threshold: float) -> Groups:
    leader = np.arange(workspace.store.n_items(), dtype=np.int64)
    for batch in workspace.store.scan(table, ["row", "ids", "similarity"], batch_rows=16_384):
        row = batch.column(0).to_numpy()
        width = batch.column(1).type.list_size
        ids = batch.column(1).flatten().to_numpy().reshape(-1, width)
        close = batch.column(2).flatten().to_numpy().reshape(-1, width) >= threshold
        lowest = np.where(close & (ids >= 0), ids, np.iinfo(ids.dtype).max).min(axis=1)
        leader[row] = np.minimum(row, lowest)
    stands = leader[leader] == leader
    rows = np.flatnonzero(stands)
    lead = leader[rows]
    order = np.lexsort((rows, lead))
    rows, lead = rows[order], lead[order]
    starts = np.flatnonzero(np.diff(lead, prepend=-1))
    sizes = np.diff(np.append(starts, len(rows)))
    keep = np.repeat(sizes >= 3, sizes)
    rows, lead = rows[keep], lead[keep]
    starts = np.flatnonzero(np.diff(lead, prepend=-1)).astype(np.int64)
    return Groups(rows.astype(np.int64), np.append(starts, len(rows)), np.zeros(len(starts), np.bool_))


def group_decisions(items: Sequence[Item], action: str, others: Sequence[Item]) -> list[Decision]:
    """Return the decisions of one press over selected items; ``others`` are the unselected ones of their groups."""

    def one(item: Item, value: str, other: str | None = None) -> Decision:
        seen = f"{item.verdict or 'no group'}{' kept' if item.keep and item.verdict else ''}"
        return Decision(
            item.row, item.item_id, "group", None, value, "set", item.group_id or None, other, seen
        )

    if action == "several":
        return [
            Decision(i.row, i.item_id, "subjects", None, "several", seen=i.ambiguous or "one character")
            for i in items
        ]
    if action == "merge":
        if len(items) < 2:
            raise ReviewError("select two or more items to merge")
        return [one(item, "merge", items[0].item_id) for item in items[1:]]
    if action == "keep":
        if len({i.group_id for i in items}) != len(items):
            raise ReviewError("only one item of a group can be the kept one", "Select one per group.")
    elif any(not i.group_id for i in items):
        raise ReviewError("an item without a group is no duplicate already")
    made = []
    for item in items:
        rest = " ".join(o.item_id for o in others if o.group_id == item.group_id)
        if action in ("split", "not_duplicate") and not rest and action == "split":
            raise ReviewError("the whole group is selected", "Leave at least one item unselected.")
        mates = rest
        if action == "not_duplicate":
            mates = " ".join(
                o.item_id for o in (*others, *items) if o.group_id == item.group_id and o.row != item.row
            )
        made.append(one(item, action, mates or None))
    return made


PREVIEW = {
    "keep": "kept instead of the present choice",
    "not_duplicate": "leave their group for ever",
    "split": "form a group of their own",
    "merge": "join one group",
    "variant": "are linked as variants and kept",
    "same_artwork": "are copies; one is kept",
    "several": "flagged as several characters",
}
