"""Answers of models that were paid for once: a SQLite file, by what was asked of which model about which picture."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from pathlib import Path
from typing import Any

from schema.errors import ModelError

NONE = "none"


class ChatCache:
    """Answers by key; several threads and processes may use one file. Without a file nothing is kept."""

    def __init__(self, path: Path | None) -> None:
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        if path is None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                path, timeout=30, check_same_thread=False, isolation_level=None
            )
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer TEXT NOT NULL) WITHOUT ROWID"
            )
        except (OSError, sqlite3.Error) as error:
            raise ModelError(
                f"cannot keep answers in {path}: {error}", "Name another file by the option cache, or 'none'."
            ) from error

    @classmethod
    def open(cls, named: str) -> ChatCache:
        """Return the cache that an option names: a file, 'none', or empty for the user's cache folder."""
        if named == NONE:
            return cls(None)
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        return cls(Path(named or f"{base}/likeness/answers.sqlite3").expanduser())

    def get(self, key: str) -> dict[str, Any] | None:
        """Return an answer, None where it is not known."""
        if self._connection is None:
            return None
        with self._lock:
            row = self._connection.execute("SELECT answer FROM answers WHERE key = ?", (key,)).fetchone()
        return json.loads(row[0]) if row else None

    def put(self, key: str, answer: dict[str, Any]) -> None:
        """Keep an answer; it is on disk when this returns."""
        if self._connection is None:
            return
        with self._lock:
            self._connection.execute(
                "INSERT OR REPLACE INTO answers VALUES (?, ?)", (key, json.dumps(answer, ensure_ascii=True))
            )

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
