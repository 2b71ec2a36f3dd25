"""What sources and reviewers say of names: which characters and works each item shows, as numbers of names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from index.reviews.effective import EffectiveReviews
from index.store import Store
from label.names.spelling import load_aliases, name_key, shown
from schema.arrays import Ints
from schema.columns.names import CHARACTER, COPYRIGHT, NAMED
from schema.errors import SettingsError
from schema.settings import Settings

NO_NAMES = frozenset(
    {"original", "unknown", "original character", "oc", "n/a", "none", "various", "multiple"}
)
"""What sources write where there is no name."""


@dataclass(slots=True)
class StatedNames:
    """What is stated of one attribute: ``names`` as they are shown; by row the numbers of the
    names of an item, and who says so; ``rejected`` by row what reviewers ruled out; ``closed`` rows that reviewers
    decided in full."""

    names: list[str] = field(default_factory=list)
    by_row: dict[int, tuple[int, ...]] = field(default_factory=dict)
    source: dict[int, str] = field(default_factory=dict)
    rejected: dict[int, set[int]] = field(default_factory=dict)
    closed: set[int] = field(default_factory=set)

    def single(self) -> tuple[Ints, Ints]:
        """Return the rows that have exactly one name, ascending, and its number."""
        pairs = sorted((row, names[0]) for row, names in self.by_row.items() if len(names) == 1)
        rows, names = zip(*pairs, strict=True) if pairs else ((), ())
        return np.array(rows, np.int64), np.array(names, np.int64)


class _Reader:
    """Numbers the names of one attribute as they come."""

    def __init__(self, aliases: dict[str, str]) -> None:
        self.aliases = aliases
        self.numbers: dict[str, int] = {}
        self.spellings: list[Counter[str]] = []

    def number(self, name: str) -> int | None:
        """Return the number of a name, None for what is no name."""
        key = name_key(name)
        if key in self.aliases:
            name = self.aliases[key]
            key = name_key(name)
        if not key or key in NO_NAMES:
            return None
        number = self.numbers.setdefault(key, len(self.numbers))
        if number == len(self.spellings):
            self.spellings.append(Counter())
        self.spellings[number][name] += 1
        return number

    def several(self, names: Iterable[str]) -> tuple[int, ...]:
        """Return the numbers of names, each once, in order."""
        found = [number for name in names if (number := self.number(name)) is not None]
        return tuple(dict.fromkeys(found))


def read_stated(store: Store, settings: Settings, reviews: EffectiveReviews) -> dict[str, StatedNames]:
    """Return what is stated of each attribute of ``NAMED``; copies of an item speak for it."""
    wanted = settings.names
    aliases = load_aliases(wanted.aliases)
    title = title_rule(wanted.title_rule)
    columns = list(dict.fromkeys([*wanted.columns, NAMED[COPYRIGHT], "text"]))
    known = set(store.item_columns())
    for name in wanted.columns:
        if name not in known:
            raise SettingsError(
                f"names.columns: items have no column {name!r}", f"Columns: {', '.join(sorted(known))}"
            )
    readers = {name: _Reader(aliases) for name in NAMED}
    stated = {name: StatedNames() for name in NAMED}
    for batch in store.items(["row", *columns]):
        values = {name: batch.column(name).to_pylist() for name in batch.schema.names}
        for place, row in enumerate(values["row"]):
            said = [name for column in wanted.columns for name in _listed(values[column][place])]
            text = values["text"][place]
            match = title.search(text) if title is not None and text and not said else None
            said += [match.group("name")] if match else []
            for name, given in ((CHARACTER, said), (COPYRIGHT, _listed(values[NAMED[COPYRIGHT]][place]))):
                numbers = readers[name].several(given)
                if numbers:
                    stated[name].by_row[row] = numbers
                    stated[name].source[row] = "text" if match and name == CHARACTER else "source"
    for name, reader in readers.items():
        _review(stated[name], reader, name, reviews)
        stated[name].names = [shown(spellings) for spellings in reader.spellings]
    return stated


def title_rule(pattern: str) -> re.Pattern[str] | None:
    """Return the expression of ``names.title_rule``; raises SettingsError where it has no group called name."""
    if not pattern:
        return None
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise SettingsError(f"names.title_rule is no regular expression: {error}") from error
    if "name" not in compiled.groupindex:
        raise SettingsError(
            "names.title_rule has no group called name", r"Write it as in: ^(?P<name>[^,]+) fan ?art"
        )
    return compiled


def _listed(value: object) -> list[str]:
    if value is None:
        return []
    return [str(each) for each in value if each] if isinstance(value, list) else [str(value)]


def _review(stated: StatedNames, reader: _Reader, attribute: str, reviews: EffectiveReviews) -> None:
    """Fold in what reviewers decided: it goes over what sources say."""
    for (row, name), label in reviews.labels.items():
        if name != attribute:
            continue
        given = reader.several(label.values)
        ruled_out = {number for value in label.rejected if (number := reader.number(value)) is not None}
        if label.exact:
            stated.closed.add(row)
            stated.by_row.pop(row, None)
        kept = tuple(each for each in stated.by_row.get(row, ()) if each not in ruled_out)
        numbers = tuple(dict.fromkeys((*kept, *given)))
        stated.by_row.pop(row, None)
        if numbers:
            stated.by_row[row] = numbers
            stated.source[row] = "review" if given else stated.source.get(row, "source")
        if ruled_out:
            stated.rejected[row] = ruled_out
