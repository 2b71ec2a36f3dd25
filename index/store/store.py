"""The store: LanceDB tables in a folder or behind an object-store URI, read in batches, committed whole.

Facts (items, copies, thumbnails, vectors) are only appended; derived tables are replaced in one atomic commit.
Reads stream, so memory follows the batch and not the table. Every table is in row order.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

import lancedb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from index.store.arrays import Graph, Vectors
from index.store.format import check_format, make_folder, write_marker
from index.store.lock import RunLock
from schema import tables
from schema.arrays import Ints
from schema.errors import FilterError, StoreError

# Lance keeps 6 GiB of index and 1 GiB of metadata cache per table handle unless told otherwise; one session
# shared by all tables holds a run within a laptop's memory.
INDEX_CACHE_BYTES = 512 * 2**20
METADATA_CACHE_BYTES = 128 * 2**20

# Lance's read-ahead defaults to 2 GiB of buffered IO; scans here are sequential and gain nothing from it.
IO_BUFFER_BYTES = 256 * 2**20

_ENVIRONMENT = "Credentials and endpoint come from the environment (AWS_ACCESS_KEY_ID, AWS_ENDPOINT, ...)."

Batches: TypeAlias = pa.Table | pa.RecordBatchReader | Iterable[pa.RecordBatch]


class Store:
    """One store; a context manager. Open it with ``Store.open``."""

    def __init__(self, uri: str, connection: Any, lock: RunLock | None) -> None:
        self.uri = uri
        self._db = connection
        self._lock = lock
        self._rows: dict[tuple[str, int], Ints] = {}
        self._known: set[str] = set()

    @classmethod
    def open(cls, uri: str | os.PathLike[str], *, create: bool = False, write: bool = False) -> Self:
        """Open a store by folder or URI; ``write`` takes the one-run lock of a local store.

        Raises StoreError when there is no store (and ``create`` is False) or its format is newer than this code,
        StoreBusy when another run holds it.
        """
        uri = os.fspath(uri)
        os.environ.setdefault("LANCE_DEFAULT_IO_BUFFER_SIZE", str(IO_BUFFER_BYTES))
        local = "://" not in uri
        lock = None
        if local:
            folder = Path(uri).expanduser().resolve()
            marker = folder / "store.json"
            if not marker.exists():
                if not create:
                    raise StoreError(
                        f"there is no store at {uri}",
                        "Make one with: likeness ingest --store ... --source ...",
                    )
                make_folder(folder)
            uri = str(folder)
            if write:
                lock = RunLock(folder)
            try:
                if not marker.exists():
                    write_marker(marker)
                check_format(marker)
            except BaseException:
                if lock is not None:
                    lock.release()
                raise
        try:
            connection = lancedb.connect(
                uri,
                read_consistency_interval=timedelta(0),
                session=lancedb.Session(
                    index_cache_size_bytes=INDEX_CACHE_BYTES, metadata_cache_size_bytes=METADATA_CACHE_BYTES
                ),
            )
            store = cls(uri, connection, lock)
            found = [] if local else store.tables()
        except (OSError, RuntimeError, ValueError) as error:
            if lock is not None:
                lock.release()
            raise StoreError(
                f"cannot reach {uri}: {_first_line(error)}", "" if local else _ENVIRONMENT
            ) from error
        if not local and not found and not create:
            raise StoreError(f"there is no store at {uri}")
        return store

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the lock and drop the handles."""
        self._rows.clear()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    @property
    def folder(self) -> Path | None:
        """The store's folder, or None when it lives behind an object-store URI."""
        return None if "://" in self.uri else Path(self.uri)

    # ---- tables

    def tables(self) -> list[str]:
        """Return the names of all tables, sorted."""
        names: list[str] = []
        token: str | None = None
        while True:
            page = self._db.list_tables(page_token=token, limit=1000)
            names.extend(page.tables)
            token = page.page_token
            if not token:
                return sorted(name for name in names if self.folder is None or self.has(name))

    def has(self, table: str) -> bool:
        """Tell whether a table exists."""
        if self.folder is not None:
            # A manifest is what makes a table: a kill while it was made leaves its folder without one.
            return next((self.folder / f"{table}.lance" / "_versions").glob("*.manifest"), None) is not None
        # A listing per question would be most of the time of an object store; tables hardly ever go away.
        if table not in self._known:
            self._known.update(self.tables())
        return table in self._known

    def table(self, table: str) -> Any:
        """Return the raw LanceDB table; for code inside index/ only. Raises StoreError when it is missing."""
        if not self.has(table):
            raise StoreError(f"the store has no table {table}", _made_by(table))
        return self._open(table)

    def _open(self, table: str) -> Any:
        try:
            return self._db.open_table(table)
        except (OSError, RuntimeError, ValueError) as error:
            raise StoreError(
                f"the table {table} is damaged or cannot be read: {_first_line(error)}",
                "Restore it from a backup; derived tables (neighbours, groups, labels) may be deleted and made anew.",
            ) from error

    def count(self, table: str, where: str | None = None) -> int:
        """Return the number of rows, of those that match a filter when one is given; 0 for a missing table."""
        if not self.has(table):
            return 0
        try:
            return int(self.table(table).count_rows(where))
        except (ValueError, RuntimeError) as error:
            raise self.bad_filter(table, where, error) from error

    def version(self, table: str) -> int:
        """Return a number that grows with every change of the table; 0 when it is missing."""
        return int(self.table(table).version) if self.has(table) else 0

    def schema(self, table: str) -> pa.Schema:
        """Return the Arrow schema of a table."""
        schema: pa.Schema = self.table(table).schema
        return schema

    # ---- reading

    def scan(
        self,
        table: str,
        columns: Sequence[str] | None = None,
        where: str | None = None,
        batch_rows: int = 65_536,
    ) -> Iterator[pa.RecordBatch]:
        """Yield the table in row order, in batches of at most ``batch_rows``; nothing for a missing table.

        Raises FilterError when ``where`` is not valid SQL over the table's columns.
        """
        if not self.has(table):
            return
        query = self.table(table).search()
        if columns is not None:
            query = query.select(list(columns))
        if where:
            query = query.where(where)
        try:
            for batch in query.to_batches(batch_rows):
                if batch.num_rows:
                    yield batch.select(list(columns)) if columns is not None else batch
        except (ValueError, RuntimeError) as error:
            if where:
                raise self.bad_filter(table, where, error) from error
            raise StoreError(f"cannot read the table {table}: {_first_line(error)}") from error

    def read(self, table: str, columns: Sequence[str] | None = None, where: str | None = None) -> pa.Table:
        """Return a whole table; only for tables that are small by nature."""
        batches = list(self.scan(table, columns, where))
        schema = self.schema(table)
        if columns is not None:
            schema = pa.schema([schema.field(name) for name in columns])
        return pa.Table.from_batches(batches, schema=batches[0].schema if batches else schema)

    def column(self, table: str, name: str) -> npt.NDArray[Any]:
        """Return one column without nulls as a numpy array; lists of fixed size come as [n, size]."""
        if not self.has(table):
            return np.empty(0, dtype=np.int64)
        kind = self.schema(table).field(name).type
        parts = [_to_numpy(batch.column(0)) for batch in self.scan(table, [name])]
        if parts:
            return np.concatenate(parts)
        if pa.types.is_fixed_size_list(kind):
            return np.empty((0, kind.list_size), dtype=kind.value_type.to_pandas_dtype())
        return np.empty(0, dtype=kind.to_pandas_dtype())

    def take(
        self, table: str, rows: Sequence[int] | npt.NDArray[Any], columns: Sequence[str] | None = None
    ) -> pa.Table:
        """Return the given item rows in the asked order; rows that the table does not hold are left out."""
        wanted = np.asarray(rows, dtype=np.int64)
        names = list(columns) if columns is not None else list(self.schema(table).names)
        fetched = names if "row" in names else ["row", *names]
        present = self.rows(table)
        at = np.searchsorted(present, wanted)
        known = at < len(present)
        known[known] = present[at[known]] == wanted[known]
        wanted, at = wanted[known], at[known]
        if not len(wanted):
            empty = self.schema(table)
            return pa.schema([empty.field(name) for name in names]).empty_table()
        unique, back = np.unique(at, return_inverse=True)
        found = self.table(table).take_offsets(unique.tolist()).select(fetched).to_arrow()
        got = found.column("row").to_numpy()
        if not np.array_equal(got, present[unique]):
            numbers = ", ".join(str(int(row)) for row in present[unique])
            found = self.table(table).search().where(f"row IN ({numbers})").select(fetched).to_arrow()
            found = found.sort_by("row")
        return found.select(names).take(pa.array(back))

    def rows(self, table: str) -> Ints:
        """Return the row numbers that a table holds, ascending, int64 [n]; kept while the table does not change."""
        version = self.version(table)
        cached = self._rows.get((table, version))
        if cached is None:
            cached = self.column(table, "row").astype(np.int64, copy=False)
            if len(cached) > 1 and not bool(np.all(cached[1:] > cached[:-1])):
                raise StoreError(
                    f"the table {table} is not in row order", "Restore it from a backup or rebuild it."
                )
            for name, old in [key for key in self._rows if key[0] == table]:
                del self._rows[name, old]
            self._rows[table, version] = cached
        return cached

    def n_items(self) -> int:
        """Return the number of item rows ever given out."""
        return self.count("items")

    def items(
        self,
        columns: Sequence[str] | None = None,
        where: str | None = None,
        batch_rows: int = 65_536,
    ) -> Iterator[pa.RecordBatch]:
        """Yield items in row order with the keys, tags and texts of their byte-identical copies folded in."""
        names = list(columns) if columns is not None else list(tables.ITEMS.names)
        folded = [name for name in ("keys", "tags", "text") if name in names]
        has_copies = bool(folded) and self.count("copies") > 0
        fetched = names if "row" in names or not has_copies else ["row", *names]
        for batch in self.scan("items", fetched, where, batch_rows):
            yield self._fold(batch, folded).select(names) if has_copies else batch

    def take_items(
        self, rows: Sequence[int] | npt.NDArray[Any], columns: Sequence[str] | None = None
    ) -> pa.Table:
        """Return items by row in the asked order, copies folded in."""
        names = list(columns) if columns is not None else list(tables.ITEMS.names)
        folded = [name for name in ("keys", "tags", "text") if name in names]
        found = self.take("items", rows, names if "row" in names else ["row", *names]).combine_chunks()
        if not folded or not found.num_rows or not self.count("copies"):
            return found.select(names)
        return pa.Table.from_batches([self._fold(found.to_batches()[0], folded)]).select(names)

    def _fold(self, batch: pa.RecordBatch, folded: list[str]) -> pa.RecordBatch:
        rows = batch.column(batch.schema.get_field_index("row")).to_numpy()
        where = f"row >= {int(rows.min())} AND row <= {int(rows.max())}"
        place = {int(row): index for index, row in enumerate(rows)}
        extra: dict[int, list[dict[str, Any]]] = {}
        for part in self.scan("copies", ["row", *folded], where):
            for record in part.to_pylist():
                index = place.get(record["row"])
                if index is not None:
                    extra.setdefault(index, []).append(record)
        if not extra:
            return batch
        for name in folded:
            at = batch.schema.get_field_index(name)
            values = batch.column(at).to_pylist()
            for index, records in extra.items():
                if name == "text":
                    texts = [values[index], *(record["text"] for record in records)]
                    values[index] = "\n".join(dict.fromkeys(text for text in texts if text)) or None
                else:
                    lists = [values[index] or [], *(record[name] or [] for record in records)]
                    values[index] = list(dict.fromkeys(value for part in lists for value in part))
            field = batch.schema.field(at)
            batch = batch.set_column(at, field, pa.array(values, field.type))
        return batch

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
            data[at:end] = _to_numpy(batch.column(1))
            at = end
        return rows, data

    # ---- writing

    def append(self, table: str, batches: Batches, schema: pa.Schema) -> None:
        """Append rows in one commit; the table is made when missing. Raises StoreError on a full disk."""
        reader = _reader(batches, schema)
        try:
            if not self.has(table):
                self._create(table, schema.empty_table())
            self._open(table).add(reader)
        except (OSError, RuntimeError) as error:
            raise _write_error(table, error) from error

    def replace(self, table: str, batches: Batches, schema: pa.Schema) -> None:
        """Write a derived table anew in one atomic commit: readers see the old one until the new one is whole."""
        reader = _reader(batches, schema)
        try:
            self._create(table, reader)
        except (OSError, RuntimeError) as error:
            raise _write_error(table, error) from error

    def _create(self, table: str, data: Any) -> None:
        self._db.create_table(table, data, mode="overwrite" if self.has(table) else "create")

    def delete(self, table: str, where: str) -> None:
        """Delete rows of a table of ours (torn commits, replaced derivations); never anything of the source."""
        if self.has(table) and self.count(table, where):
            try:
                self.table(table).delete(where)
            except (OSError, RuntimeError) as error:
                raise _write_error(table, error) from error

    def drop(self, table: str) -> None:
        """Remove a derived table."""
        if self.has(table):
            self._db.drop_table(table)
            self._known.discard(table)

    def compact(self, table: str) -> None:
        """Join small fragments, bring indexes up to date and drop versions older than an hour."""
        if self.has(table):
            try:
                self.table(table).optimize(cleanup_older_than=timedelta(hours=1))
            except (OSError, RuntimeError) as error:
                raise _write_error(table, error) from error

    def index_column(self, table: str, column: str, kind: str = "BTREE") -> None:
        """Make or renew a scalar index (BTREE, BITMAP or LABEL_LIST), so that filters on it do not scan."""
        from lancedb.index import Bitmap, BTree, LabelList

        config = {"BTREE": BTree, "BITMAP": Bitmap, "LABEL_LIST": LabelList}[kind]()
        try:
            self.table(table).create_index(column, config=config, replace=True)
        except (OSError, RuntimeError) as error:
            raise _write_error(table, error) from error

    def fragments(self, table: str) -> int:
        """Return how many fragments a table is made of; 0 for a missing one."""
        return int(self.table(table).stats()["fragment_stats"]["num_fragments"]) if self.has(table) else 0

    def indexed_columns(self, table: str) -> set[str]:
        """Return the columns of a table that have an index."""
        return {column for index in self.table(table).list_indices() for column in index.columns}

    def bad_filter(self, table: str, where: str | None, error: Exception) -> FilterError:
        """Return what to say of a filter that the store refused: its words, and the columns there are."""
        names = ", ".join(self.schema(table).names)
        return FilterError(f"the filter {where!r} is not valid: {_first_line(error)}", f"Columns: {names}")


