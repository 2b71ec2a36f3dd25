"""Which of several equally good copies stays: criteria from the settings, asked in order where the pixels do not tell.

A criterion is a column of the items (also one that only this store's sources have) or of a measure, named NAME.column
or, where no other table has such a column, by the column alone. More is better: numbers by size, lists by length,
text by being there at all; a minus in front turns that round. ``source`` ranks by ``dedupe.sources``, ``posted``
prefers the earlier date, ``first`` what was seen first, which is asked last in any case.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from index.store import Store
from schema.arrays import Ints
from schema.errors import SettingsError

MEASURES = "measures_"
# What these would say is measured from the pixels, before any criterion is asked.
MEASURED = {"resolution": "true detail", "watermark": "what was laid over a picture"}
MISSING = float("-inf")


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion: ``name`` as the settings spell it, the ``column`` of ``table``, and whether less is better."""

    name: str
    table: str
    column: str
    less: bool = False


class KeepPolicy:
    """The criteria of the settings for one store, in order; ranks rows by what its tables say of them."""

    def __init__(self, criteria: Sequence[Criterion], sources: Sequence[int] = ()) -> None:
        self.criteria = tuple(criteria)
        self._source_rank = {source: place for place, source in enumerate(sources)}

    @classmethod
    def resolve(
        cls, names: Sequence[str], sources: Sequence[int], columns: Mapping[str, pa.Schema]
    ) -> KeepPolicy:
        """Return the criteria that these names stand for; ``columns`` are the schemas of items and of the measures.

        Raises SettingsError that lists the known names.
        """
        found = [_resolve(name, columns) for name in dict.fromkeys(names) if name != "first"]
        return cls([*found, Criterion("first", "items", "row", less=True)], sources)

    def ranks(self, store: Store, rows: Ints) -> dict[int, Rank]:
        """Return what decides between these rows, by row."""
        values: dict[int, list[Any]] = {row: [] for row in rows.tolist()}
        read: dict[str, dict[int, dict[str, Any]]] = {}
        for table in dict.fromkeys(each.table for each in self.criteria):
            names = ["row", *dict.fromkeys(each.column for each in self.criteria if each.table == table)]
            names = list(dict.fromkeys(names))
            taken = store.take_items(rows, names) if table == "items" else store.take(table, rows, names)
            read[table] = {record["row"]: record for record in taken.to_pylist()}
        for row, own in values.items():
            own.extend(read[each.table].get(row, {}).get(each.column) for each in self.criteria)
        return {row: self.rank(own) for row, own in values.items()}

    def rank(self, values: Sequence[Any]) -> Rank:
        """Return the rank of a row with these values, one for each criterion."""
        key = tuple(self._worth(each, value) for each, value in zip(self.criteria, values, strict=True))
        return Rank(tuple(values), key)

    def _worth(self, criterion: Criterion, value: Any) -> float:
        """A value as a number of which more is better; what is missing is worst either way."""
        if criterion.name == "source":
            return -float(self._source_rank.get(value, len(self._source_rank)))
        worth = _number(value)
        if criterion.column == "posted":
            worth = -worth if worth > 0 else MISSING
        return -worth if criterion.less and worth != MISSING else worth

    def decisive(self, better: Rank, worse: Rank) -> tuple[Criterion, Any, Any]:
        """Return the first criterion that tells two rows apart, with the value of the worse and of the better one."""
        place = next(
            (at for at, (own, its) in enumerate(zip(better.key, worse.key, strict=True)) if own != its),
            len(self.criteria) - 1,
        )
        return self.criteria[place], worse.values[place], better.values[place]


@dataclass(frozen=True, slots=True)
class Rank:
    """What the criteria say of a row: ``values`` as stored, ``key`` as numbers in the same order; a larger key is
    kept."""

    values: tuple[Any, ...]
    key: tuple[float, ...]


def _resolve(name: str, columns: Mapping[str, pa.Schema]) -> Criterion:
    plain = name.removeprefix("-")
    table, _, column = plain.rpartition(".")
    if plain in MEASURED:
        raise SettingsError(
            f"dedupe.keep names {plain!r}, but {MEASURED[plain]} is measured before any criterion is asked",
            "Leave it out.",
        )
    if table:
        tables = [each for each in (table, MEASURES + table) if each in columns]
    else:
        having = [each for each, schema in columns.items() if plain in schema.names]
        tables = ["items"] if "items" in having else having
    tables = [each for each in tables if column in columns[each].names]
    if len(tables) != 1:
        known = sorted({name for schema in columns.values() for name in schema.names} - {"row", "item_id"})
        what = "is in several measures: write NAME.column" if tables else "is no column of items or measures"
        raise SettingsError(
            f"dedupe.keep names {plain!r}, which {what}", f"Known criteria: first, {', '.join(known)}"
        )
    return Criterion(name, tables[0], column, name.startswith("-"))


def columns_of(store: Store, tables: Iterable[str]) -> dict[str, pa.Schema]:
    """Return the schemas of items and of the measures among these tables."""
    found = {"items": pa.schema([pa.field(name, pa.null()) for name in store.item_columns()])}
    found |= {name: store.schema(name) for name in tables if name.startswith(MEASURES)}
    return found


def _number(value: Any) -> float:
    if value is None:
        return MISSING
    if isinstance(value, (bool, int, float, np.number)):
        return float(value) if np.isfinite(value) else MISSING
    if isinstance(value, str):
        # Times are stored as 2024-05-31T12:00:00Z: their digits are in order.
        digits = re.sub(r"\D", "", value)[:14] if re.match(r"\d{4}-\d\d-\d\d", value) else ""
        return float(digits.ljust(14, "0")) if digits else float(bool(value))
    return float(len(value))
