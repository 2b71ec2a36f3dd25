"""The review log of a folder store: ``reviews.sqlite3``, in WAL mode, synced at every commit (some 2 ms on an SSD)."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from index.reviews.log import ReviewLog, collisions, conflict_error
from index.reviews.records import COLUMNS, LATER, Review, read_record, sqlite_values
from schema.errors import DamagedStore, ReviewError, StoreError

FILE = "reviews.sqlite3"
# A writer waits this long for another one; a batch of 10 000 decisions holds the lock for some 0.1 s.
BUSY_SECONDS = 30.0

_TABLE = """CREATE TABLE IF NOT EXISTS reviews (
    decision INTEGER PRIMARY KEY AUTOINCREMENT, batch TEXT NOT NULL, time TEXT NOT NULL, reviewer TEXT NOT NULL,
    row INTEGER NOT NULL, item_id TEXT NOT NULL, kind TEXT NOT NULL, attribute TEXT, value TEXT,
    action TEXT NOT NULL, group_id TEXT, other TEXT, seen TEXT, others TEXT, shown TEXT, queue TEXT) STRICT"""


class SqliteLog(ReviewLog):
    """The log of a folder store. One connection per thread, as SQLite wants it."""

    def __init__(self, path: str | Path, readonly: bool = False) -> None:
        self.path = Path(path)
        self.readonly = readonly
        self._local = threading.local()

    def scan(self, since: int = 0, row: int | None = None) -> Iterator[Review]:
        """Yield the records after ``since`` in order."""
        if not self.path.exists():
            return
        query = "SELECT * FROM reviews WHERE decision > ?"
        arguments: list[int] = [since]
        if row is not None:
            query += " AND row = ?"
            arguments.append(row)
        with self._damage_told():
            yield from _records(self._connect().execute(query + " ORDER BY decision", arguments))

    def position(self) -> int:
        """Return the number of the last decision; 0 for an empty log."""
        if not self.path.exists():
            return 0
        with self._damage_told():
            (last,) = self._connect().execute("SELECT max(decision) FROM reviews").fetchone()
        return int(last or 0)

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
        present = {name for _, name, *_ in connection.execute("PRAGMA table_info(reviews)")}
        for name in LATER:
            if (
                name not in present
            ):  # a log of an earlier release; another process may be adding the column, too
                with suppress(sqlite3.OperationalError):
                    connection.execute(f"ALTER TABLE reviews ADD COLUMN {name} TEXT")
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
                    later = connection.execute("SELECT * FROM reviews WHERE decision > ?", (as_of,))
                    found = collisions(reviews, _records(later), self.scan)
                    if found:
                        raise conflict_error(found)
                connection.executemany(insert, [sqlite_values(review)[1:] for review in reviews])
            self._keep_position()
        except sqlite3.Error as error:
            raise StoreError(f"the decision could not be written to {self.path}: {error}") from error

    def _keep_position(self) -> None:
        """Keep the last decision's number beside the log. Nothing depends on its being up to date, only never ahead."""
        with suppress(OSError):
            temporary = self._position_file.with_suffix(f".{os.getpid()}-{threading.get_ident()}.tmp")
            temporary.write_text(str(self.position()), encoding="ascii")
            temporary.replace(self._position_file)


def _records(cursor: sqlite3.Cursor) -> Iterator[Review]:
    """Yield the records of a query for all columns, whichever the log has."""
    names = [name for name, *_ in cursor.description]
    for values in cursor:
        yield read_record(dict(zip(names, values, strict=True)))
