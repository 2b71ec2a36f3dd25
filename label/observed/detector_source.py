"""The number of characters in a picture, as a detector counted them.

Detectors are a table of their own. The one that ships reads counts that some detector wrote to a file beforehand: no
single detector is right for drawings of all styles, so the choice is the user's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

import pyarrow as pa

from label.observed.base import ItemWords, Observer
from schema.errors import SettingsError
from schema.plugins import plugin
from schema.settings import Settings
from schema.tags.conflicts import ParsedLabels, value_of_count
from schema.vocabulary import Vocabulary

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
    def count(self, item: ItemWords) -> int | None:
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

    def count(self, item: ItemWords) -> int | None:
        """Return the count under the item's id or the first of its keys that the file knows."""
        names = (item.item_id, *item.keys)
        return next((self._counts[name] for name in names if name in self._counts), None)


class DetectorObserver(Observer):
    """Gives the number of characters that ``label.detector`` counts; without a detector it says nothing."""

    source: ClassVar[str] = "detector"

    def __init__(self, vocabulary: Vocabulary, settings: Settings) -> None:
        super().__init__(vocabulary, settings)
        name = settings.label.detector
        self._counted = [attribute for attribute in vocabulary.attributes if attribute.counts]
        self.detector: Detector | None = None
        if name:
            self.detector = plugin(DETECTORS, name, "detector", "label.detector")(settings)

    def read(self, item: ItemWords) -> ParsedLabels | None:
        """Return the counted value; several characters make the item ambiguous."""
        number = self.detector.count(item) if self.detector else None
        if number is None:
            return None
        values: dict[str, list[str]] = {}
        ambiguous = None
        for attribute in self._counted:
            value = value_of_count(attribute, number)
            if value is not None:
                values[attribute.name] = [value]
                if value in attribute.ambiguous:
                    ambiguous = f"{attribute.title}: {value} (the detector counts {number})"
        return ParsedLabels(values, ambiguous=ambiguous)


def _table(path: Path) -> pa.Table:
    try:
        if path.suffix.lower() in (".csv", ".tsv"):
            from pyarrow import csv

            options = csv.ParseOptions(delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
            return csv.read_csv(path, parse_options=options)
        from pyarrow import parquet

        return parquet.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise SettingsError(
            f"cannot read the counts {path}: {error}", "Check label.detector_path."
        ) from error


def _column(table: pa.Table, names: tuple[str, ...], what: str, path: Path) -> str:
    column = next((name for name in names if name in table.column_names), None)
    if column is None:
        raise SettingsError(
            f"{path} has no column of {what}", f"One of its columns must be: {', '.join(names)}"
        )
    return column
