"""What a store must hold, from the counts that its runs and ``store.json`` keep: quick, nothing is read but counts.

Facts only grow. When fewer rows of a fact are there than a finished run has counted, something outside took them, and
a writer that went on would take the rest for torn or never made; so it stops first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from index.reviews.open import open_log
from index.store.database import Database
from index.store.format import FormatFile
from index.store.runs import FACT_ROWS, Runs
from schema.catalogue import describe
from schema.errors import DamagedStore, StoreError

REMEDY = "Look closer with: likeness check --store {uri}"


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing that is wrong with a store; ``fact`` tells whether it cannot be made again from the rest."""

    table: str
    what: str
    fact: bool

    @property
    def text(self) -> str:
        """One sentence."""
        return f"{self.table}: {self.what}"


def missing_rows(store: Database) -> list[Damage]:
    """Return what finished runs counted and the store has no more: rows of facts, commits of derived tables."""
    try:
        runs = Runs(store).all(settings=False)
    except StoreError as error:
        return [Damage("runs", error.message, True)]
    kept = kept_counts(store)
    if len(runs) < kept.get("runs", 0):
        return [Damage("runs", _fewer(len(runs), kept["runs"]), True)]
    expected = dict(kept)
    decisions = 0
    for run in runs:
        expected |= run["facts"].get(FACT_ROWS, {})
        position = run["facts"].get("reviews")
        decisions = max(decisions, position if isinstance(position, int) else 0)
    expected.pop("runs", None)
    return [*_fewer_rows(store, expected), *_older_tables(store, runs), *_fewer_decisions(store, decisions)]


def kept_counts(store: Database) -> Mapping[str, int]:
    """Return how many rows facts and runs had when the last writer closed the store; empty where nobody kept it."""
    return FormatFile(store.folder).read().rows if store.folder is not None else {}


def keep_counts(store: Database) -> None:
    """Keep the counts of the last finished run in ``store.json``; behind an object-store URI runs alone have them."""
    runs = Runs(store).all(settings=False) if store.folder is not None else []
    rows = runs[-1]["facts"].get(FACT_ROWS) if runs else None
    if store.folder is not None and rows:
        record = FormatFile(store.folder)
        state, counts = record.read(), {**rows, "runs": len(runs)}
        if dict(state.rows) != counts:
            record.write(replace(state, rows=counts))


def stop_if_facts_are_lost(store: Database) -> None:
    """Raise DamagedStore, naming every table, when facts are missing; a writer asks before it writes."""
    lost = [damage.text for damage in missing_rows(store) if damage.fact]
    if lost:
        raise DamagedStore(f"the store is damaged. {'; '.join(lost)}", REMEDY.format(uri=store.uri))


def stop_if_anything_is_lost(store: Database) -> None:
    """Raise DamagedStore when facts or the last state of a derived table are missing; an export asks."""
    lost = [damage.text for damage in missing_rows(store)]
    if lost:
        raise DamagedStore(f"the store is damaged. {'; '.join(lost)}", REMEDY.format(uri=store.uri))


def _fewer_rows(store: Database, expected: Mapping[str, int]) -> list[Damage]:
    found = []
    for table, rows in sorted(expected.items()):
        try:
            present = store.count(table)
        except StoreError as error:
            found.append(Damage(table, error.message, True))
            continue
        if present < rows:
            found.append(Damage(table, _fewer(present, rows), True))
    return found


def _older_tables(store: Database, runs: list[dict[str, object]]) -> list[Damage]:
    """Return the derived tables that are older than their last run left them, or gone."""
    written: dict[str, int] = {}
    for run in runs:
        outputs = run["outputs"]
        assert isinstance(outputs, dict)
        written |= outputs
    derived = {table for table in written if not getattr(describe(table), "fact", False)}
    try:
        present = Runs(store).known_versions(sorted(derived))
    except StoreError as error:
        return [Damage("a derived table", error.message, False)]
    return [
        Damage(table, "it is gone" if not store.has(table) else "its last change is gone", False)
        for table in sorted(derived)
        if present[table] < written[table]
    ]


def _fewer_decisions(store: Database, expected: int) -> list[Damage]:
    log = open_log(store, readonly=True)
    try:
        present, kept = log.position(), log.kept_position()
    except StoreError as error:
        return [Damage("reviews", error.message, True)]
    finally:
        log.close()
    expected = max(expected, kept)
    if present >= expected:
        return []
    return [Damage("reviews", f"decisions after number {present} are gone; the last was {expected}", True)]


def _fewer(present: int, expected: int) -> str:
    return (
        f"{expected - present:,} of {expected:,} rows are gone"
        if present
        else f"all {expected:,} rows are gone"
    )
