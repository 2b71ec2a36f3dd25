"""What files about many pictures say, by picture, in a temporary SQLite file: they may describe millions.

An entry names its picture by a path below its file's folder, by a path of another machine (the picture with the
longest common end of the path is meant, and none where two have equally long ones), or by a stem, a hash or an id.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator

from embed.sources.annotation import Annotation, clean, from_json, readable, to_json
from embed.sources.sidecars.base import Entry, same_name

_HASH = re.compile(r"[0-9a-f]{32,64}")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_AMBIGUOUS = "?"


class SidecarIndex:
    """Annotations by picture; ``add`` everything, then ``resolve`` once, then ``find`` for each picture."""

    def __init__(self, root: str) -> None:
        self._root = root
        # An unnamed database lives in a temporary file and is gone when closed.
        self._db = sqlite3.connect("")
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("PRAGMA cache_size = -65536")
        self._db.execute(
            "CREATE TABLE said (file INTEGER, name TEXT, annotation TEXT, used INTEGER DEFAULT 0)"
        )
        self._db.execute(
            "CREATE TABLE subjects (entry INTEGER, subject TEXT, folded TEXT, base TEXT, foreign_path INTEGER)"
        )
        self._db.execute("CREATE TABLE pictures (base TEXT, stem TEXT, path TEXT)")
        self._db.execute("CREATE TABLE listed (path TEXT PRIMARY KEY) WITHOUT ROWID")
        self.files: list[str] = []
        self.ambiguous: Counter[int] = Counter()
        self.has_listed = False

    def close(self) -> None:
        """Drop everything."""
        self._db.close()

    @property
    def empty(self) -> bool:
        """Whether no file was added."""
        return not self.files

    def start(self, path: str) -> None:
        """Begin a file, whose entries follow."""
        self.files.append(path)

    def add(self, entry: Entry) -> None:
        """Take one entry of the file begun last."""
        folder = os.path.relpath(os.path.dirname(self.files[-1]), self._root).replace(os.sep, "/")
        cursor = self._db.execute(
            "INSERT INTO said (file, name, annotation) VALUES (?, ?, ?)",
            (len(self.files) - 1, clean(entry.subject), json.dumps(to_json(entry.said))),
        )
        for subject in (entry.subject, *entry.also):
            place, foreign = self._place(folder, subject)
            folded = place if foreign else same_name(place)
            base = same_name(place.rpartition("/")[2])
            row = (cursor.lastrowid, place, folded, base, foreign)
            self._db.execute("INSERT INTO subjects VALUES (?, ?, ?, ?, ?)", row)

    def resolve(self, pictures: Iterable[str]) -> None:
        """Match paths of other machines with ``pictures`` (relative paths, asked for only where there are such)."""
        foreign = self._db.execute("SELECT 1 FROM subjects WHERE foreign_path LIMIT 1").fetchone()
        if foreign is not None:
            for path in pictures:
                base = path.rpartition("/")[2]
                names = same_name(base), same_name(os.path.splitext(base)[0]), readable(path)
                self._db.execute("INSERT INTO pictures VALUES (?, ?, ?)", names)
            self._db.execute("CREATE INDEX by_base ON pictures (base)")
            self._db.execute("CREATE INDEX by_stem ON pictures (stem)")
            self._match()
        self._db.execute("CREATE INDEX by_subject ON subjects (subject)")
        self._db.execute("CREATE INDEX by_folded ON subjects (folded)")

    def _match(self) -> None:
        """Give each foreign path the picture with the longest common end; two equally long ones give none."""
        claims: dict[str, list[tuple[int, int]]] = {}
        rows = self._db.execute("SELECT rowid, entry, subject, base FROM subjects WHERE foreign_path")
        for number, entry, subject, base in rows.fetchall():
            query = "SELECT path FROM pictures WHERE base = ? UNION SELECT path FROM pictures WHERE stem = ?"
            near = [path for (path,) in self._db.execute(query, (base, base))]
            lengths = sorted(((_common_end(subject, path), path) for path in near), reverse=True)
            if not lengths:
                continue
            if len(lengths) > 1 and lengths[0][0] == lengths[1][0]:
                self._leave(entry)
                continue
            length, path = lengths[0]
            keys = _key(path), same_name(path), number
            self._db.execute("UPDATE subjects SET subject = ?, folded = ? WHERE rowid = ?", keys)
            claims.setdefault(path, []).append((length, entry))
        for entries in claims.values():
            best = max(length for length, _ in entries)
            first = [entry for length, entry in entries if length == best]
            losers = [entry for length, entry in entries if length < best]
            for entry in losers + (first if len(first) > 1 and not self._alike(first) else []):
                self._leave(entry)

    def _alike(self, entries: list[int]) -> bool:
        marks = ", ".join("?" * len(entries))
        query = f"SELECT COUNT(DISTINCT annotation) FROM said WHERE rowid IN ({marks})"  # noqa: S608 - marks alone
        return bool(self._db.execute(query, entries).fetchone()[0] == 1)

    def _leave(self, entry: int) -> None:
        keys = _AMBIGUOUS, _AMBIGUOUS, entry
        self._db.execute("UPDATE subjects SET subject = ?, folded = ? WHERE entry = ?", keys)
        self._db.execute("UPDATE said SET used = 2 WHERE rowid = ?", (entry,))
        file = self._db.execute("SELECT file FROM said WHERE rowid = ?", (entry,)).fetchone()[0]
        self.ambiguous[file] += 1

    def find(self, relative: str, exact: bool = False) -> list[Annotation]:
        """Return what is said of a picture, the earlier files first; ``exact``: small letters are no capital ones."""
        if self.empty:
            return []
        base = relative.rpartition("/")[2]
        stem = os.path.splitext(relative)[0]
        names = [_key(relative), _key(stem), f"name:{_key(base)}", f"stem:{_key(stem)}"]
        names += [f"id:{token}" for token in _ids(os.path.splitext(base)[0])]
        column = "subject" if exact else "folded"
        names = names if exact else [same_name(name) for name in names]
        marks = ", ".join("?" * len(names))
        query = f"SELECT DISTINCT entry FROM subjects WHERE {column} IN ({marks}) ORDER BY entry"  # noqa: S608
        found = []
        for (entry,) in self._db.execute(query, names).fetchall():
            row = self._db.execute("SELECT annotation FROM said WHERE rowid = ?", (entry,)).fetchone()
            self._db.execute("UPDATE said SET used = 1 WHERE rowid = ?", (entry,))
            found.append(from_json(json.loads(row[0])))
        return found

    def unused(self) -> Iterator[tuple[str, int, int, str]]:
        """Yield (file, entries without a picture, entries, the first name) for each file with such entries."""
        query = """SELECT file, SUM(used = 0), COUNT(*), MIN(CASE WHEN used = 0 THEN rowid END) FROM said
            GROUP BY file ORDER BY file"""
        for file, unused, total, first in self._db.execute(query).fetchall():
            if unused:
                name = self._db.execute("SELECT name FROM said WHERE rowid = ?", (first,)).fetchone()[0]
                yield self.files[file], unused, total, name

    def unused_names(self, path: str) -> Iterator[str]:
        """Yield the names in one file that matched no picture."""
        query = "SELECT name FROM said WHERE used = 0 AND file = ? ORDER BY rowid"
        for (name,) in self._db.execute(query, (self.files.index(path),)):
            yield name

    def mark(self, relative: str) -> bool:
        """Remember that a metadata file listed this path; False where one did before."""
        self.has_listed = True
        cursor = self._db.execute("INSERT OR IGNORE INTO listed VALUES (?)", (readable(relative),))
        return cursor.rowcount > 0

    def was_listed(self, relative: str) -> bool:
        """Tell whether a metadata file listed this path."""
        if not self.has_listed:
            return False
        found = self._db.execute("SELECT 1 FROM listed WHERE path = ?", (readable(relative),)).fetchone()
        return found is not None

    def _place(self, folder: str, subject: str) -> tuple[str, bool]:
        """Return (what a subject is looked up by, whether it is a path of another machine)."""
        kind, colon, name = subject.partition(":")
        if colon and kind in ("name", "id"):
            return f"{kind}:{_key(name)}", False
        if colon and kind == "stem":
            return f"stem:{_key(os.path.normpath(f'{folder}/{name}'))}", False
        name = subject.replace("\\", "/")
        root = self._root.rstrip("/") + "/"
        if name.startswith(root):
            return _key(name[len(root) :]), False
        if os.path.isabs(name) or _DRIVE.match(subject) or name.startswith("//"):
            return clean(name), True
        full = os.path.normpath(os.path.join(folder, name)).replace(os.sep, "/")
        # Out of the folder, as in ../images/a.png of a file that lay elsewhere, only the end means something.
        return (clean(name), True) if full.startswith("../") else (_key(full), False)


def _key(relative: str) -> str:
    return unicodedata.normalize("NFC", readable(relative))


def _common_end(subject: str, path: str) -> int:
    """Return how many parts at the end two paths share; the last ones may differ by the picture's ending."""
    mine = [same_name(part) for part in subject.split("/") if part not in ("", ".", "..")]
    theirs = [same_name(part) for part in path.split("/")]
    if not mine:
        return 0
    if mine[-1] != theirs[-1] and mine[-1] != os.path.splitext(theirs[-1])[0]:
        return 0
    count = 1
    while count < min(len(mine), len(theirs)) and mine[-1 - count] == theirs[-1 - count]:
        count += 1
    return count


def _ids(stem: str) -> list[str]:
    """Return what of a file's stem may be the hash or the id of its post."""
    lower = same_name(stem)
    parts = [part for part in re.split(r"[^0-9a-z]+", lower) if part]
    hashes = [part for part in parts if _HASH.fullmatch(part)]
    numbers = [part for part in parts if part.isdigit()]
    found = [lower, *hashes]
    if re.fullmatch(r"\d+_p\d+", lower):  # pixiv's pages
        found.append(numbers[0])
    elif len(numbers) == 1:
        # danbooru_5000_a1b2 or 5000_title: one number, which can only be the id.
        found.append(numbers[0])
    return found
