"""Gates on the page: the distribution of a measure with a limit in it, samples on both sides, decisions on items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from curate.columns import as_numbers, is_number, key_of, read_columns
from curate.gates.samples import limit_of
from curate.select.stored import with_stored
from curate.why import gate_lines
from index.filters.columns import Columns
from index.store.runs import Runs
from schema.arrays import Floats64, Ints, Rows
from schema.errors import FilterError, ReviewError
from schema.records import Decision
from schema.sections.curation import GateSettings, unknown_gate
from ui.review.workspace import Workspace

BINS = 40


@dataclass(frozen=True, slots=True)
class Limit:
    """A column to look at, and the limit that a gate has in it; ``gate`` is None for a column by itself."""

    title: str
    column: str
    value: float | None
    gate: GateSettings | None


@dataclass(frozen=True, slots=True)
class Distribution:
    """A column of all pictures: ``rows`` and ``values`` [n] of those that have one, ascending by value."""

    rows: Rows
    values: Floats64
    unknown: int

    def counts(self, limit: float) -> tuple[int, int]:
        """Return how many values lie below a limit, and how many at it or above."""
        below = int(np.searchsorted(self.values, limit))
        return below, len(self.values) - below

    def beside(self, limit: float, count: int) -> tuple[Rows, Rows]:
        """Return the rows next to a limit, the nearest first: below it, and at it or above."""
        at = int(np.searchsorted(self.values, limit))
        return self.rows[max(0, at - count) : at][::-1], self.rows[at : at + count]

    def histogram(self, bins: int = BINS) -> tuple[Floats64, Ints]:
        """Return the left edges and counts of equal bins between the lowest and the highest value."""
        if not len(self.values):
            return np.empty(0), np.empty(0, np.int64)
        counts, edges = np.histogram(self.values, bins=bins)
        return edges[:-1], counts.astype(np.int64)

    def value_of(self, rows: Rows) -> list[float]:
        """Return the values of some rows that have one."""
        wanted = np.isin(self.rows, rows)
        found = dict(zip(self.rows[wanted].tolist(), self.values[wanted].tolist(), strict=True))
        return [found[row] for row in rows.tolist()]


def gates_of(workspace: Workspace) -> list[GateSettings]:
    """Return the gates of the settings, or of the last run where they name none."""
    return list(with_stored(workspace.store, workspace.settings).gate)


def limits(workspace: Workspace) -> list[Limit]:
    """Return what can be looked at: the limits of gates first, then every column of numbers of measures and items."""
    columns = Columns(workspace.store)
    found = []
    for gate in gates_of(workspace):
        try:
            limit = limit_of(columns, gate)
        except FilterError:  # a gate on what no stage has made yet
            continue
        if limit is not None:
            found.append(
                Limit(f"gate {gate.name}: {limit.column.name}", limit.column.name, limit.value, gate)
            )
    named = [column for column in map(columns.find, columns.names) if is_number(column)]
    measured = [column for column in named if column.table.startswith("measures_")]
    others = [column for column in named if column.table in ("items", "labels")]
    found += [Limit(column.name, column.name, None, None) for column in (*measured, *others)]
    return found


def distribution(workspace: Workspace, name: str) -> Distribution:
    """Return the distribution of a column over the pictures; kept until its table changes."""
    column = Columns(workspace.store).find(name)

    def read() -> Distribution:
        rows = workspace.rows()
        values = as_numbers(column, read_columns(workspace.store, [column], rows)[key_of(column)])
        known = ~np.isnan(values)
        order = np.argsort(values[known], kind="stable")
        return Distribution(rows[known][order], values[known][order], int((~known).sum()))

    return workspace.cached(f"distribution {name}", ("items", column.table), read)


def gate_rows(workspace: Workspace) -> list[dict[str, Any]]:
    """Return the gates of the last run as rows of a table, with what each takes out."""
    last = Runs(workspace.store).last("gates")
    return [
        {
            "Gate": fact["gate"],
            "Acts where": fact["where"],
            "Action": fact["action"],
            "Reason": fact["reason"],
            "Out alone": fact["out"],
            "Out in order": fact["in_order"],
            "Flagged": fact["flagged"],
            "Not known": fact["not_known"],
            "Let through": fact["passed"],
        }
        for fact in (last["facts"]["gates"] if last else ())
    ]


def funnel_rows(workspace: Workspace) -> list[dict[str, Any]]:
    """Return the way from everything to the data set as rows of a table; none where nothing is selected."""
    last = Runs(workspace.store).last("select")
    return [
        {"Left out": name, "Items": count, "Left": left}
        for name, count, left in (last["facts"]["funnel"] if last else ())
        if count or name == "all items"
    ]


def decide(workspace: Workspace, gate: str, rows: Sequence[int], value: str | None, reviewer: str) -> str:
    """Let items pass a gate ('pass'), put them out ('drop') or leave them to it (None); return the batch.

    Raises ReviewError for a gate that does not exist; the next run of the gates takes it in.
    """
    known = tuple(gates_of(workspace))
    if gate not in [each.name for each in known]:
        raise ReviewError(unknown_gate(gate, known))
    return workspace.log.append(decisions_on(workspace, "gate", gate, rows, value), reviewer)


def decisions_on(
    workspace: Workspace, kind: str, name: str, rows: Sequence[int], value: str | None
) -> list[Decision]:
    """Return one decision an item."""
    taken = workspace.store.take("items", list(rows), ["row", "item_id"]).to_pylist()
    return [Decision(record["row"], record["item_id"], kind, name, value) for record in taken]


def item_lines(workspace: Workspace, row: int) -> list[str]:
    """Return what the selection and each gate say of an item, a sentence each; none where no gate was asked."""
    lines = []
    found = workspace.store.take("selection", [row]).to_pylist() if workspace.store.has("selection") else []
    for chosen in found:
        state = (
            f"in the data set, {chosen['split']}" if chosen["selected"] else f"left out, {chosen['left_out']}"
        )
        rank = f", rank {chosen['rank']:,}" if chosen["rank"] is not None else ""
        lines.append(f"Selection: {state}{rank}")
    return [
        *lines,
        *(gate_lines(workspace.store, workspace.settings, row) if workspace.store.has("gates") else ()),
    ]
