"""Booru tags as a source of observed labels."""

from __future__ import annotations

from typing import ClassVar

from label.observed.base import ItemWords, Observer
from schema.settings import Settings
from schema.tags.conflicts import ParsedLabels
from schema.tags.values import TagReader
from schema.vocabulary import Vocabulary


class TagObserver(Observer):
    """Reads tags by the vocabulary, with the aliases and implications that the settings name."""

    source: ClassVar[str] = "tag"

    def __init__(self, vocabulary: Vocabulary, settings: Settings) -> None:
        super().__init__(vocabulary, settings)
        files = settings.tags
        self._reader = TagReader.from_files(vocabulary, files.aliases, files.implications)
        self.notes += self._reader.notes

    def read(self, item: ItemWords) -> ParsedLabels | None:
        """Return what the tags say; None for an item without tags."""
        return self._reader.read(item.tags) if item.tags else None
