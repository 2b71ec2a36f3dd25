"""Booru tags as a source."""

from __future__ import annotations

from typing import ClassVar

from label.learn.sources.base import StatedSource, Words
from label.observed.conflicts import Reading
from label.observed.tags import TagReader
from schema.settings import Settings
from schema.vocabulary import Vocabulary


class TagSource(StatedSource):
    """Reads tags by the vocabulary, with the aliases and implications that the settings name."""

    word: ClassVar[str] = "tag"

    def __init__(self, vocabulary: Vocabulary, settings: Settings) -> None:
        super().__init__(vocabulary, settings)
        files = settings.tags
        self._reader = TagReader.from_files(vocabulary, files.aliases, files.implications)
        self.notes += self._reader.notes

    def read(self, item: Words) -> Reading | None:
        """Return what the tags say; None for an item without tags."""
        return self._reader.read(item.tags) if item.tags else None
