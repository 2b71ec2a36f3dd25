"""Which format a store has: ``store.json`` in a folder, the table ``store_format`` behind an object-store URI."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from index.store.database import FORMAT_TABLE, Database
from index.store.files import replace_text
from index.store.lock import FILES as LOCK_FILES
from schema import tables
from schema.errors import DamagedStore, StoreError

FILE = "store.json"


@dataclass(frozen=True, slots=True)
class StoreFormat:
    """The number of the last migration that a store went through.

    ``migrating`` is empty but while migrations are under way: the version by table that stages know. ``rows`` is how
    many rows facts and runs had when the last writer closed the store, so that a table that is lost is missed.
    """

    version: int = tables.FORMAT_VERSION
    migrating: Mapping[str, int] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)


class FormatRecord(Protocol):
    """Where a store keeps its format."""

    def read(self) -> StoreFormat:
        """Return the format. Raises StoreError when what is there cannot be read."""

    def write(self, state: StoreFormat) -> None:
        """Keep the format, all of it or nothing. Raises StoreError when it cannot be written."""


class FormatFile:
    """The format of a store in a folder; the file is also what makes the folder a store."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def exists(self) -> bool:
        """Tell whether the folder is a store."""
        return self._path.exists()

    def read(self) -> StoreFormat:
        """Return the format. Raises StoreError when the file is damaged."""
        try:
            return _parse(json.loads(self._path.read_text(encoding="utf-8")))
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            RecursionError,
            OverflowError,
        ) as error:
            raise DamagedStore(
                f"{self._path} is damaged: {str(error)[:200]}",
                f"Mend it with: likeness check --repair --store {self._path.parent}",
            ) from error

    def write(self, state: StoreFormat) -> None:
        """Keep the format. Raises StoreError when the folder cannot be written to."""
        data: dict[str, Any] = {"likeness_store": state.version}
        if state.migrating:
            data["migrating"] = dict(state.migrating)
        if state.rows:
            data["rows"] = dict(state.rows)
        try:
            replace_text(self._path, json.dumps(data), self._path.with_suffix(".tmp"))
        except OSError as error:
            raise StoreError(f"cannot write to {self._path.parent}: {error.strerror or error}") from error


class FormatTable:
    """The format of a store behind an object-store URI; one that has tables and no format yet is of format 1."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self) -> StoreFormat:
        """Return the format."""
        if self._database.has(FORMAT_TABLE):
            record = self._database.read(FORMAT_TABLE).to_pylist()[0]
            return StoreFormat(int(record["format"]), json.loads(record["migrating"]))
        return StoreFormat(1 if self._database.tables() else tables.FORMAT_VERSION)

    def write(self, state: StoreFormat) -> None:
        """Keep the format in one commit."""
        record = {"format": state.version, "migrating": json.dumps(dict(state.migrating))}
        self._database.replace(
            FORMAT_TABLE, pa.Table.from_pylist([record], tables.STORE_FORMAT), tables.STORE_FORMAT
        )


def is_beheaded(folder: Path) -> bool:
    """Tell whether a folder holds the items of a store without the file that makes it one."""
    return not FormatFile(folder).exists() and (folder / "items.lance").is_dir()


def make_folder(folder: Path) -> None:
    """Make an empty folder for a store. Raises StoreError when it cannot, or when it holds other files."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make the store folder {folder}: {error.strerror or error}") from error
    others = [entry.name for entry in folder.iterdir() if entry.name not in (*LOCK_FILES, "store.tmp")]
    if others:
        raise StoreError(
            f"{folder} holds other files ({', '.join(sorted(others)[:3])}) and is not a store",
            "Name an empty or new folder.",
        )


def _parse(data: Mapping[str, Any]) -> StoreFormat:
    migrating = {str(table): int(version) for table, version in data.get("migrating", {}).items()}
    rows = {str(table): int(count) for table, count in data.get("rows", {}).items()}
    version = int(data["likeness_store"])
    if version < 1 or min(rows.values(), default=0) < 0:
        raise ValueError("it holds numbers below zero")
    return StoreFormat(version, migrating, rows)
