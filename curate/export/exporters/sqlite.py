"""SQLite: one file with a table ``items`` of the columns of Parquet; lists and records are JSON text."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import pyarrow as pa

from curate.export.exporters.base import Exporter, Output
from curate.export.exporters.jsonl import json_rows
from schema.errors import ExportError

FILE = "dataset.sqlite3"


class SqliteExporter(Exporter):
    """Writes dataset.sqlite3: the table items, by item_id, with an index on the split."""

    name = "sqlite"

    def __init__(self, output: Output) -> None:
        super().__init__(output)
        path = output.folder / FILE
        path.unlink(missing_ok=True)
        self._names = [*output.names, *["attributes"] * output.settings.attributes]
        folded = [name.casefold() for name in self._names]
        if twice := sorted({name for name in folded if folded.count(name) > 1}):
            raise ExportError(
                f"SQLite tells no upper from lower case: the column {twice[0]} is there twice",
                "Leave one of them out by export.leave_out.",
            )
        columns = ", ".join(
            f"{_quoted(name)} {'TEXT PRIMARY KEY' if name == 'item_id' else _kind(name, output)}"
            for name in self._names
        )
        self._connection = sqlite3.connect(path)
        self._connection.execute("PRAGMA journal_mode = OFF")
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.execute(f"CREATE TABLE items ({columns}) WITHOUT ROWID")
        marks = ", ".join("?" * len(self._names))
        self._insert = f"INSERT INTO items VALUES ({marks})"  # noqa: S608 - the names are bound, not their values

    def write(self, batch: pa.RecordBatch) -> int:
        """See Exporter.write."""
        rows = ([_cell(value) for value in row.values()] for row in json_rows(batch, self.output))
        with self._connection:
            self._connection.executemany(self._insert, rows)
        return int(batch.num_rows)

    def close(self) -> None:
        """See Exporter.close."""
        if "split" in self._names:
            self._connection.execute("CREATE INDEX by_split ON items (split)")
        self._connection.commit()
        self._connection.close()


def _kind(name: str, output: Output) -> str:
    kinds = {column.name: column.type for column in output.columns}
    kind = kinds.get(name)
    if kind is None:
        return "TEXT"
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return "INTEGER"
    return "REAL" if pa.types.is_floating(kind) else "TEXT"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value
