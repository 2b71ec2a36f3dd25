"""Kohya-style metadata JSON, path -> {"tags": ...}, kept in a temporary SQLite file: it may describe millions."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Iterator
from typing import Any

from embed.sources.sighting import Sighting, clean, readable
from schema.tags.parsing import parse_caption, parse_tags

_CHUNK = 1 << 20
_START = re.compile(r'\s*\{\s*"(?:[^"\\]|\\.)*"\s*:\s*[{"]')
# name of a picture -> its tags, without an object around them
_NAMED = re.compile(r'\s*\{\s*"[^"]*\.(png|jpe?g|webp|gif|avif|bmp|tiff?)"\s*:\s*"', re.IGNORECASE)
_SPACE = re.compile(r"[\s,]*")


def looks_like_kohya(path: str) -> bool:
    """Tell from its first bytes whether a JSON file maps names to objects or captions with tags in them."""
    try:
        with open(path, "rb") as file:
            head = file.read(65536).decode("utf-8-sig", "replace")
    except OSError:
        return False
    if not _START.match(head):
        return False
    if _NAMED.match(head):
        return True
    found = re.search(r':\s*\{[^{}]*?"(tags|caption)"\s*:', head)
    end = head.find("}")
    return found is not None and (end < 0 or found.start() < end)


class KohyaTags:
    """Tags and captions by path, and which paths a metadata file has listed already."""

    def __init__(self, root: str) -> None:
        self._root = root
        # An unnamed database lives in a temporary file and is gone when closed.
        self._db = sqlite3.connect("")
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("PRAGMA cache_size = -65536")
        columns = "path TEXT, tags TEXT, text TEXT, used INTEGER DEFAULT 0, name TEXT, file INTEGER"
        self._db.execute(f"CREATE TABLE said ({columns})")
        self._db.execute("CREATE TABLE listed (path TEXT PRIMARY KEY) WITHOUT ROWID")
        self._loaded = 0
        self.has_listed = False

    def close(self) -> None:
        """Drop everything."""
        self._db.close()

    def load(self, path: str) -> Iterator[Sighting]:
        """Read one JSON file piece by piece; yields a failed row where it breaks off."""
        folder = os.path.relpath(os.path.dirname(path), self._root).replace(os.sep, "/")
        try:
            for name, value in _entries(path):
                said = value if isinstance(value, dict) else {"caption": value}
                if not said.keys() & {"tags", "caption"}:
                    continue
                tags, text = _words(said)
                self._db.execute(
                    "INSERT INTO said (path, tags, text, name, file) VALUES (?, ?, ?, ?, ?)",
                    (self._place(folder, name), "\n".join(tags), text, clean(name), self._loaded),
                )
        except (OSError, ValueError, RecursionError) as error:
            here = readable(os.path.relpath(path, self._root).replace(os.sep, "/"))
            yield Sighting(here, reason=clean(f"damaged metadata file, read up to the damage: {error}"))
        if not self._loaded:
            self._db.execute("CREATE INDEX by_path ON said (path)")
        self._loaded += 1

    def find(self, relative: str) -> list[tuple[list[str], str]]:
        """Return (tags, text) of every entry that names this path, with or without its ending."""
        if not self._loaded:
            return []
        stem = os.path.splitext(relative)[0]
        base = stem.rpartition("/")[2]
        found = []
        query = "SELECT rowid, tags, text FROM said WHERE path IN (?, ?, ?, ?) ORDER BY rowid"
        names = tuple(
            readable(name) for name in (relative, stem, f"*/{base}", f"*/{relative.rpartition('/')[2]}")
        )
        for number, tags, text in self._db.execute(query, names).fetchall():
            self._db.execute("UPDATE said SET used = 1 WHERE rowid = ?", (number,))
            found.append((tags.split("\n") if tags else [], text))
        return found

    def unused(self) -> Iterator[str]:
        """Yield the names that matched no picture, of files that matched any: the others were about something else."""
        query = "SELECT name FROM said WHERE used = 0 AND file IN (SELECT file FROM said WHERE used = 1) ORDER BY rowid"
        for (name,) in self._db.execute(query):
            yield name

    def mark(self, relative: str) -> None:
        """Remember that a metadata file listed this path."""
        self.has_listed = True
        self._db.execute("INSERT OR IGNORE INTO listed VALUES (?)", (readable(relative),))

    def was_listed(self, relative: str) -> bool:
        """Tell whether a metadata file listed this path."""
        return (
            self._db.execute("SELECT 1 FROM listed WHERE path = ?", (readable(relative),)).fetchone()
            is not None
        )

    def _place(self, folder: str, name: str) -> str:
        name = name.replace("\\", "/")
        if os.path.isabs(name) or re.match(r"[A-Za-z]:/", name):
            root = self._root.rstrip("/") + "/"
            # Written on another machine: only the file's own name still means something.
            return (
                readable(name[len(root) :])
                if name.startswith(root)
                else "*/" + clean(name.rpartition("/")[2])
            )
        return clean(os.path.normpath(os.path.join(folder, name)).replace(os.sep, "/"))


def _words(said: dict[str, Any]) -> tuple[list[str], str]:
    tags = dict.fromkeys(parse_tags(said.get("tags") if isinstance(said.get("tags"), (str, list)) else None))
    caption = said.get("caption")
    text = ""
    if isinstance(caption, str):
        found, text = parse_caption(caption)
        tags.update(dict.fromkeys(found))
    return [clean(tag) for tag in tags], clean(text)


def _entries(path: str) -> Iterator[tuple[str, Any]]:
    """Yield the members of one JSON object without holding the file."""
    decoder = json.JSONDecoder()
    with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
        buffer = file.read(_CHUNK).lstrip()
        if not buffer.startswith("{"):
            raise ValueError("not a JSON object")
        at, ended = 1, False
        while True:
            try:
                at = _SPACE.match(buffer, at).end()  # type: ignore[union-attr]
                if buffer[at : at + 1] == "}":
                    return
                name, after = decoder.raw_decode(buffer, at)
                colon = buffer.index(":", after)
                value, after = decoder.raw_decode(buffer, _SPACE.match(buffer, colon + 1).end())  # type: ignore[union-attr]
                if not isinstance(name, str):
                    raise ValueError("a key is not a string")
            except (ValueError, IndexError) as error:
                if ended:
                    raise ValueError(str(error)) from error
                more = file.read(max(_CHUNK, len(buffer)))
                ended = not more
                buffer, at = buffer[at:] + more, 0
                continue
            yield name, value
            at = after
