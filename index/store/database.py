"""Tables of a LanceDB database: opened, read in batches, committed whole, each in row order.

Reads stream, so memory follows the batch and not the table. What a store is beyond its tables (lock, format, items
with their copies, vectors) stands in store.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeAlias

import lancedb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from index.store.lance_errors import bad_filter, damaged, is_about_filter, write_error
from schema.arrays import Ints
from schema.catalogue import made_by
from schema.errors import FilterError, StoreError
from schema.source_metadata import wider

# Lance keeps 6 GiB of index and 1 GiB of metadata cache per table handle unless told otherwise; one session
# shared by all tables holds a run within a laptop's memory.
INDEX_CACHE_BYTES = 512 * 2**20
METADATA_CACHE_BYTES = 128 * 2**20

# A column that takes another type is written anew under this name, then takes the place of the old one.
_WIDER = "__wider"

# Where a store behind an object-store URI keeps its format; no table of the collection.
FORMAT_TABLE = "store_format"

Batches: TypeAlias = pa.Table | pa.RecordBatchReader | Iterable[pa.RecordBatch]


class Database:
    """The tables behind a folder or an object-store URI."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._db = lancedb.connect(
            uri,
            read_consistency_interval=timedelta(0),
            session=lancedb.Session(
                index_cache_size_bytes=INDEX_CACHE_BYTES, metadata_cache_size_bytes=METADATA_CACHE_BYTES
            ),
        )
        self._rows: dict[tuple[str, int], Ints] = {}
        self._known: set[str] = set()

    @property
    def folder(self) -> Path | None:
        """The store's folder, or None when it lives behind an object-store URI."""
        return None if "://" in self.uri else Path(self.uri)

    # ---- tables

    def exists(self) -> bool:
        """Tell whether there is any table."""
        return bool(self._names())

    def tables(self) -> list[str]:
        """Return the names of all tables but that of the format, sorted."""
        return [name for name in self._names() if name != FORMAT_TABLE]

    def _names(self) -> list[str]:
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
            self._known.update(self._names())
        return table in self._known

    def table(self, table: str) -> Any:
        """Return the raw LanceDB table; for code inside index/ only. Raises StoreError when it is missing."""
        if not self.has(table):
            raise StoreError(f"the store has no table {table}", made_by(table))
        return self._open(table)

    def _open(self, table: str) -> Any:
        try:
            return self._db.open_table(table)
        except (OSError, RuntimeError, ValueError) as error:
            raise damaged(table, error) from error

    def count(self, table: str, where: str | None = None) -> int:
        """Return the number of rows, of those that match a filter when one is given; 0 for a missing table."""
        if not self.has(table):
            return 0
        try:
            return int(self.table(table).count_rows(where))
        except (ValueError, RuntimeError, OSError) as error:
            raise self._refused(table, where, error) from error

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
        except (ValueError, RuntimeError, OSError) as error:
            raise self._refused(table, where, error) from error

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
        parts = [to_numpy(batch.column(0)) for batch in self.scan(table, [name])]
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

    # ---- writing

    def append(self, table: str, batches: Batches, schema: pa.Schema) -> None:
        """Append rows in one commit; the table is made when missing. Raises StoreError on a full disk."""
        reader = _reader(batches, schema)
        try:
            if not self.has(table):
                self._create(table, schema.empty_table())
            self._open(table).add(reader)
        except (OSError, RuntimeError) as error:
            raise write_error(table, error) from error

    def replace(self, table: str, batches: Batches, schema: pa.Schema) -> None:
        """Write a derived table anew in one atomic commit: readers see the old one until the new one is whole."""
        reader = _reader(batches, schema)
        try:
            self._create(table, reader)
        except (OSError, RuntimeError) as error:
            raise write_error(table, error) from error

    def _create(self, table: str, data: Any) -> None:
        self._db.create_table(table, data, mode="overwrite" if self.has(table) else "create")

    def delete(self, table: str, where: str) -> None:
        """Delete rows of a table of ours (torn commits, replaced derivations); never anything of the source."""
        if self.has(table) and self.count(table, where):
            try:
                self.table(table).delete(where)
            except (OSError, RuntimeError) as error:
                raise write_error(table, error) from error

    def drop(self, table: str) -> None:
        """Remove a derived table."""
        if self.has(table):
            self._db.drop_table(table)
            self._known.discard(table)

    def ensure_columns(self, table: str, fields: Iterable[pa.Field]) -> pa.Schema:
        """Add the columns that a table lacks, empty, widen those too narrow for these types, and return its schema.

        Whole numbers become floats where floats come, everything else text. A kill leaves each column old or new, or
        an unfinished copy that ``finish_columns`` removes.
        """
        present = self.schema(table)
        missing = [field.with_nullable(True) for field in fields if field.name not in present.names]
        try:
            if missing:
                self.table(table).add_columns(missing)
            for field in fields:
                if field.name in present.names:
                    self._widen(
                        table, present.field(field.name), wider(present.field(field.name).type, field.type)
                    )
        except (OSError, RuntimeError, ValueError) as error:
            raise write_error(table, error) from error
        return self.schema(table)

    def _widen(self, table: str, field: pa.Field, kind: pa.DataType) -> None:
        if field.type == kind:
            return
        quoted = f"`{field.name}`"
        if pa.types.is_list(field.type):
            converted = f"array_to_string({quoted}, ', ')"
        else:
            converted = f"CAST({quoted} AS {'DOUBLE' if pa.types.is_floating(kind) else 'STRING'})"
        handle, fresh = self.table(table), field.name + _WIDER
        handle.add_columns({fresh: converted})
        handle.drop_columns([field.name])
        handle.alter_columns({"path": fresh, "rename": field.name})

    def finish_columns(self, table: str) -> None:
        """Finish or remove what a killed ``ensure_columns`` left of a column; for writers, before they write."""
        names = self.schema(table).names if self.has(table) else []
        for name in [name for name in names if name.endswith(_WIDER)]:
            old = name.removesuffix(_WIDER)
            if old in names:
                self.table(table).drop_columns([name])
            else:
                self.table(table).alter_columns({"path": name, "rename": old})

    def compact(self, table: str) -> None:
        """Join small fragments, bring indexes up to date and drop versions older than an hour."""
        if self.has(table):
            try:
                self.table(table).optimize(cleanup_older_than=timedelta(hours=1))
            except (OSError, RuntimeError) as error:
                raise write_error(table, error) from error

    def index_column(self, table: str, column: str, kind: str = "BTREE") -> None:
        """Make or renew a scalar index (BTREE, BITMAP or LABEL_LIST), so that filters on it do not scan."""
        from lancedb.index import Bitmap, BTree, LabelList

        config = {"BTREE": BTree, "BITMAP": Bitmap, "LABEL_LIST": LabelList}[kind]()
        try:
            self.table(table).create_index(column, config=config, replace=True)
        except (OSError, RuntimeError) as error:
            raise write_error(table, error) from error

    def fragments(self, table: str) -> int:
        """Return how many fragments a table is made of; 0 for a missing one."""
        return int(self.table(table).stats()["fragment_stats"]["num_fragments"]) if self.has(table) else 0

    def indexed_columns(self, table: str) -> set[str]:
        """Return the columns of a table that have an index."""
        return {column for index in self.table(table).list_indices() for column in index.columns}

    def _refused(self, table: str, where: str | None, error: Exception) -> StoreError | FilterError:
        """Return what to say of a table that did not answer: a filter that is wrong, or files that are."""
        return (
            self.bad_filter(table, where, error)
            if where and is_about_filter(error)
            else damaged(table, error)
        )

    def bad_filter(self, table: str, where: str | None, error: Exception) -> FilterError:
        """Return what to say of a filter that the store refused: its words, and the columns there are."""
        return bad_filter(where, error, self.schema(table).names)


def to_numpy(array: pa.Array) -> npt.NDArray[Any]:
    """Return an Arrow array without nulls as numpy; lists of fixed size come as [n, size]."""
    if pa.types.is_fixed_size_list(array.type):
        return np.asarray(array.flatten().to_numpy(zero_copy_only=False)).reshape(-1, array.type.list_size)
    return np.asarray(array.to_numpy(zero_copy_only=False))


def _reader(batches: Batches, schema: pa.Schema) -> pa.RecordBatchReader:
    if isinstance(batches, pa.RecordBatchReader):
        return batches
    if isinstance(batches, pa.Table):
        return batches.cast(schema).to_reader()
    return pa.RecordBatchReader.from_batches(schema, iter(batches))
