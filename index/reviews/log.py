"""The log of review decisions: append-only, durable before a call returns, safe for several processes at once.

A folder store keeps it in ``reviews.sqlite3`` (WAL, ``synchronous=FULL``: each commit is an fsync, some 2 ms on
an SSD); a store behind an object-store URI keeps a LanceDB table ``reviews`` of the same columns (REVIEWS).
Nothing is ever changed or removed: an undo is one more record, which names the batch it takes back.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from schema.errors import DamagedStore, ReviewConflict, ReviewError, StoreError
from schema.records import Decision

KINDS = ("label", "subjects", "group")
ACTIONS = ("set", "add", "remove", "reject")
GROUP_VALUES = ("keep", "split", "merge", "not_duplicate", "same_artwork", "variant")
MAX_REVIEWER = 80
# A writer waits this long for another one; a batch of 10 000 decisions holds the lock for some 0.1 s.
BUSY_SECONDS = 30.0
LANCE_TRIES = 12


@dataclass(frozen=True, slots=True)
class Review:
    """One record of the log; the columns of REVIEWS. ``kind`` 'undo' takes back the batch named in ``other``."""

    decision: int
    batch: str
    time: str
    reviewer: str
    row: int
    item_id: str
    kind: str
    attribute: str | None
    value: str | None
    action: str
    group_id: str | None
    other: str | None
    seen: str | None

    @property
    def subject(self) -> str:
        """What this decision is about; two decisions on one subject can conflict."""
        if self.kind == "undo":
            return f"undo:{self.other}"
        return subject_of(self.kind, self.row, self.attribute)


COLUMNS = tuple(f.name for f in fields(Review))


def subject_of(kind: str, row: int, attribute: str | None) -> str:
    """Return the key under which decisions conflict: one attribute of one item, or its place in groups."""
    return f"{kind}:{row}:{attribute or ''}"


class ReviewLog(ABC):
    """An append-only log of decisions; one abstract method to read, one to write."""

    @abstractmethod
    def scan(self, since: int = 0, row: int | None = None) -> Iterator[Review]:
        """Yield the records after ``since`` in order, of one item if ``row`` is given."""

    @abstractmethod
    def _write(self, reviews: Sequence[Review], as_of: int | None) -> None:
        """Write the records durably with fresh decision numbers, all or none; check conflicts against ``as_of``."""

    @abstractmethod
    def position(self) -> int:
        """Return the number of the last decision; 0 for an empty log."""

    @abstractmethod
    def close(self) -> None:
        """Release what the log holds open."""

    def kept_position(self) -> int:
        """Return the number of the last decision as kept apart from the log, so that a lost log is missed; else 0."""
        return 0

    def append(
        self,
        decisions: Iterable[Decision],
        reviewer: str,
        *,
        as_of: int | None = None,
        batch: str | None = None,
        when: str | None = None,
    ) -> str:
        """Write decisions as one batch and return its id; they are on disk when this returns.

        ``as_of`` is the log position the reviewer's page was drawn at: if any of the same subjects was decided
        after it, ReviewConflict is raised and nothing is written.
        """
        batch = batch or uuid.uuid4().hex
        when = when or now()
        reviewer = clean_reviewer(reviewer)
        records = [_record(d, batch, when, reviewer) for d in decisions]
        if not records:
            raise ReviewError("there is nothing to decide", "Select at least one item.")
        self._write(records, as_of)
        return batch

    def undo(self, batch: str, reviewer: str) -> str:
        """Take back a whole batch (an undo can be undone again); return the id of the new batch.

        Raises ReviewError when there is no such batch, ReviewConflict when it was taken back already.
        """
        seen = list(self.scan())
        live = live_batches(seen)
        if batch not in live:
            raise ReviewError(f"there is no batch {batch} to undo")
        if not live[batch]:
            raise ReviewConflict("this batch was undone already", "Look at History for who did it.")
        undo = uuid.uuid4().hex
        record = Review(
            0, undo, now(), clean_reviewer(reviewer), -1, "", "undo", None, None, "undo", None, batch, None
        )
        self._write([record], seen[-1].decision)
        return undo

    def restore(self, reviews: Sequence[Review]) -> None:
        """Write records of another log as they are, names, times and batches included, under fresh numbers."""
        self._write(reviews, None)

    def changes(self, since: int) -> list[Review]:
        """Return what was decided after ``since``."""
        return list(self.scan(since))


def now() -> str:
    """Return the present time as ISO 8601 in UTC with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def clean_reviewer(name: str) -> str:
    """Return the reviewer's name without control characters; raises ReviewError when nothing is left."""
    kept = "".join(c for c in name if c.isprintable()).strip()[:MAX_REVIEWER]
    if not kept:
        raise ReviewError("a decision needs a reviewer's name", "Enter your name at the top of the page.")
    return kept


