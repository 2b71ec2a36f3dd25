"""Observed labels as arrays by row: the values that reviews, tags, texts and detectors give each item.

Reference items, held-out items and the final labels are all read from here, so a value means the same everywhere.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from schema.arrays import Bools, Floats32, Ints, Ints8, Ints32, Rows
from schema.vocabulary import Attribute

SOURCES = ("", "detector", "text", "tag", "review")
"""Names of the sources of observed labels by code; a higher code outranks a lower one, 0 means none."""
REVIEW = SOURCES.index("review")


@dataclass(slots=True)
class ObservedLabels:
    """The observed values of one attribute as (row, value code, source code) triples, in the order they were added.

    ``contested`` holds, by row, the codes of values that an item's tags give and that contradict each other.
    """

    attribute: Attribute
    values: list[str] = field(default_factory=list)
    codes: dict[str, int] = field(default_factory=dict)
    rows: array[int] = field(default_factory=lambda: array("q"))
    value_codes: array[int] = field(default_factory=lambda: array("i"))
    source_codes: array[int] = field(default_factory=lambda: array("b"))
    contested: dict[int, tuple[int, ...]] = field(default_factory=dict)
    _sorted: tuple[Ints, Ints, Ints8] | None = None
    _contested_rows: Rows | None = None

    def contest(self, row: int, values: Sequence[str]) -> None:
        """Record that tags of an item contradict each other: none of these values is observed."""
        if len(values) > 1:
            self.contested[row] = tuple(self.code(value) for value in values)

    def code(self, value: str) -> int:
        """Return the code of a value, giving out a new one at first sight."""
        known = self.codes.get(value)
        if known is None:
            known = self.codes[value] = len(self.values)
            self.values.append(value)
        return known

    def add(self, row: int, values: Sequence[str], source: str) -> None:
        """Record that a source gives an item these values."""
        source_code = SOURCES.index(source)
        for value in values:
            self.rows.append(row)
            self.value_codes.append(self.code(value))
            self.source_codes.append(source_code)

    def triples(self) -> tuple[Ints, Ints, Ints8]:
        """Return (rows, value codes, source codes) of everything observed."""
        return (
            np.asarray(self.rows, np.int64),
            np.asarray(self.value_codes, np.int64),
            np.asarray(self.source_codes, np.int8),
        )

    def counts(self, rows: Rows) -> Ints32:
        """Return how many values are observed of each of ``rows`` (ascending), int32 [n]."""
        places, _, _ = self.among(rows)
        return np.bincount(places, minlength=len(rows)).astype(np.int32)

    def matrix(self, rows: Rows, values: Sequence[str], expand: bool = False) -> Floats32:
        """Return the observed values of ``rows`` (ascending) as float32 [n, v], 1 where observed.

        With ``expand`` an observed value also gives the more general values that it is a kind of.
        """
        column = {value: place for place, value in enumerate(values)}
        found = np.zeros((len(rows), len(values)), np.float32)
        places, codes, _ = self.among(rows)
        for code, value in enumerate(self.values):
            names = (value, *self.attribute.ancestors(value)) if expand else (value,)
            known = [column[name] for name in names if name in column]
            if known:
                found[np.ix_(places[codes == code], known)] = 1
        return found

    def among(self, rows: Rows) -> tuple[Ints, Ints, Ints8]:
        """Return (place in ``rows``, value code, source code) of what is observed of ``rows`` (ascending), by row."""
        if self._sorted is None or len(self._sorted[0]) != len(self.rows):
            all_rows, all_codes, all_sources = self.triples()
            order = np.argsort(all_rows, kind="stable")
            self._sorted = all_rows[order], all_codes[order], all_sources[order]
        observed, codes, sources = self._sorted
        low, high = np.searchsorted(observed, rows), np.searchsorted(observed, rows, side="right")
        count = high - low
        places = np.repeat(np.arange(len(rows)), count)
        entries = np.arange(len(places)) + np.repeat(low - (np.cumsum(count) - count), count)
        return places, codes[entries], sources[entries]

    def contested_among(self, rows: Rows) -> dict[int, list[str]]:
        """Return the contested values of those of ``rows`` (ascending) that have any, by place in ``rows``."""
        if self._contested_rows is None or len(self._contested_rows) != len(self.contested):
            self._contested_rows = np.array(sorted(self.contested), np.int64)
        if not len(rows):
            return {}
        low, high = np.searchsorted(self._contested_rows, [rows[0], rows[-1] + 1])
        known = self._contested_rows[low:high]
        places = np.searchsorted(rows, known)
        found = zip(known.tolist(), places.tolist(), (rows[places] == known).tolist(), strict=True)
        return {
            place: [self.values[code] for code in self.contested[row]] for row, place, here in found if here
        }

    def single(self, rows: Rows) -> Bools:
        """Tell which of ``rows`` (ascending) have exactly one observed value, bool [n]."""
        return np.asarray(self.counts(rows) == 1)