def _to_numpy(array: pa.Array) -> npt.NDArray[Any]:
    if pa.types.is_fixed_size_list(array.type):
        return np.asarray(array.flatten().to_numpy(zero_copy_only=False)).reshape(-1, array.type.list_size)
    return np.asarray(array.to_numpy(zero_copy_only=False))


def _reader(batches: Batches, schema: pa.Schema) -> pa.RecordBatchReader:
    if isinstance(batches, pa.RecordBatchReader):
        return batches
    if isinstance(batches, pa.Table):
        return batches.cast(schema).to_reader()
    return pa.RecordBatchReader.from_batches(schema, iter(batches))


def _write_error(table: str, error: Exception) -> StoreError:
    text = str(error)
    code = getattr(error, "errno", None)
    again = "then run the same command again: it goes on where it was."
    if "No space left" in text or "os error 28" in text or code == errno.ENOSPC:
        return StoreError(f"the disk is full while writing {table}", f"Free space, {again}")
    if "os error 122" in text or code == errno.EDQUOT:
        return StoreError(f"the disk quota is used up while writing {table}", f"Free space, {again}")
    if "os error 27" in text or code == errno.EFBIG:
        return StoreError(
            f"a file of {table} would be too large for the limit on file sizes", f"Lift it, {again}"
        )
    return StoreError(f"cannot write the table {table}: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    line = text.splitlines()[0] if text else type(error).__name__
    return line if len(line) <= 300 else f"{line[:300]} ..."


def _made_by(table: str) -> str:
    makers = {"items": "ingest", "labels": "label", "groups": "dedupe"}
    stage = makers.get(table) or (
        "embed" if table.startswith("vectors_") else "index" if table.startswith("neighb") else ""
    )
    return f"Run: likeness {stage} --store ..." if stage else ""
