"""The log of stage runs: settings, versions read and written, counts; a row appears only when a run finished."""

from __future__ import annotations

import json
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from index.store.database import Database
from schema import tables
from schema.catalogue import describe
from schema.ids import settings_hash
from schema.version import __version__

# Name of the fact in which a run says that a table's version became another one without a change of its rows.
MOVED = "moved"

# Name of the fact in which every run keeps how many rows the tables of facts had when it ended.
FACT_ROWS = "fact_rows"


_JSON = ("settings", "inputs", "outputs", "counts", "facts")
"""Columns that hold JSON."""


@dataclass(slots=True)
class Run:
    """A stage run under way; fill ``counts`` and ``facts``, name the tables written in ``outputs``.

    ``touched`` names inputs that the stage gave an index: a new version with the rows that it read.
    """

    stage: str
    counts: Counter[str] = field(default_factory=Counter)
    facts: dict[str, Any] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)
    touched: list[str] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Seconds since the run started."""
        return time.monotonic() - self.started


class Runs:
    """Reads and writes the ``runs`` table of a store."""

    def __init__(self, store: Database) -> None:
        self._store = store

    @contextmanager
    def start(self, stage: str, settings: Mapping[str, Any], inputs: Sequence[str] = ()) -> Iterator[Run]:
        """Run a stage and record it when the block ends without an exception.

        The versions of ``inputs`` are taken now: what changes while the stage runs is new work for the next one.
        """
        versions = self.known_versions(inputs)
        begun = datetime.now(UTC).isoformat(timespec="milliseconds")
        run = Run(stage)
        yield run
        versions |= self.known_versions(run.touched)
        run.facts[FACT_ROWS] = self._fact_rows()
        record = {
            "run_id": uuid.uuid4().hex,
            "stage": stage,
            "started": begun,
            "finished": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "seconds": run.seconds,
            "settings": json.dumps(settings, sort_keys=True, default=str),
            "settings_hash": settings_hash(settings),
            "code_version": __version__,
            "inputs": json.dumps(versions, sort_keys=True),
            "outputs": json.dumps(self.known_versions(run.outputs), sort_keys=True),
            "counts": json.dumps(dict(run.counts), sort_keys=True),
            "facts": json.dumps(run.facts, sort_keys=True, default=str),
        }
        self._store.append("runs", pa.Table.from_pylist([record], tables.RUNS), tables.RUNS)

    def _fact_rows(self) -> dict[str, int]:
        facts = [
            name for name in self._store.tables() if name != "runs" and getattr(describe(name), "fact", False)
        ]
        return {name: self._store.count(name) for name in facts}

    def last(self, stage: str) -> dict[str, Any] | None:
        """Return the last finished run of a stage with its JSON columns parsed, or None."""
        found = self._records(of=stage)
        return _parsed(found[-1], _JSON) if found else None

    def of(self, stage: str) -> list[dict[str, Any]]:
        """Return the finished runs of a stage, oldest first."""
        return [_parsed(record, _JSON) for record in self._records(of=stage)]

    def all(self, settings: bool = True) -> list[dict[str, Any]]:
        """Return all finished runs, oldest first; without their ``settings``, which may hold a whole vocabulary, in a
        tenth of the time."""
        names = _JSON if settings else tuple(name for name in _JSON if name != "settings")
        return [_parsed(record, names) for record in self._records(without=() if settings else ("settings",))]

    def _records(self, of: str = "", without: Sequence[str] = ()) -> list[dict[str, Any]]:
        """Return the runs as they are stored, oldest first, all of them or those ``of`` one stage."""
        columns = [name for name in tables.RUNS.names if name not in without]
        records: list[dict[str, Any]] = []
        # The names of stages are ours.
        for batch in self._store.scan("runs", columns, f"stage = '{of}'" if of else None):
            records.extend(batch.to_pylist())
        records.sort(key=lambda record: str(record["finished"]))
        return records

    def up_to_date(self, stage: str, settings: Mapping[str, Any], inputs: Sequence[str] = ()) -> bool:
        """Tell whether the last run of a stage had these settings, read these versions, and its output still stands."""
        last = self.last(stage)
        return (
            last is not None
            and last["settings_hash"] == settings_hash(settings)
            and last["inputs"] == self.known_versions(inputs)
            and last["outputs"] == self.known_versions(list(last["outputs"]))
            and last["code_version"] == __version__
        )

    def has_lost_output(self, stage: str) -> bool:
        """Tell whether a table is older than the last run of a stage left it: no ground to go on from."""
        last = self.last(stage)
        written = last["outputs"] if last is not None else {}
        present = self.known_versions(written)
        return any(present[table] < version for table, version in written.items())

    def known_versions(self, names: Iterable[str]) -> dict[str, int]:
        """Return the versions of tables as stages know them: a mere change of form counts as the version before."""
        found = {name: self._store.version(name) for name in names}
        moved: dict[str, dict[int, int]] = {}
        for record in self.all(settings=False) if found else ():
            for table, (before, after) in record["facts"].get(MOVED, {}).items():
                moved.setdefault(table, {})[after] = before
        for name in found:
            back = moved.get(name, {})
            while found[name] in back:
                found[name] = back.pop(found[name])
        return found


def _parsed(record: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {**record, **{name: json.loads(record[name]) for name in names}}
