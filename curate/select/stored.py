"""The selection as the last run left it: what an export takes, and whether it is still up to date."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from curate.gates.stage import stored_gates
from index.store import Store
from index.store.runs import Runs
from schema.arrays import Bools, Ints32, Rows
from schema.sections.curation import SelectSettings
from schema.settings import Settings

STAGE, TABLE = "select", "selection"
NEWER = "newer than the selection"


@dataclass(frozen=True, slots=True)
class Selection:
    """The table ``selection``: by row whether it is selected, its split, and the first reason why it is not.

    ``split`` and ``left_out`` are places in ``splits`` and ``reasons``, -1 for none; ``stale`` names the tables that
    changed since.
    """

    selected: Bools
    split: Ints32
    left_out: Ints32
    splits: tuple[str, ...]
    reasons: tuple[str, ...]
    stale: tuple[str, ...]

    @classmethod
    def read(cls, store: Store) -> Selection | None:
        """Return the selection of a store, None where there is none."""
        last = Runs(store).last(STAGE)
        if last is None or not store.has(TABLE):
            return None
        n = store.n_items()
        selected = np.zeros(n, bool)
        split, left_out = np.full(n, -1, np.int32), np.full(n, -1, np.int32)
        steps = [step[0] for step in last["facts"].get("funnel", ())[1:]]
        splits, reasons = dict[str, int](), {name: place for place, name in enumerate(steps)}
        for batch in store.scan(TABLE, ["row", "selected", "split", "left_out"]):
            rows = batch.column(0).to_numpy()
            known = rows < n
            rows = rows[known]
            selected[rows] = batch.column(1).to_numpy(zero_copy_only=False)[known]
            split[rows] = _codes(batch.column(2), splits)[known]
            left_out[rows] = _codes(batch.column(3), reasons)[known]
        return cls(selected, split, left_out, tuple(splits), tuple(reasons), cls.stale_tables(store))

    @staticmethod
    def stale_tables(store: Store) -> tuple[str, ...]:
        """Return the tables that changed since the last selection read them."""
        runs = Runs(store)
        last = runs.last(STAGE)
        if last is None:
            return ()
        now = runs.known_versions(last["inputs"])
        return tuple(name for name, version in last["inputs"].items() if now[name] != version)

    def split_of(self, rows: Rows) -> pa.Array:
        """Return the splits of rows as texts, null for those that are not selected."""
        codes = self.split[rows]
        return pa.array([*self.splits, ""]).take(pa.array(np.maximum(codes, 0), mask=codes < 0))

    def reasons_of(self, rows: Rows) -> list[tuple[str, Bools]]:
        """Return each reason with which of the rows it leaves out, bool [n]."""
        codes, out = self.left_out[rows], ~self.selected[rows]
        found = [(name, out & (codes == code)) for code, name in enumerate(self.reasons)]
        return [*found, (NEWER, out & (codes < 0))]


def _codes(values: pa.Array, known: dict[str, int]) -> Ints32:
    encoded = values.dictionary_encode()
    places = [known.setdefault(name, len(known)) for name in encoded.dictionary.to_pylist()]
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    found: Ints32 = np.array([*places, -1], np.int32)[codes]
    return found


def with_stored(store: Store, settings: Settings) -> Settings:
    """Return settings with the gates and the selection of the last runs, where they name none themselves."""
    change: dict[str, Any] = {}
    runs = Runs(store)
    if not settings.gate and (gates := stored_gates(store)):
        change["gate"] = tuple(gates)
    if settings.select == SelectSettings() and (last := runs.last(STAGE)) is not None:
        change["select"] = SelectSettings.model_validate(last["settings"]["select"])
    return settings.model_copy(update=change) if change else settings
