"""Names as sources spell them: which spellings are one name, how it is shown, which two names may be one."""

from __future__ import annotations

import csv
import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from schema.errors import SettingsError

_SPACES = re.compile(r"[\s_]+")
_ESCAPED = re.compile(r"\\([()\[\]])")
_BRACKETS = re.compile(r"\s*[(（]([^()（）]*)[)）]\s*$")
NEAR = 0.86
"""Two names whose letters agree to this share are shown to a reviewer as one that may have two spellings."""
SHORT = 5
"""Shorter names differ by a letter too often to be proposed."""


def name_key(name: str) -> str:
    """Return what two spellings of one name have in common: `saber_(fate)`, `Saber (Fate)` and `Saber \\(fate\\)`."""
    text = unicodedata.normalize("NFKC", _ESCAPED.sub(r"\1", name)).casefold()
    return _SPACES.sub(" ", text).strip()


def shown(spellings: Mapping[str, int]) -> str:
    """Return the spelling that a name is shown by: the most frequent one, spaces for underscores, backslashes gone."""
    plain: Counter[str] = Counter()
    for spelling, count in spellings.items():
        plain[_SPACES.sub(" ", _ESCAPED.sub(r"\1", spelling)).strip()] += count
    return min(plain, key=lambda name: (-plain[name], name))


def load_aliases(path: str) -> dict[str, str]:
    """Return the name that each alias stands for, by ``name_key``, from a CSV of alias,name.

    Raises SettingsError for a file that cannot be read or a line that is no pair.
    """
    if not path:
        return {}
    try:
        lines = list(csv.reader(Path(path).read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"names.aliases: {path} cannot be read: {error}") from error
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        cells = [cell.strip() for cell in line]
        if not any(cells) or cells[0].startswith("#"):
            continue
        if len(cells) != 2 or not all(cells):
            raise SettingsError(
                f"names.aliases: line {number} of {path} is no pair", "Each line is: alias,name."
            )
        found[name_key(cells[0])] = cells[1]
    return found


@dataclass(frozen=True, slots=True)
class Proposal:
    """Two names that may be one, with how many pictures each has; nothing is merged without a reviewer."""

    name: str
    pictures: int
    other: str
    other_pictures: int
    why: str


def near_names(counts: Mapping[str, int]) -> list[Proposal]:
    """Return which of these names may be spellings of one another, those of most pictures first.

    Proposed are the same words in another order, a name with and without its work in brackets, and names that differ
    by a letter or two. The work in brackets must agree where both have one.
    """
    names = sorted(counts)
    found: dict[tuple[str, str], str] = {}
    by_words: dict[tuple[str, ...], list[str]] = {}
    by_bare: dict[str, list[str]] = {}
    for name in names:
        bare, _ = _split(name)
        by_words.setdefault(tuple(sorted(name_key(name).split(" "))), []).append(name)
        by_bare.setdefault(bare, []).append(name)
    for group in by_words.values():
        _pairs(group, "the same words in another order", found)
    for bare, group in by_bare.items():
        plain = [name for name in group if not _split(name)[1]]
        worked = [name for name in group if _split(name)[1]]
        if len(worked) == 1 and plain and bare:
            _pairs([*plain, *worked], "with and without its work", found)
    for group in _blocks(names):
        for place, first in enumerate(group):
            for second in group[place + 1 :]:
                if _alike(first, second):
                    found.setdefault(_ordered(first, second), "spelled nearly the same")
    proposals = [Proposal(a, counts[a], b, counts[b], why) for (a, b), why in found.items()]
    return sorted(proposals, key=lambda each: (-min(each.pictures, each.other_pictures), each.name))


def _split(name: str) -> tuple[str, str]:
    """Return a name without what stands in brackets behind it, and that."""
    key = name_key(name)
    match = _BRACKETS.search(key)
    return (key[: match.start()].strip(), match.group(1)) if match else (key, "")


def _ordered(first: str, second: str) -> tuple[str, str]:
    return (first, second) if first < second else (second, first)


def _pairs(group: Iterable[str], why: str, found: dict[tuple[str, str], str]) -> None:
    names = sorted(set(group))
    for place, first in enumerate(names):
        for second in names[place + 1 :]:
            found.setdefault((first, second), why)


def _blocks(names: list[str]) -> list[list[str]]:
    """Return names that share their first or last three letters: no others are compared."""
    blocks: dict[tuple[str, str], list[str]] = {}
    for name in names:
        bare, _ = _split(name)
        if len(bare) >= SHORT:
            blocks.setdefault(("first", bare[:3]), []).append(name)
            blocks.setdefault(("last", bare[-3:]), []).append(name)
    return [group for group in blocks.values() if len(group) > 1]


def _alike(first: str, second: str) -> bool:
    (a, work_a), (b, work_b) = _split(first), _split(second)
    if abs(len(a) - len(b)) > 2 or (work_a and work_b and work_a != work_b):
        return False
    # Numbers tell versions apart: unit 01 is not unit 02.
    if re.findall(r"\d+", a) != re.findall(r"\d+", b):
        return False
    return a != b and difflib.SequenceMatcher(None, a, b, autojunk=False).ratio() >= NEAR
