"""Aliases and implications from the tag files that a user names.

The usual ones: the tagcomplete CSV (``name,category,count,"alias,alias"``, no header) and Danbooru's implication
export as JSON, JSON Lines or CSV (``antecedent_name, consequent_name, status``). Lines that do not fit are counted.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from schema.errors import VocabularyError


@dataclass(frozen=True, slots=True)
class TagFile:
    """What a kind of tag file holds: a tag to the tags it stands for or implies, and the lines left out."""

    tags: dict[str, tuple[str, ...]] = field(default_factory=dict)
    skipped: int = 0
    first_skipped: str = ""


def load_aliases(paths: Iterable[str | Path]) -> TagFile:
    """Return alias to canonical name of tagcomplete CSVs; the more frequent name wins an alias claimed twice.

    Raises VocabularyError when a file cannot be read or holds no line of that form.
    """
    best: dict[str, tuple[int, str]] = {}
    names: set[str] = set()
    skipped, first = 0, ""
    for path in paths:
        good = 0
        for number, row in enumerate(_csv(Path(path)), 1):
            if not any(cell.strip() for cell in row) or (
                number == 1 and row[0].strip().lower() in ("name", "tag")
            ):
                continue
            if len(row) < 3 or not row[0].strip() or not row[2].strip().isdecimal():
                skipped, first = skipped + 1, first or f"{path}, line {number}: {','.join(row)[:80]}"
                continue
            good += 1
            name, uses = _plain(row[0]), int(row[2])
            names.add(name)
            for alias in (row[3] if len(row) > 3 else "").split(","):
                if plain := _plain(alias):
                    best[plain] = max(best.get(plain, (-1, "")), (uses, name))
        if not good:
            raise VocabularyError(
                f'{path} is no tagcomplete CSV: no line of the form name,category,count,"alias,alias"',
                "Check the files named in tags.aliases.",
            )
    aliases: dict[str, tuple[str, ...]] = {
        alias: (name,) for alias, (_, name) in best.items() if alias not in names and alias != name
    }
    return TagFile(aliases, skipped, first)


def load_implications(paths: Iterable[str | Path]) -> TagFile:
    """Return tag to the tags it implies, straight and through others; only active implications count.

    Cycles are harmless: the tags of one imply each other. Raises VocabularyError when a file cannot be read or has
    not the columns antecedent_name and consequent_name.
    """
    direct: dict[str, list[str]] = {}
    skipped, first = 0, ""
    for path in paths:
        for number, record in enumerate(_records(Path(path)), 1):
            given = (
                record.get("antecedent_name"),
                record.get("consequent_name"),
                record.get("status", "active"),
            )
            start, end, status = (_plain(each) if isinstance(each, str) else "" for each in given)
            if not start or not end or not status:
                skipped, first = skipped + 1, first or f"{path}, record {number}: {str(dict(record))[:80]}"
            elif status == "active":
                direct.setdefault(start, []).append(end)
    return TagFile({tag: _closure(tag, direct) for tag in direct}, skipped, first)


def _closure(tag: str, direct: Mapping[str, list[str]]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    waiting = list(direct.get(tag, ()))
    while waiting:
        each = waiting.pop()
        if each != tag and each not in found:
            found[each] = None
            waiting += direct.get(each, ())
    return tuple(found)


def _plain(tag: str) -> str:
    return "_".join(tag.strip().lower().split())


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise VocabularyError(f"cannot read the tag file {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise VocabularyError(f"the tag file {path} is not UTF-8 text: {error.reason}") from error


def _csv(path: Path) -> Iterator[list[str]]:
    try:
        yield from csv.reader(_text(path).splitlines())
    except csv.Error as error:
        raise VocabularyError(f"the tag file {path} is not valid CSV: {error}") from error


def _records(path: Path) -> Iterator[Mapping[str, object]]:
    text = _text(path).lstrip()
    if not text.startswith(("[", "{")):
        rows = _csv(path)
        head = [cell.strip() for cell in next(rows, [])]
        if missing := {"antecedent_name", "consequent_name"} - set(head):
            raise VocabularyError(
                f"{path} has no column {' and '.join(sorted(missing))}; its first line is {','.join(head)[:80]!r}",
                "Check the files named in tags.implications.",
            )
        for row in rows:
            if row:
                yield dict(zip(head, row, strict=False))
        return
    try:
        data = json.loads(text)
        records = data if isinstance(data, list) else [data]
    except json.JSONDecodeError:
        records = [_line(line) for line in text.splitlines() if line.strip()]
        if not any(records):
            raise VocabularyError(f"{path} is neither JSON nor JSON Lines") from None
    for record in records:
        yield record if isinstance(record, dict) else {}


def _line(line: str) -> object:
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        return None
