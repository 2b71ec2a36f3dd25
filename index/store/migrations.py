"""Numbered changes that bring an older store to today's format, run when a writer opens it.

Each leaves a store that was killed inside it such that running it again finishes it: it looks at what there is, and
the number is written last. Versions of tables that only changed their form are recorded as *moved*, so no stage
takes its input for new.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from index.store.database import Database
from index.store.format import FormatRecord, StoreFormat
from index.store.migrate_labels import migrate_labels
from index.store.runs import MOVED, Runs
from schema import tables
from schema.errors import StoreError


@dataclass(frozen=True, slots=True)
class Migration:
    """The step to format ``number``.

    ``readable``: whoever only reads can do without it, what is missing reads as empty. ``renews`` names tables
    whose rows mean something else afterwards, so that the stages that read them run again.
    """

    number: int
    about: str
    apply: Callable[[Database], None]
    readable: bool = False
    renews: frozenset[str] = frozenset()


def _add_source_metadata(database: Database) -> None:
    for table, schema in (("items", tables.ITEMS), ("copies", tables.COPIES)):
        if database.has(table):
            database.ensure_columns(table, list(schema))


MIGRATIONS = (
    Migration(
        2,
        "items and copies have columns for what their source says: rating, score, artists, addresses, date",
        _add_source_metadata,
        readable=True,
    ),
    Migration(
        3,
        "copies say what a source has changed since; items have the prompt that a generator wrote into the picture",
        _add_source_metadata,
        readable=True,
    ),
    Migration(
        4,
        "labels name the model as their source, conflicts between tags are records, noise lists give probabilities",
        migrate_labels,
    ),
)


def migrate(database: Database, record: FormatRecord) -> None:
    """Bring a store to today's format; nothing happens when it has it. Safe to kill at any point, and to run again.

    Raises StoreError when the store is of a later format than this code knows.
    """
    state = record.read()
    _refuse_later(state)
    pending = [step for step in MIGRATIONS if step.number > state.version]
    if not pending and not state.migrating:
        return
    versions = dict(state.migrating) or {name: database.version(name) for name in database.tables()}
    record.write(replace(state, migrating=versions))
    for step in pending:
        step.apply(database)
        record.write(replace(state, version=step.number, migrating=versions))
    _record_moves(database, versions, state.version)
    record.write(replace(state, version=tables.FORMAT_VERSION, migrating={}))


def check_readable(state: StoreFormat) -> None:
    """Raise StoreError, with what to do, when this code cannot read a store of that format."""
    _refuse_later(state)
    if any(not step.readable for step in MIGRATIONS if step.number > state.version):
        raise StoreError(
            f"the store has format {state.version}, this code reads format {tables.FORMAT_VERSION}",
            "Bring it up to date, nothing in it is lost: likeness run --store ...",
        )


def _refuse_later(state: StoreFormat) -> None:
    if state.version > tables.FORMAT_VERSION:
        raise StoreError(
            f"the store has format {state.version}, this code knows {tables.FORMAT_VERSION}",
            "Upgrade Likeness.",
        )


def _record_moves(database: Database, versions: dict[str, int], before: int) -> None:
    renewed: set[str] = set().union(*(step.renews for step in MIGRATIONS if step.number > before))
    moved = {
        name: [version, database.version(name)]
        for name, version in versions.items()
        if name not in renewed and database.version(name) != version
    }
    if moved:
        with Runs(database).start("migrate", {"format": tables.FORMAT_VERSION}) as run:
            run.facts[MOVED] = moved
            run.counts["tables"] = len(moved)
