"""What people said of each item, as arrays by row: the values stated by reviews, tags and texts, in that order.

Donors, held-out items and the final labels are all read from here, so that a value stands the same way everywhere.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from schema.arrays import Bools, Floats32, Ints, Ints8, Ints32
from schema.vocabulary import Attribute

STATED = ("", "detector", "text", "tag", "review")
"""Names of the stated sources by code; a higher code outranks a lower one."""


@dataclass(slots=True)
class Stated:
    """The stated values of one attribute: (row, value code, source code) triples, rows ascending within a source.

    ``unknown`` holds rows that a reviewer declared to be unknown: nothing may fill them; ``contested`` the values
    that contradict each other, by row.
    """

    attribute: Attribute
    values: list[str] = field(default_factory=list)
    codes: dict[str, int] = field(default_factory=dict)
    rows: array[int] = field(default_factory=lambda: array("q"))
    coded: array[int] = field(default_factory=lambda: array("i"))
    sources: array[int] = field(default_factory=lambda: array("b"))
    unknown: set[int] = field(default_factory=set)
    contested: dict[int, tuple[int, ...]] = field(default_factory=dict)
    _sorted: tuple[Ints, Ints, Ints8] | None = None

    def contest(self, row: int, values: Sequence[str]) -> None:
        """Record that tags of an item contradict each other: it states none of these values."""
        if len(values) > 1:
            self.contested[row] = tuple(self.code(value) for value in values)

    def code(self, value: str) -> int:
        """Return the code of a value, giving out a new one at first sight."""
        found = self.codes.get(value)
        if found is None:
            found = self.codes[value] = len(self.values)
            self.values.append(value)
        return found

    def add(self, row: int, values: Sequence[str], source: str) -> None:
        """Record that a source states these values of an item."""
        number = STATED.index(source)
        for value in values:
            self.rows.append(row)
            self.coded.append(self.code(value))
            self.sources.append(number)

    def triples(self) -> tuple[Ints, Ints, Ints8]:
        """Return (rows, value codes, source codes) of all statements."""
        return (
            np.asarray(self.rows, np.int64),
            np.asarray(self.coded, np.int64),
            np.asarray(self.sources, np.int8),
        )

    def counts(self, n: int) -> Ints32:
        """Return how many values are stated of each row, int32 [n]."""
        return np.bincount(np.asarray(self.rows, np.int64), minlength=n).astype(np.int32)

    def matrix(self, rows: Ints, values: Sequence[str], general: Attribute | None = None) -> Floats32:
        """Return the stated values of the given rows (ascending) as float32 [n, v], 1 where stated.

        With ``general`` a stated value also states what it is a kind of.
        """
        found = np.zeros((len(rows), len(values)), np.float32)
        column = {value: at for at, value in enumerate(values)}
        mine, coded, _ = self.triples()
        at = np.searchsorted(rows, mine)
        known = at < len(rows)
        known[known] = rows[at[known]] == mine[known]
        at, coded = at[known], coded[known]
        for code, value in enumerate(self.values):
            names = (value, *general.ancestors(value)) if general else (value,)
            pick = at[coded == code] if any(name in column for name in names) else None
            for name in names:
                if pick is not None and name in column:
                    found[pick, column[name]] = 1
        return found

    def among(self, rows: Ints) -> tuple[Ints, Ints, Ints8]:
        """Return (place in ``rows``, value code, source code) of the statements about ``rows`` (ascending), by row."""
        known = self._sorted
        if known is None or len(known[0]) != len(self.rows):
            mine, coded, sources = self.triples()
            order = np.argsort(mine, kind="stable")
            known = self._sorted = mine[order], coded[order], sources[order]
        mine, coded, sources = known
        low, high = np.searchsorted(mine, rows), np.searchsorted(mine, rows, side="right")
        count = high - low
        places = np.repeat(np.arange(len(rows)), count)
        at = np.arange(len(places)) + np.repeat(low - (np.cumsum(count) - count), count)
        return places, coded[at], sources[at]

    def single(self, rows: Ints) -> Bools:
        """Tell which of ``rows`` (ascending) state exactly one value, bool [n]."""
        places, _, _ = self.among(rows)
        return np.asarray(np.bincount(places, minlength=len(rows)) == 1)


def contradicted(conflict: str) -> tuple[str, list[str]]:
    """Return (attribute, values) of a conflict as readings word it: 'hair_color: red (red_hair) or ...'."""
    name, _, rest = conflict.partition(": ")
    if rest.endswith(", yet denied"):
        return name, []
    return name, [part.partition(" (")[0] for part in rest.split(" or ")]
