"""The number of characters from a detector; a detector is a seam of its own, since any may be put behind it.

The one that is there reads numbers that some detector wrote beforehand: which one is the user's choice, and none is
shipped that would be right for drawings of all styles.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from label.learn.sources.base import StatedSource, Words
from label.observed.conflicts import Reading
from schema.errors import SettingsError
from schema.plugins import plugin
from schema.settings import Settings
from schema.vocabulary import Attribute, Vocabulary

DETECTORS = {
    "file": "label.observed.detector_source:CountFile",
}
"""Detectors by the names that label.detector takes."""
KEYS = ("item_id", "key", "id", "file_name", "uri")
COUNTS = ("count", "characters", "persons", "people", "faces", "n")


class Detector(ABC):
    """Counts the characters of a picture."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @abstractmethod
    def count(self, item: Words) -> int | None:
        """Return how many characters the picture shows, or None where the detector did not look."""


class CountFile(Detector):
    """Counts read from a Parquet or CSV file with a column of keys and one of counts, ``label.detector_path``."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        path = Path(settings.label.detector_path)
        table = _table(path)
        key, number = _column(table, KEYS, "keys", path), _column(table, COUNTS, "counts", path)
        pairs = zip(table[key].to_pylist(), table[number].to_pylist(), strict=True)
        self._counts = {str(name): int(count) for name, count in pairs if count is not None}

    def count(self, item: Words) -> int | None:
        """Return the count under the item's id or the first of its keys that the file knows."""
        return next((self._counts[k] for k in (item.item_id, *item.keys) if k in self._counts), None)


class DetectorSource(StatedSource):
    """States the number of characters that ``label.detector`` counts; without a detector it is silent."""

    word: ClassVar[str] = "detector"

    def __init__(self, vocabulary: Vocabulary, settings: Settings) -> None:
        super().__init__(vocabulary, settings)
        name = settings.label.detector
        self._counted = [each for each in vocabulary.attributes if each.counts]
        self.detector: Detector | None = None
        if name:
            self.detector = plugin(DETECTORS, name, "detector", "label.detector")(settings)

    def read(self, item: Words) -> Reading | None:
        """Return the counted value; several characters make the item ambiguous."""
        number = self.detector.count(item) if self.detector else None
        if number is None:
            return None
        values: dict[str, list[str]] = {}
        ambiguous = None
        for attribute in self._counted:
            value = level(attribute, number)
            if value is not None:
                values[attribute.name] = [value]
                if value in attribute.ambiguous:
                    ambiguous = f"{attribute.title}: {value} (the detector counts {number})"
        return Reading(values, ambiguous=ambiguous)


def level(attribute: Attribute, number: int) -> str | None:
    """Return the value of a counted attribute for a number, or None where it has none for so few."""
    levels = [value for value in attribute.values if (value.at_least or 0) <= number]
    return max(levels, key=lambda value: value.at_least or 0).name if levels else None


def _table(path: Path) -> Any:
    try:
        if path.suffix.lower() in (".csv", ".tsv"):
            from pyarrow import csv

            tab = csv.ParseOptions(delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
            return csv.read_csv(path, parse_options=tab)
        from pyarrow import parquet

        return parquet.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise SettingsError(
            f"cannot read the counts {path}: {error}", "Check label.detector_path."
        ) from error


def _column(table: Any, names: tuple[str, ...], what: str, path: Path) -> str:
    found = next((name for name in names if name in table.column_names), None)
    if found is None:
        raise SettingsError(
            f"{path} has no column of {what}", f"One of its columns must be: {', '.join(names)}"
        )
    return found