def live_batches(reviews: Iterable[Review]) -> dict[str, bool]:
    """Return for each batch whether it counts. An undo names an earlier batch, so one walk backwards settles all."""
    undone: set[str] = set()
    order: dict[str, str | None] = {}
    for review in reviews:
        order.setdefault(review.batch, review.other if review.kind == "undo" else None)
    state: dict[str, bool] = {}
    for batch in reversed(list(order)):
        state[batch] = batch not in undone
        target = order[batch]
        if target is not None and state[batch]:
            undone.add(target)
    return {batch: state[batch] for batch in order}


def _record(decision: Decision, batch: str, when: str, reviewer: str) -> Review:
    d = decision
    if d.kind not in KINDS:
        raise ReviewError(f"unknown kind of decision {d.kind!r}; there are: {', '.join(KINDS)}")
    if d.action not in ACTIONS:
        raise ReviewError(f"unknown action {d.action!r}; there are: {', '.join(ACTIONS)}")
    if d.kind == "label" and not d.attribute:
        raise ReviewError("a label decision names its attribute")
    if d.kind == "group" and d.value not in GROUP_VALUES:
        raise ReviewError(f"unknown group decision {d.value!r}; there are: {', '.join(GROUP_VALUES)}")
    if d.row < 0 or not d.item_id:
        raise ReviewError("a decision names its item")
    return Review(
        0,
        batch,
        when,
        reviewer,
        d.row,
        d.item_id,
        d.kind,
        d.attribute,
        d.value,
        d.action,
        d.group_id,
        d.other,
        d.seen,
    )


def _conflict(found: Sequence[tuple[str, str]]) -> ReviewConflict:
    names = sorted({reviewer for reviewer, _ in found})
    count = len({subject for _, subject in found})
    return ReviewConflict(
        f"{count} of these labels changed while you looked at them (by {', '.join(names)}); nothing was written",
        "The page now shows the new state: look again, then decide.",
    )


