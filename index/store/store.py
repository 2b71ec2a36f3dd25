"""The store: a database with a lock, a format, items that carry their copies, vectors and the graph as arrays.

Facts (items, copies, thumbnails, vectors) are only appended; derived tables are replaced in one atomic commit.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from index.store.arrays import Graph, Vectors
from index.store.database import Database, to_numpy
from index.store.expected import keep_counts, stop_if_facts_are_lost
from index.store.format import (
    FILE,
    FormatFile,
    FormatRecord,
    FormatTable,
    StoreFormat,
    is_beheaded,
    make_folder,
)
from index.store.items import check_columns, fold_copies, revisions, row_range, shared_columns, with_missing
from index.store.lance_errors import first_line
from index.store.lock import RunLock
from index.store.migrations import check_readable, migrate
from schema import tables
from schema.arrays import Ints
from schema.errors import DamagedStore, StoreError

# Lance's read-ahead defaults to 2 GiB of buffered IO; scans here are sequential and gain nothing from it.
IO_BUFFER_BYTES = 256 * 2**20

_ENVIRONMENT = "Credentials and endpoint come from the environment (AWS_ACCESS_KEY_ID, AWS_ENDPOINT, ...)."


class Store(Database):
    """One store; a context manager. Open it with ``Store.open``."""

    def __init__(self, uri: str, lock: RunLock | None = None) -> None:
        super().__init__(uri)
        self._lock = lock

    @classmethod
    def open(
        cls, uri: str | os.PathLike[str], *, create: bool = False, write: bool = False, verify: bool = True
    ) -> Self:
        """Open a store by folder or URI; ``write`` takes the one-run lock of a local store and migrates an older one.

        Raises StoreError when there is no store (and ``create`` is False) or its format is one that this code cannot
        read, StoreBusy when another run holds it, DamagedStore when a writer (unless ``verify`` is False) would go on
        from facts that are no longer whole.
        """
        os.environ.setdefault("LANCE_DEFAULT_IO_BUFFER_SIZE", str(IO_BUFFER_BYTES))
        uri = os.fspath(uri)
        store = cls._open_remote(uri, create, write) if "://" in uri else cls._open_folder(uri, create, write)
        if write and verify:
            try:
                stop_if_facts_are_lost(store)
            except BaseException:
                store.close()
                raise
        return store

    @classmethod
    def _open_folder(cls, uri: str, create: bool, write: bool) -> Self:
        folder = Path(uri).expanduser().resolve()
        record = FormatFile(folder)
        if is_beheaded(folder):
            raise DamagedStore(
                f"{uri} holds the tables of a store, but its {FILE} is gone",
                f"Mend it with: likeness check --repair --store {uri}",
            )
        if not record.exists():
            if not create:
                raise StoreError(
                    f"there is no store at {uri}", "Make one with: likeness ingest --store ... --source ..."
                )
            make_folder(folder)
        lock = RunLock(folder) if write else None
        try:
            if not record.exists():
                record.write(StoreFormat())
            check = record.read()
            store = cls._connect(str(folder), lock)
            store._prepare(record, check, write)
        except BaseException:
            if lock is not None:
                lock.release()
            raise
        return store

    @classmethod
    def _open_remote(cls, uri: str, create: bool, write: bool) -> Self:
        store = cls._connect(uri, None)
        record = FormatTable(store)
        try:
            found = store.exists()
            state = record.read()
        except (OSError, RuntimeError, ValueError) as error:
            raise StoreError(f"cannot reach {uri}: {first_line(error)}", _ENVIRONMENT) from error
        if not found:
            if not create:
                raise StoreError(f"there is no store at {uri}")
            if write:
                record.write(state)
        store._prepare(record, state, write)
        return store

    @classmethod
    def _connect(cls, uri: str, lock: RunLock | None) -> Self:
        try:
            return cls(uri, lock)
        except (OSError, RuntimeError, ValueError) as error:
            hint = _ENVIRONMENT if "://" in uri else ""
            raise StoreError(f"cannot reach {uri}: {first_line(error)}", hint) from error

    def _prepare(self, record: FormatRecord, state: StoreFormat, write: bool) -> None:
        if not write:
            check_readable(state)
            return
        for name in ("items", "copies"):
            self.finish_columns(name)
        migrate(self, record)
        revisions.rebuild(self, self.commits())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Keep the counts of facts, release the lock and drop the handles."""
        self._rows.clear()
        if self._lock is not None:
            # A courtesy to the next run: a store that cannot be read or written says so elsewhere.
            with contextlib.suppress(StoreError, OSError):
                keep_counts(self)
            self._lock.release()
            self._lock = None

    # ---- items

    def commits(self) -> int:
        """Return the number of the last whole commit of an ingest; what has a higher one was cut off by a kill."""
        marks = (batch.column(0).to_pylist() for batch in self.scan("ingests", ["commit"]))
        return max((mark for part in marks for mark in part), default=0)

    def scan(
        self,
        table: str,
        columns: Sequence[str] | None = None,
        where: str | None = None,
        batch_rows: int = 65_536,
    ) -> Iterator[pa.RecordBatch]:
        """Yield a table as ``Database.scan`` does; items as their sources have them now."""
        names = list(columns) if columns is not None else None
        same = where is None and names is not None and set(names) <= {"row", "item_id"}
        if table != "items" or same or not self.has(revisions.TABLE):
            yield from super().scan(table, columns, where, batch_rows)
            return
        names = names if names is not None else list(self.schema("items").names)
        fetched = names if "row" in names else ["row", *names]
        base = super().scan("items", fetched, where, batch_rows)
        revised = super().scan(revisions.TABLE, fetched, where, batch_rows)
        for batch in revisions.merged(base, revised, revisions.revised_rows(self)):
            yield batch.select(names)

    def count(self, table: str, where: str | None = None) -> int:
        """Return the number of rows, of those that match a filter when one is given; 0 for a missing table."""
        if table == "items" and where and self.has(revisions.TABLE):
            return sum(batch.num_rows for batch in self.scan("items", ["row"], where))
        return super().count(table, where)

    def take(
        self, table: str, rows: Sequence[int] | npt.NDArray[Any], columns: Sequence[str] | None = None
    ) -> pa.Table:
        """Return rows as ``Database.take`` does; items as their sources have them now."""
        if table != "items" or not self.has(revisions.TABLE):
            return super().take(table, rows, columns)
        names = list(columns) if columns is not None else list(self.schema("items").names)
        fetched = names if "row" in names else ["row", *names]
        first = super().take("items", rows, fetched)
        asked = np.asarray(first.column("row"), dtype=np.int64)
        changed = np.intersect1d(asked, revisions.revised_rows(self))
        if not len(changed):
            return first.select(names)
        now = super().take(revisions.TABLE, changed, fetched).cast(first.schema)
        # Behind the first records stand the revised ones; each row takes the place of its own.
        place = np.arange(len(asked))
        at = np.minimum(np.searchsorted(changed, asked), len(changed) - 1)
        is_changed = changed[at] == asked
        place[is_changed] = len(asked) + at[is_changed]
        return pa.concat_tables([first, now]).take(pa.array(place)).select(names)

    def n_items(self) -> int:
        """Return the number of item rows ever given out."""
        return self.count("items")

    def item_columns(self) -> list[str]:
        """Return the names of all columns of items, those that only this store's sources have among them."""
        own = self.schema("items").names if self.has("items") else []
        return list(dict.fromkeys((*tables.ITEMS.names, *own)))

    def items(
        self,
        columns: Sequence[str] | None = None,
        where: str | None = None,
        batch_rows: int = 65_536,
    ) -> Iterator[pa.RecordBatch]:
        """Yield items in row order with the keys, tags, texts and facts of their byte-identical copies folded in."""
        if not self.has("items"):
            return
        names = list(columns) if columns is not None else self.item_columns()
        fetched, folded = self._plan(names)
        for batch in self.scan("items", fetched, where, batch_rows):
            yield with_missing(self._fold(batch, folded), names)

    def take_items(
        self, rows: Sequence[int] | npt.NDArray[Any], columns: Sequence[str] | None = None
    ) -> pa.Table:
        """Return items by row in the asked order, copies folded in."""
        names = list(columns) if columns is not None else self.item_columns()
        fetched, folded = self._plan(names)
        taken = self.take("items", rows, fetched).combine_chunks()
        batch = taken.to_batches()[0] if taken.num_rows else pa.RecordBatch.from_pylist([], taken.schema)
        return pa.Table.from_batches([with_missing(self._fold(batch, folded), names)])

    def _plan(self, names: Sequence[str]) -> tuple[list[str], list[str]]:
        """Return which columns of items to read for these, and which of them copies add to."""
        present = self.schema("items")
        check_columns(names, present)
        kept = [name for name in names if name in present.names]
        folded = shared_columns(kept, self.schema("copies")) if self.count("copies") else []
        return (["row", *kept] if folded and "row" not in kept else kept), folded

    def _fold(self, batch: pa.RecordBatch, folded: Sequence[str]) -> pa.RecordBatch:
        if not folded or not batch.num_rows:
            return batch
        parts = self.scan("copies", ["row", *folded], row_range(batch))
        records = (record for part in parts for record in part.to_pylist())
        if self.has(revisions.TABLE):
            # Their copies are in the revised records already.
            changed = set(revisions.revised_rows(self).tolist())
            records = (record for record in records if record["row"] not in changed)
        return fold_copies(batch, records, folded)

    # ---- vectors and graph

    def encoder_key(self) -> str:
        """Return the KEY of the vectors that the last finished embed run wrote."""
        key = None
        for batch in self.scan("runs", ["stage", "facts"]):
            for record in batch.to_pylist():
                if record["stage"] == "embed":
                    key = json.loads(record["facts"]).get("key", key)
        if not key:
            raise StoreError("the store holds no vectors yet", "Run: likeness embed --store ...")
        return str(key)

    def vectors(self, key: str) -> Vectors:
        """Return all vectors of an encoder key: n x d x 2 bytes of memory (5 M x 512: 5.1 GB)."""
        return Vectors(*self._matrix(f"vectors_{key}", "vector", np.float16))

    def graph(self, key: str) -> Graph:
        """Return the kNN graph of an encoder key: n x k x 8 bytes of memory."""
        name = f"neighbours_{key}"
        rows, ids = self._matrix(name, "ids", np.int32)
        return Graph(rows, ids, self._matrix(name, "similarity", np.float32)[1])

    def _matrix(self, table: str, column: str, dtype: type) -> tuple[Ints, npt.NDArray[Any]]:
        """Fill one array batch by batch, so that the peak is the array and one batch."""
        size = self.schema(table).field(column).type.list_size
        count = self.count(table)
        rows = np.empty(count, dtype=np.int64)
        data = np.empty((count, size), dtype=dtype)
        at = 0
        for batch in self.scan(table, ["row", column], batch_rows=16_384):
            end = at + batch.num_rows
            rows[at:end] = batch.column(0).to_numpy()
            data[at:end] = to_numpy(batch.column(1))
            at = end
        return rows, data
