"""What each gate of a run says of the items: matching, not matching, or not known; and what reviewers said of that.

A gate acts where its condition is true. Where a value is missing that would decide it, the condition is not known, and
the gate's ``unknown`` says what becomes of the item. A reviewer's pass or drop outranks both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from index.filters import answers
from index.filters.columns import Column, Columns
from index.filters.language import conditions_of, parse_filter
from index.reviews.effective import effective_reviews
from index.store import Store
from index.store.items.revisions import WITHDRAWN
from schema.arrays import Bools, Ints8, Rows
from schema.errors import FilterError, LikenessError
from schema.sections.curation import GateSettings
from schema.vocabulary import load_vocabulary

PASS, DROP, FLAG, REVIEW = OUTCOMES = ("pass", "drop", "flag", "review")
CONDITION, UNKNOWN, REVIEWER = DECIDERS = ("condition", "unknown", "review")
OUT = (DROP, REVIEW)
"""Outcomes that keep an item out of the selection."""


@dataclass(frozen=True, slots=True)
class Act:
    """The items on which one gate acts, by row, ascending.

    ``outcome`` and ``decided_by`` are places in OUTCOMES and DECIDERS, int8 [n]; ``matching`` and ``unknown`` count
    the items of the store for which the condition is true, and those for which it is not known.
    """

    gate: GateSettings
    rows: Rows
    outcome: Ints8
    decided_by: Ints8
    matching: int
    unknown: int

    @property
    def out(self) -> Rows:
        """The rows that this gate keeps out."""
        out: Rows = self.rows[np.isin(self.outcome, [OUTCOMES.index(name) for name in OUT])]
        return out

    def with_outcome(self, outcome: str) -> Rows:
        """Return the rows of one outcome."""
        found: Rows = self.rows[self.outcome == OUTCOMES.index(outcome)]
        return found

    def count(self, outcome: str, decided_by: str) -> int:
        """Return how many items have an outcome that was decided so."""
        return int(
            (
                (self.outcome == OUTCOMES.index(outcome)) & (self.decided_by == DECIDERS.index(decided_by))
            ).sum()
        )


def usable_items(store: Store) -> Bools:
    """Return which items could be in a data set, bool [n]: read, and not taken out of their source since."""
    usable = np.zeros(store.n_items(), bool)
    for batch in store.scan("items", ["row", "status"]):
        status = batch.column(1).to_numpy(zero_copy_only=False)
        usable[batch.column(0).to_numpy()] = ~np.isin(status, ["failed", *WITHDRAWN])
    return usable


def evaluate(store: Store, gates: Sequence[GateSettings], vocabulary: str = "") -> list[Act]:
    """Return what each gate does; raises FilterError that names the gate whose condition is not valid.

    A condition on a column that no stage has made yet is not known for any item.
    """
    if not gates or not store.has("items"):
        return []
    columns = Columns(store)
    usable = usable_items(store)
    said = effective_reviews(store).gates
    by_gate: dict[str, dict[int, str]] = {}
    for (row, name), value in said.items():
        by_gate.setdefault(name, {})[row] = value
    acts = []
    for gate in gates:
        nothing = np.empty(0, np.int64)
        with told(gate):
            waits = bool(awaited(gate, columns, vocabulary))
            said_of = (nothing, nothing) if waits else answers(store, gate.where)
        acts.append(_act(gate, usable, said_of, by_gate.get(gate.name, {})))
    return acts


def decisions(store: Store, gates: Sequence[GateSettings]) -> list[tuple[str, int, str]]:
    """Return (gate, row, pass or drop) of all reviews that count for these gates, sorted."""
    names = {gate.name for gate in gates}
    said = effective_reviews(store).gates
    return sorted((name, row, value) for (row, name), value in said.items() if name in names)


def _act(gate: GateSettings, usable: Bools, said: tuple[Rows, Rows], reviewed: dict[int, str]) -> Act:
    true, false = said
    matching = mask_of(true, len(usable)) & usable
    known = mask_of(false, len(usable)) | matching
    unknown = usable & ~known
    ours = np.array(sorted(row for row in reviewed if row < len(usable) and usable[row]), np.int64)
    acts = matching | mask_of(ours, len(usable))
    if gate.unknown != PASS:
        acts |= unknown
    rows = np.flatnonzero(acts)
    outcome = np.where(matching[rows], OUTCOMES.index(gate.action), OUTCOMES.index(gate.unknown))
    decided_by = np.where(matching[rows], DECIDERS.index(CONDITION), DECIDERS.index(UNKNOWN))
    at = np.searchsorted(rows, ours)
    outcome[at] = [OUTCOMES.index(reviewed[row]) for row in ours.tolist()]
    decided_by[at] = DECIDERS.index(REVIEWER)
    counts = int(matching.sum()), int(unknown.sum())
    return Act(gate, rows, outcome.astype(np.int8), decided_by.astype(np.int8), *counts)


def mask_of(rows: Rows, n: int) -> Bools:
    """Return row numbers as bool [n]."""
    mask = np.zeros(n, bool)
    mask[rows[rows < n]] = True
    return mask


@contextmanager
def told(gate: GateSettings) -> Iterator[None]:
    """Let errors of a filter name the gate whose condition it is."""
    try:
        yield
    except FilterError as error:
        raise FilterError(f"gate {gate.name!r}: {error.message}", error.hint) from None


def columns_of(columns: Columns, gate: GateSettings) -> list[Column]:
    """Return the columns that a gate's condition names; raises FilterError for one that does not exist."""
    with told(gate):
        found = []
        for condition in conditions_of(parse_filter(gate.where)):
            found.append(columns.of(condition))
            if condition.other and condition.other in columns:
                found.append(columns.find(condition.other))
        for column in found:
            if column.table == "selection":
                raise FilterError(f"{column.name} is said by the selection, which comes after the gates")
    return list(dict.fromkeys(found))


