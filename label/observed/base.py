"""What an observer is: it reads what people, or a detector, said of single items."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from schema.settings import Settings
from schema.tags.conflicts import ParsedLabels
from schema.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class ItemWords:
    """What is known of one item besides its picture: its id, the keys it came under, its tags and description."""

    item_id: str
    keys: Sequence[str] = ()
    tags: Sequence[str] = ()
    text: str = ""


class Observer(ABC):
    """Reads what is said of single items; listed in OBSERVERS and switched on in ``label.sources``."""

    source: ClassVar[str]
    """What the labels table names it by; one of ``label.observed.labels.SOURCES``."""

    def __init__(self, vocabulary: Vocabulary, settings: Settings) -> None:
        self.vocabulary = vocabulary
        self.settings = settings
        self.notes: list[str] = []
        """What it had to leave out, for the summary of the run."""

    @abstractmethod
    def read(self, item: ItemWords) -> ParsedLabels | None:
        """Return what is said of an item, or None where this source says nothing about it."""
