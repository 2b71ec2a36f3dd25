"""Free-text descriptions as a source of observed labels."""

from __future__ import annotations

from typing import ClassVar

from label.observed.base import ItemWords, Observer
from label.observed.text import TextReader
from schema.settings import Settings
from schema.tags.conflicts import ParsedLabels
from schema.vocabulary import Vocabulary


class TextObserver(Observer):
    """Reads descriptions by the words of the vocabulary."""

    source: ClassVar[str] = "text"

    def __init__(self, vocabulary: Vocabulary, settings: Settings) -> None:
        super().__init__(vocabulary, settings)
        self._reader = TextReader(vocabulary)

    def read(self, item: ItemWords) -> ParsedLabels | None:
        """Return what the description says; None for an item without one."""
        return self._reader.read(item.text) if item.text else None
