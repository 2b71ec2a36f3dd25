"""Which items can be selected at all, and the first reason why not: one code an item, in one order of reasons."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from curate.gates.evaluate import OUT, REVIEW, mask_of
from curate.protected import REASON, ProtectedGate
from index.duplicates.copies import Copies
from index.duplicates.overlaps import REASON as IN_ANOTHER_SET
from index.duplicates.overlaps import overlapping_rows
from index.filters import matching_rows
from index.store import Store
from index.store.items.revisions import WITHDRAWN
from schema.arrays import Bools, Rows
from schema.sections.curation import GateSettings
from schema.settings import Settings

PROTECTED = REASON
UNREADABLE = "could not be read"
GONE = "no source has it any more"
SEVERAL = "several characters"
SET_ASIDE = "duplicates set aside"
UNMATCHED = "not matched by select.where"
NO_CLASS = "no value in the column of the classes"
NO_RANK = "no rank"
OVER_CLASS = "beyond the budget of its class"
OVER_TOP = "beyond the number asked for"


def gate_reason(gate: GateSettings) -> str:
    """Return the reason of an item that a gate puts out."""
    return f"gate: {gate.name}"


def held_reason(gate: GateSettings) -> str:
    """Return the reason of an item that a gate holds back for a reviewer."""
    return f"held back: {gate.name}"


@dataclass(slots=True)
class Reasons:
    """The first reason why each item is left out: ``code`` int16 [n] is a place in ``names``, -1 for none."""

    code: np.ndarray[tuple[int], np.dtype[np.int16]]
    names: list[str] = field(default_factory=list)

    @classmethod
    def none(cls, n: int) -> Reasons:
        """Return what says nothing of n items."""
        return cls(np.full(n, -1, np.int16))

    def give(self, name: str, mask: Bools) -> None:
        """Give a reason to those items of a mask that have none yet."""
        if name not in self.names:
            self.names.append(name)
        self.code[mask & (self.code < 0)] = self.names.index(name)

    @property
    def open(self) -> Bools:
        """Items without a reason, bool [n]."""
        found: Bools = self.code < 0
        return found

    def counts(self) -> dict[str, int]:
        """Return how many items have each reason, in the order in which reasons were given."""
        found = np.bincount(self.code[self.code >= 0], minlength=len(self.names))
        return dict(zip(self.names, found.tolist(), strict=True))


def reasons_of(store: Store, settings: Settings) -> Reasons:
    """Return the first reason of every item that cannot be selected; the protected gate comes before all others."""
    n = store.n_items()
    reasons = Reasons.none(n)
    gate = ProtectedGate(store, settings.review.administrators)
    reasons.give(PROTECTED, gate.barred(np.arange(n)))
    _give_status(store, reasons)
    if not settings.select.several and store.has("labels"):
        reasons.give(SEVERAL, mask_of(rows_where(store, "labels", "ambiguous"), n))
    reasons.give(SET_ASIDE, mask_of(Copies.of(store).rows, n))
    reasons.give(IN_ANOTHER_SET, mask_of(overlapping_rows(store), n))
    acts = _acts(store, settings, n)
    for each in settings.gate:
        reasons.give(gate_reason(each), acts[each.name, False])
        reasons.give(held_reason(each), acts[each.name, True])
    if settings.select.where:
        reasons.give(UNMATCHED, ~mask_of(matching_rows(store, settings.select.where), n))
    return reasons


def _give_status(store: Store, reasons: Reasons) -> None:
    failed, gone = np.zeros(len(reasons.code), bool), np.zeros(len(reasons.code), bool)
    for batch in store.scan("items", ["row", "status"]):
        rows, status = batch.column(0).to_numpy(), batch.column(1).to_numpy(zero_copy_only=False)
        failed[rows], gone[rows] = status == "failed", np.isin(status, WITHDRAWN)
    reasons.give(UNREADABLE, failed)
    reasons.give(GONE, gone)


def _acts(store: Store, settings: Settings, n: int) -> dict[tuple[str, bool], Bools]:
    """Return by gate, and by whether they are held back for a reviewer, which items it keeps out."""
    found = {(gate.name, held): np.zeros(n, bool) for gate in settings.gate for held in (False, True)}
    for batch in store.scan("gates", ["row", "gate", "outcome"]) if settings.gate else ():
        rows = batch.column(0).to_numpy()
        names, outcomes = batch.column(1).dictionary_encode(), batch.column(2).to_numpy(zero_copy_only=False)
        codes = names.indices.to_numpy()
        for place, name in enumerate(names.dictionary.to_pylist()):
            for outcome in OUT:
                mask = (codes == place) & (outcomes == outcome)
                if (name, outcome == REVIEW) in found:
                    found[name, outcome == REVIEW][rows[mask]] = True
    return found


def rows_where(store: Store, table: str, where: str) -> Rows:
    """Return the rows of a table that match SQL of ours."""
    parts = [batch.column(0).to_numpy() for batch in store.scan(table, ["row"], where)]
    return np.concatenate([np.empty(0, np.int64), *parts])


def flags_of(store: Store) -> pa.Table:
    """Return the flags of items as records (row, gate), by row and in the order of the gates."""
    if not store.has("gates"):
        return pa.table({"row": pa.array([], pa.int64()), "gate": pa.array([], pa.string())})
    return store.read("gates", ["row", "gate"], "outcome = 'flag'")
