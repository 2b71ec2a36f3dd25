"""What a label run leaves for the next one, and for the page: the fitted models, what changed since, and the state."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from index.store import Store
from index.store.encoder_key import known_encoder_key
from label.data.load import STATE, take_vectors
from label.learn.fit_all import LabelModels
from label.learn.serialize import deserialise, serialise
from label.measured import MODELS, REPORT
from label.update.reference_items import ReferenceChanges, with_changes
from schema import tables
from schema.arrays import Hashes, Ints8
from schema.errors import StoreError

FITTED, CHANGES = "models", "changes"
"""Records of the table of models: what the last full run fitted, the reference items that changed since, and the
held-out figures."""


@dataclass(slots=True)
class StoredModels:
    """The models of the last full run, and the reference items that changed since."""

    fitted: LabelModels
    changes: ReferenceChanges = field(default_factory=ReferenceChanges)


@dataclass(slots=True)
class RunState:
    """What a run leaves by row: ``fitted`` and ``seen`` digests uint64 [n] at the fit and now (0 at the fit for an
    item that came later), ``folds`` int8 [n], ``cells`` int16 [n, attributes]."""

    fitted: Hashes
    seen: Hashes
    folds: Ints8
    cells: npt.NDArray[np.int16]

    @classmethod
    def empty(cls, n: int, attributes: int) -> RunState:
        """Return the state of n items that no run has seen."""
        none = np.zeros(n, np.uint64)
        return cls(none, none.copy(), np.full(n, -1, np.int8), np.full((n, attributes), -1, np.int16))

    def __len__(self) -> int:
        return len(self.seen)

    def grow(self, n: int) -> None:
        """Make room for n rows."""
        more = RunState.empty(n - len(self), self.cells.shape[1])
        self.fitted = np.concatenate([self.fitted, more.fitted])
        self.seen = np.concatenate([self.seen, more.seen])
        self.folds = np.concatenate([self.folds, more.folds])
        self.cells = np.concatenate([self.cells, more.cells])


def load_state(store: Store, attributes: int) -> RunState | None:
    """Return the state of the last run, or None where it is missing or of another vocabulary."""
    if not store.has(STATE) or store.schema(STATE).field("cells").type.list_size != attributes:
        return None
    table = store.read(STATE)
    cells = table["cells"].combine_chunks().flatten().to_numpy().reshape(-1, attributes)
    digests = [table[name].to_numpy().astype(np.int64).view(np.uint64) for name in ("fitted", "seen")]
    return RunState(digests[0], digests[1], table["fold"].to_numpy().copy(), cells.copy())


def save_state(store: Store, state: RunState) -> None:
    """Write the state of a run."""
    schema = tables.label_state(state.cells.shape[1])
    cells = pa.FixedSizeListArray.from_arrays(pa.array(state.cells.ravel()), state.cells.shape[1])
    digests = [state.fitted.view(np.int64), state.seen.view(np.int64)]
    store.replace(
        STATE, pa.table([np.arange(len(state)), *digests, state.folds, cells], schema=schema), schema
    )


def load_stored(store: Store) -> StoredModels:
    """Return the models of the last full run and what changed since.

    Raises StoreError when items were not labelled yet, or by another version of Likeness.
    """
    blobs = _blobs(store)
    if FITTED not in blobs:
        raise StoreError("the store holds no label models yet", "Run: likeness label --store ...")
    fitted = deserialise(blobs[FITTED], LabelModels)
    return StoredModels(fitted, deserialise(blobs[CHANGES], ReferenceChanges))


def load_models(store: Store) -> LabelModels:
    """Return the models with the reference items that the last run labelled with.

    Raises StoreError when items were not labelled yet, or by another version of Likeness.
    """
    return current_models(store, load_stored(store))


def current_models(store: Store, stored: StoredModels) -> LabelModels:
    """Return the fitted models with the reference items that changed since."""
    models = dict(stored.fitted.models)
    for name, changed in stored.changes.by_attribute.items():
        _, vectors = take_vectors(store, known_encoder_key(store), changed.rows)
        models[name] = with_changes(models[name], stored.fitted.features, changed, vectors)
    return replace(stored.fitted, models=models)


def save_fit(store: Store, models: LabelModels, figures: Mapping[str, Any]) -> None:
    """Write what a full run fitted, with its held-out ``figures`` by attribute."""
    report = json.dumps(figures, sort_keys=True).encode()
    _write(store, {FITTED: serialise(models), CHANGES: serialise(ReferenceChanges()), REPORT: report})


def save_changes(store: Store, changes: ReferenceChanges) -> None:
    """Write the reference items that changed since the fit; the fit itself stays byte for byte."""
    _write(store, {**_blobs(store), CHANGES: serialise(changes)})


def _blobs(store: Store) -> dict[str, bytes]:
    if not store.has(MODELS):
        return {}
    return {record["name"]: record["blob"] for batch in store.scan(MODELS) for record in batch.to_pylist()}


def _write(store: Store, blobs: Mapping[str, bytes]) -> None:
    # In one order, which is the same after a full run and after an incremental one: equal tables.
    records = [{"name": name, "blob": blobs[name]} for name in (FITTED, CHANGES, REPORT)]
    store.replace(MODELS, pa.Table.from_pylist(records, tables.LABEL_MODELS), tables.LABEL_MODELS)
