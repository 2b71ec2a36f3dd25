"""Free-text descriptions as a source."""

from __future__ import annotations

from typing import ClassVar

from label.learn.sources.base import StatedSource, Words
from label.observed.conflicts import Reading
from label.observed.text import TextReader
from schema.settings import Settings
from schema.vocabulary import Vocabulary


class TextSource(StatedSource):
    """Reads descriptions by the words of the vocabulary."""

    word: ClassVar[str] = "text"

    def __init__(self, vocabulary: Vocabulary, settings: Settings) -> None:
        super().__init__(vocabulary, settings)
        self._reader = TextReader(vocabulary)

    def read(self, item: Words) -> Reading | None:
        """Return what the description says; None for an item without one."""
        return self._reader.read(item.text) if item.text else None