def awaited(gate: GateSettings, columns: Columns, vocabulary: str) -> dict[str, str]:
    """Return the columns of a gate that no stage has made yet, with the command that makes each.

    A column that no stage would make is not among them.
    """
    missing = [
        condition.column
        for condition in conditions_of(parse_filter(gate.where))
        if condition.column not in columns and condition.column.lower() not in columns
    ]
    if not missing:
        return {}
    makers = _makers(vocabulary)
    plain = {name: name.rpartition(".")[2].lower() for name in missing}
    return {name: makers[plain[name]] for name in missing if plain[name] in makers}


def not_made(gates: Sequence[GateSettings], columns: Columns, vocabulary: str) -> dict[str, str]:
    """Return by gate, for those that name a column which no stage has made yet, a sentence on it with the remedy."""
    found = {}
    for gate in gates:
        with told(gate):
            waiting = awaited(gate, columns, vocabulary)
        for name, command in waiting.items():
            found[gate.name] = (
                f"the gate {gate.name!r} is not known for any item: there is no {name} yet; {command}"
            )
    return found


def _makers(vocabulary: str) -> dict[str, str]:
    """Return the command that makes each column which stages may make later."""
    from curate.measures import MEASURES, measure_class

    found: dict[str, str] = {}
    for attribute in load_vocabulary(vocabulary or None).attributes:
        for name in (attribute.name, f"{attribute.name}_confidence", f"{attribute.name}_source"):
            found[name] = "likeness label --store ..."
    found["ambiguous"] = "likeness label --store ..."
    found |= dict.fromkeys(("keep", "group_id", "verdict", "family"), "likeness dedupe --store ...")
    for measure in MEASURES:
        try:
            names = measure_class(measure).gives
        except LikenessError:  # an extra that is not installed: its columns cannot be told
            continue
        found |= dict.fromkeys(names, f"likeness measure {measure} --store ...")
    return found


def passing_rows(store: Store, gates: Sequence[GateSettings], vocabulary: str) -> tuple[Rows, list[str]]:
    """Return the rows that the gates let pass so far, and a sentence for each gate that waits for a column.

    Raises FilterError for a condition that is not valid.
    """
    columns = Columns(store)
    ready, notes = [], []
    for gate in gates:
        with told(gate):
            waiting = awaited(gate, columns, vocabulary)
        if waiting:
            notes.append(f"the gate {gate.name!r} was not asked: there is no {', '.join(waiting)} yet")
        else:
            ready.append(gate)
    passing = usable_items(store)
    for act in evaluate(store, ready, vocabulary):
        passing[act.out] = False
    return np.flatnonzero(passing), notes
