"""Pictures that a table names by an id alone: ``images/15970.jpg`` of the row with id 15970 of ``styles.csv``."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from embed.sources.annotation import Annotation
from embed.sources.base import Known, SourceRecord, picture_record
from embed.sources.endings import IMAGE_ENDINGS
from embed.sources.fields.reader import KEY_NAMES
from embed.sources.fields.values import plain
from embed.sources.sidecars.base import same_name

_FOLDERS = ("images", "image", "imgs", "img", "pictures", "photos", "pics", "data")
# Of the first rows, so many must have their picture for a column to be the one that names them.
_LEAST_SHARE = 0.5
_MOST_FOLDERS = 64


class PictureFolder:
    """A folder beside a table, and the column of the table that holds the stems of its pictures."""

    def __init__(self, folder: str, column: str, pictures: Mapping[str, str]) -> None:
        self.folder = folder
        self.column = column
        self._pictures = pictures
        self._used: set[str] = set()
        self._missing = 0

    @classmethod
    def beside(cls, table: Path, rows: Sequence[Mapping[str, Any]]) -> Self | None:
        """Return the folder beside ``table`` in which most of its first rows have a picture, or None."""
        if not rows:
            return None
        names = list(dict.fromkeys(name for row in rows for name in row))
        lower = {name.lower(): name for name in reversed(names)}
        columns = [lower[name] for name in KEY_NAMES if name in lower]
        columns += [name for name in names if name not in columns]
        for folder in _candidates(table):
            pictures = _stems(folder)
            for column in columns if pictures else ():
                cells = [plain(row.get(column)) for row in rows if row.get(column) not in (None, "")]
                found = sum(same_name(cell) in pictures for cell in cells)
                if cells and found >= _LEAST_SHARE * len(cells):
                    return cls(folder, column, pictures)
        return None

    def record(self, row: Mapping[str, Any], said: Annotation, known: Known, stamps: bool) -> SourceRecord:
        """Return the record of a row: its picture, or a failed row that says which file there should be."""
        cell = plain(row.get(self.column))
        name = self._pictures.get(same_name(cell))
        short = os.path.basename(self.folder)
        if said.reason or name is None:
            self._missing += 1
            reason = said.reason or f"no picture {short}/{cell}.*"
            return SourceRecord(f"{short}/{cell}", "", said, reason)
        self._used.add(name)
        path = os.path.join(self.folder, name)
        keys = tuple(dict.fromkeys((*said.keys, cell)))
        said = Annotation(keys, said.tags, said.text, said.identity, said.metadata)
        return picture_record(f"{short}/{name}", path, said, known, stamps)

    def notes(self) -> list[str]:
        """Return which column named the pictures, how many rows had none, and how many pictures no row named."""
        found = [f"pictures were found as {os.path.basename(self.folder)}/ID.* by the column {self.column!r}"]
        if self._missing:
            found.append(f"{self._missing:,} rows have no picture in {os.path.basename(self.folder)}/")
        rest = len(self._pictures) - len(self._used)
        if rest:
            found.append(
                f"{rest:,} pictures in {os.path.basename(self.folder)}/ are in no row and were left alone"
            )
        return found


def _candidates(table: Path) -> list[str]:
    folder = table.parent
    try:
        inside = sorted(
            entry.name for entry in os.scandir(folder) if entry.is_dir() and not entry.name.startswith(".")
        )
    except OSError:
        return []
    first = [*(name for name in (*_FOLDERS, table.stem) if name in inside)]
    others = [name for name in inside if name not in first][:_MOST_FOLDERS]
    return [*(str(folder / name) for name in first), str(folder), *(str(folder / name) for name in others)]


def _stems(folder: str) -> dict[str, str]:
    found: dict[str, str] = {}
    try:
        with os.scandir(folder) as entries:
            for name in sorted(entry.name for entry in entries):
                stem, ending = os.path.splitext(name)
                if ending.lower() in IMAGE_ENDINGS:
                    found.setdefault(same_name(stem), name)
    except OSError:
        return {}
    return found
