"""What changed since the last label run, and which items it affects; the others keep their labels.

A digest of everything that is observed of an item tells whether it changed. An item is affected when the cell that it
asks holds a reference item that changed; the cells of all items are kept from run to run, so nothing is scored to find
out. The models are those of the last full run, so an incremental run gives what labelling everything with them gives.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from label.data.dataset import LabelInputs
from label.learn.fit_all import LabelModels
from label.update.reference_items import (
    ReferenceChanges,
    affected_cells,
    changed_items,
    models_with_changes,
)
from label.update.stored import RunState, StoredModels
from schema.arrays import Bools, Hashes, Rows
from schema.numbers.hashing import mix64
from schema.vocabulary import Vocabulary


@dataclass(slots=True)
class Update:
    """The models with the reference items of now, the state, the items to label again, and which share changed."""

    models: LabelModels
    changes: ReferenceChanges
    state: RunState
    rows: Rows
    share: float


def digests(inputs: LabelInputs) -> Hashes:
    """Return a digest of what is observed of each item and of its fold, uint64 [n]; the order in which it was read is
    no part of it."""
    dataset = inputs.dataset
    total = mix64(dataset.folds + 1) + mix64((dataset.vector_place >= 0) + np.int64(100))
    total += mix64((dataset.tag_counts > 0) + np.int64(200)) + mix64(dataset.single + np.int64(300))
    with np.errstate(over="ignore"):
        for name, observed in dataset.observed.items():
            rows, codes, sources = observed.triples()
            words = np.array([_word(f"{name}={value}") for value in observed.values] or [0], np.uint64)
            np.add.at(total, rows, mix64(words[codes] + sources.astype(np.uint64)))
        for row, remark in _remarks(inputs):
            total[row] += np.uint64(_word(remark))
    return total


def _remarks(inputs: LabelInputs) -> Iterator[tuple[int, str]]:
    """Yield what is known of single items beside their observed labels, as (row, text)."""
    for name, observed in inputs.dataset.observed.items():
        for row, codes in observed.contested.items():
            yield row, f"contested {name}: {sorted(observed.values[code] for code in codes)}"
    for name, rejected in inputs.rejected.items():
        for row, values in rejected.items():
            yield row, f"rejected {name}: {sorted(values)}"
    for name, rows in inputs.closed.items():
        for row in rows:
            yield row, f"closed {name}"
    for row, reason in inputs.ambiguous.items():
        yield row, f"ambiguous: {reason}"
    for row, conflicts in inputs.conflicts.items():
        yield (
            row,
            f"conflicts: {[(conflict.attribute, conflict.kind, str(conflict)) for conflict in conflicts]}",
        )


def _word(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def find_update(
    vocabulary: Vocabulary, stored: StoredModels, state: RunState, inputs: LabelInputs, now: Hashes
) -> Update:
    """Return what changed since the last run and which items must be labelled again.

    ``stored`` is what the last run left, ``now`` are the digests of all items; ``state`` is grown to all of them.
    """
    state.grow(len(now))
    changed = state.seen != now
    since_fit = np.flatnonzero(state.fitted != now)
    changes = ReferenceChanges()
    for name, model in stored.fitted.models.items():
        items = changed_items(vocabulary.attribute(name), model, inputs.dataset, since_fit)
        if items is not None:
            changes.by_attribute[name] = items
    before = models_with_changes(stored.fitted, stored.changes.by_attribute, inputs.dataset)
    after = models_with_changes(stored.fitted, changes.by_attribute, inputs.dataset)
    affected: Bools = changed.copy()
    for column, name in enumerate(vocabulary.names):
        if name in after.models:
            rows = _differing(name, stored.changes, changes)
            cells = state.cells[:, column]
            affected |= _affected_items((before, after), name, rows, state.folds, cells)
    state.seen = now
    return Update(after, changes, state, np.flatnonzero(affected), _share(stored, changes, state, now))


def _differing(name: str, before: ReferenceChanges, after: ReferenceChanges) -> Rows:
    """Return the reference items that are others than in the last run, int64."""
    old, new = before.by_attribute.get(name), after.by_attribute.get(name)
    if new is not None:
        return new.differs(old)
    return np.empty(0, np.int64) if old is None else old.differs(None)


def _affected_items(
    models: tuple[LabelModels, LabelModels],
    name: str,
    rows: Rows,
    folds: npt.NDArray[np.int8],
    cells: npt.NDArray[np.int16],
) -> Bools:
    """Return which items ask any of the reference items ``rows``, by the models of before or after; bool [n]."""
    affected = np.zeros(len(cells), bool)
    if not len(rows):
        return affected
    before, after = models[0].models[name], models[1].models[name]
    for fold in range(len(after.folds)):
        asking = affected_cells(before, fold, rows) | affected_cells(after, fold, rows)
        items = (folds == fold) & (cells >= 0)
        affected[items] = asking[cells[items]]
    return affected


def _share(stored: StoredModels, changes: ReferenceChanges, state: RunState, now: Hashes) -> float:
    """Return which share of the reference items or of all items changed since the fit, whichever is larger."""
    changed = sum(len(items.rows) for items in changes.by_attribute.values())
    fitted = sum(
        max(len(scorers.knn.reference.rows) if scorers.knn else 0 for scorers in model.folds)
        for model in stored.fitted.models.values()
    )
    # New items count as well: attributes of which too little was known at the fit may be learned by now.
    items = (state.fitted != now).sum() / max(int((state.fitted != 0).sum()), 1)
    return float(max(changed / max(fitted, 1), items))
