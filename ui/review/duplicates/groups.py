"""Duplicate groups and look-alikes as the page shows them, and what reviewers decide about them.

Decisions are laid over the stored groups at once; the next ``likeness dedupe`` makes them the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from schema.arrays import Bools, Ints, Rows
from schema.errors import StoreError
from schema.records import KEPT, SAME_ARTWORK, VARIANT
from ui.review.duplicates.overlay import Overlay

if TYPE_CHECKING:
    from ui.review.workspace import Workspace

Codes: TypeAlias = npt.NDArray[np.int8]
THE_KEPT, COPY, A_VARIANT = 0, 1, 2
_CODES = {KEPT: THE_KEPT, VARIANT: A_VARIANT, SAME_ARTWORK: COPY}


@dataclass(frozen=True, slots=True)
class Groups:
    """Groups: members' rows laid end to end, ``starts`` of each, in order of their first row.

    ``verdicts`` of the members are THE_KEPT, COPY or A_VARIANT. ``same``: which groups hold copies and not variants
    alone; ``done``: those in which a reviewer judged each member.
    """

    rows: Rows
    starts: Ints
    verdicts: Codes
    same: Bools
    done: Bools

    @property
    def variant(self) -> Bools:
        """Which members are variants of the kept one."""
        found: Bools = self.verdicts == A_VARIANT
        return found

    @property
    def count(self) -> int:
        """How many groups there are."""
        return len(self.starts) - 1

    def members(self, number: int) -> Rows:
        """Return the rows of one group, ascending."""
        return self.rows[self.starts[number] : self.starts[number + 1]]


def duplicate_groups(workspace: Workspace) -> Groups:
    """Return all groups with the reviewers' decisions laid over them; 12 bytes an item in a group.

    Raises StoreError before duplicates were looked for.
    """
    if not workspace.store.has("groups"):
        raise StoreError("no duplicates were looked for yet", "Run: likeness dedupe --store ...")
    stored = workspace.cached("stored groups", ("groups",), lambda: _read(workspace))
    return _overlaid(stored, workspace.overlay())


def _read(workspace: Workspace) -> Groups:
    rows, names, verdicts = [], [], []
    for batch in workspace.store.scan("groups", ["row", "group_id", "verdict"]):
        rows.append(batch.column(0).to_numpy())
        names.append(np.asarray(batch.column(1).to_pylist(), dtype="S32"))
        verdicts.append(np.asarray([_CODES.get(v, COPY) for v in batch.column(2).to_pylist()], np.int8))
    if not rows:
        return laid_out(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int8))
    flat = np.concatenate(rows)
    _, first, code = np.unique(np.concatenate(names), return_index=True, return_inverse=True)
    # Tables are in row order, so the first of a name is its lowest row.
    return laid_out(flat, flat[first][code], np.concatenate(verdicts))


def laid_out(rows: Rows, leaders: Rows, verdicts: Codes, judged: Bools | None = None) -> Groups:
    """Return groups from the ``leaders`` of rows: the lowest row of each one's group. All arrays are [n].

    ``verdicts`` are THE_KEPT, COPY or A_VARIANT, ``judged`` says which rows a reviewer has judged.
    """
    order = np.lexsort((rows, leaders))
    starts = np.flatnonzero(np.diff(leaders[order], prepend=-1)).astype(np.int64)
    ordered = verdicts[order]
    if not len(starts):
        off = np.empty(0, np.bool_)
        return Groups(rows, np.zeros(1, np.int64), ordered, off, off)
    same = np.logical_or.reduceat(ordered == COPY, starts)
    done = np.zeros(len(starts), bool) if judged is None else np.logical_and.reduceat(judged[order], starts)
    return Groups(rows[order], np.append(starts, len(rows)), ordered, same, done)


def _overlaid(stored: Groups, overlay: Overlay) -> Groups:
    """Return the stored groups without those that decisions touch, and what became of these."""
    if not overlay.places:
        return stored
    touched = np.fromiter(overlay.places, np.int64, len(overlay.places))
    number = np.repeat(np.arange(stored.count), np.diff(stored.starts))
    stays = ~np.isin(number, np.unique(number[np.isin(stored.rows, touched)]))
    formed = np.array([row for group in overlay.groups for row in group], np.int64)
    leaders = np.array([group[0] for group in overlay.groups for _ in group], np.int64)
    verdicts = [_CODES.get(overlay.places[row].verdict, COPY) for row in formed.tolist()]
    rows = np.concatenate([stored.rows[stays], formed])
    return laid_out(
        rows,
        np.concatenate([stored.rows[stored.starts[number[stays]]], leaders]),
        np.concatenate([stored.verdicts[stays], np.array(verdicts, np.int8)]),
        np.isin(rows, np.fromiter(overlay.judged, np.int64, len(overlay.judged))),
    )


def chosen_groups(groups: Groups, kind: str = "all", least: int = 2, done: bool = True) -> Ints:
    """Return the numbers of the groups of a kind ('copies', 'variants only') with at least so many members.

    Without ``done``, those whose members a reviewer has all judged are left out.
    """
    wide = np.diff(groups.starts) >= least
    if kind == "copies":
        wide &= groups.same
    elif kind == "variants only":
        wide &= ~groups.same
    if not done:
        wide &= ~groups.done
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
    return laid_out(rows.astype(np.int64), lead.astype(np.int64), np.full(len(rows), THE_KEPT, np.int8))