class SqliteLog(ReviewLog):
    """The log of a folder store. One connection per thread, as SQLite wants it."""

    def __init__(self, path: str | Path, readonly: bool = False) -> None:
        self.path = Path(path)
        self.readonly = readonly
        self._local = threading.local()
        self._made = False

    def scan(self, since: int = 0, row: int | None = None) -> Iterator[Review]:
        """Yield the records after ``since`` in order."""
        if not self.path.exists():
            return
        query = f"SELECT {', '.join(COLUMNS)} FROM reviews WHERE decision > ?"  # noqa: S608 - names are constants
        arguments: list[int] = [since]
        if row is not None:
            query += " AND row = ?"
            arguments.append(row)
        with self._damage_told():
            for found in self._connect().execute(query + " ORDER BY decision", arguments):
                yield Review(*found)

    def position(self) -> int:
        """Return the number of the last decision; 0 for an empty log."""
        if not self.path.exists():
            return 0
        with self._damage_told():
            found = self._connect().execute("SELECT max(decision) FROM reviews").fetchone()
        return int(found[0] or 0)

    def kept_position(self) -> int:
        """Return the number of the last decision as kept in a file beside the log; 0 where there is none."""
        try:
            return int(self._position_file.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return 0

    @property
    def _position_file(self) -> Path:
        return self.path.with_suffix(".position")

    @contextmanager
    def _damage_told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise DamagedStore(
                f"the review log {self.path} cannot be read: {error}",
                "Look closer with: likeness check --store ...",
            ) from error

    def close(self) -> None:
        """Close this thread's connection; others close with their threads."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None

    def _connect(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            try:
                connection = self._connect_to_read() if self.readonly else self._connect_to_write()
            except sqlite3.Error as error:
                raise StoreError(f"cannot open the review log {self.path}: {error}") from error
            self._local.connection = connection
        return connection

    def _connect_to_write(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        # WAL with FULL syncs the log at every commit: a confirmed decision survives a power cut.
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(_TABLE)
        connection.execute("CREATE INDEX IF NOT EXISTS reviews_row ON reviews (row, decision)")
        return connection

    def _connect_to_read(self) -> sqlite3.Connection:
        """Open the log without writing; where its folder is read-only, as a file that nobody changes."""
        address = f"file:{quote(str(self.path))}?mode=ro"
        for parameters in ("", "&immutable=1"):
            connection = sqlite3.connect(
                address + parameters, timeout=BUSY_SECONDS, isolation_level=None, uri=True
            )
            try:
                connection.execute("SELECT max(decision) FROM reviews")
                return connection
            except sqlite3.OperationalError:
                connection.close()
                if parameters or os.access(self.path.parent, os.W_OK):
                    raise
        raise AssertionError("one of the two ways returned or raised")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = self._connect()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def _write(self, reviews: Sequence[Review], as_of: int | None) -> None:
        if self.readonly:
            raise ReviewError("this store is open for reading only")
        marks = ", ".join("?" * (len(COLUMNS) - 1))
        insert = f"INSERT INTO reviews ({', '.join(COLUMNS[1:])}) VALUES ({marks})"  # noqa: S608 - constants
        try:
            with self._transaction() as connection:
                if as_of is not None:
                    later = connection.execute(
                        f"SELECT {', '.join(COLUMNS)} FROM reviews WHERE decision > ?",  # noqa: S608 - constants
                        (as_of,),
                    )
                    found = _collisions(reviews, (Review(*r) for r in later), self.scan)
                    if found:
                        raise _conflict(found)
                connection.executemany(insert, [astuple(r)[1:] for r in reviews])
            self._keep_position()
        except sqlite3.Error as error:
            raise StoreError(f"the decision could not be written to {self.path}: {error}") from error

    def _keep_position(self) -> None:
        """Keep the last decision's number beside the log. Nothing depends on its being up to date, only never ahead."""
        with suppress(OSError):
            temporary = self._position_file.with_suffix(f".{os.getpid()}-{threading.get_ident()}.tmp")
            temporary.write_text(str(self.position()), encoding="ascii")
            temporary.replace(self._position_file)


_TABLE = """CREATE TABLE IF NOT EXISTS reviews (
    decision INTEGER PRIMARY KEY AUTOINCREMENT, batch TEXT NOT NULL, time TEXT NOT NULL, reviewer TEXT NOT NULL,
    row INTEGER NOT NULL, item_id TEXT NOT NULL, kind TEXT NOT NULL, attribute TEXT, value TEXT,
    action TEXT NOT NULL, group_id TEXT, other TEXT, seen TEXT) STRICT"""


def _collisions(reviews: Sequence[Review], later: Iterable[Review], scan: Any) -> list[tuple[str, str]]:
    """Return (reviewer, subject) of what was decided meanwhile on the same subjects; an undo touches its batch's."""
    mine = {r.subject for r in reviews}
    found = []
    undone: dict[str, str] = {}
    for review in later:
        if review.subject in mine:
            found.append((review.reviewer, review.subject))
        elif review.kind == "undo":
            undone[str(review.other)] = review.reviewer
    if undone:
        found.extend((undone[r.batch], r.subject) for r in scan() if r.batch in undone and r.subject in mine)
    return found


class LanceLog(ReviewLog):
    """The log of a store behind an object-store URI: every batch is one commit of the table ``reviews``.

    Commits of Lance are atomic and durable; decision numbers come from the clock, so writers need no common counter.
    A conflict is checked before the commit and again after it: the later of two batches is then undone and told.
    """

    def __init__(self, database: Any, readonly: bool = False) -> None:
        self.database = database
        self.readonly = readonly

    def scan(self, since: int = 0, row: int | None = None) -> Iterator[Review]:
        """Yield the records after ``since`` in order."""
        table = self._table(create=False)
        if table is None:
            return
        where = f"decision > {int(since)}" + (f" AND row = {int(row)}" if row is not None else "")
        found = table.search().where(where).limit(None).to_arrow().sort_by("decision")
        for record in found.to_pylist():
            yield Review(**{name: record[name] for name in COLUMNS})

    def position(self) -> int:
        """Return the number of the last decision; 0 for an empty log."""
        table = self._table(create=False)
        if table is None:
            return 0
        import pyarrow.compute as pc

        found = pc.max(table.search().select(["decision"]).limit(None).to_arrow()["decision"]).as_py()
        return int(found or 0)

    def close(self) -> None:
        """Nothing is held open."""

    def _table(self, create: bool) -> Any:
        from schema.tables import REVIEWS

        try:
            table = self.database.open_table("reviews")
        except (FileNotFoundError, ValueError):
            if not create:
                return None
            table = self.database.create_table("reviews", schema=REVIEWS, exist_ok=True)
        table.checkout_latest()
        return table

    def _write(self, reviews: Sequence[Review], as_of: int | None) -> None:
        if self.readonly:
            raise ReviewError("this store is open for reading only")
        import pyarrow as pa

        from schema.tables import REVIEWS

        if as_of is not None:
            found = _collisions(reviews, self.scan(as_of), self.scan)
            if found:
                raise _conflict(found)
        first = max(time.time_ns(), self.position() + 1)
        rows = [
            dict(zip(COLUMNS, astuple(r), strict=True), decision=first + i) for i, r in enumerate(reviews)
        ]
        batch = pa.Table.from_pylist(rows, schema=REVIEWS)
        for attempt in range(LANCE_TRIES):
            try:
                self._table(create=True).add(batch)
                break
            except (OSError, RuntimeError) as error:
                if attempt == LANCE_TRIES - 1:
                    raise StoreError(
                        f"the decision could not be written to the review log: {error}"
                    ) from error
                time.sleep(0.05 * 2 ** min(attempt, 6))
        if as_of is not None:
            others = (r for r in self.scan(as_of) if r.batch != reviews[0].batch and r.decision < first)
            found = _collisions(reviews, others, self.scan)
            if found:
                self.undo(reviews[0].batch, reviews[0].reviewer)
                raise _conflict(found)
