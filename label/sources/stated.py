"""What tags and texts state about one item, written into the arrays of the stage."""

from __future__ import annotations

from collections.abc import Sequence

from label.statements import Stated, contradicted
from label.tags import TagReader
from label.text import TextReader
from schema.settings import Settings
from schema.vocabulary import Vocabulary


class Reader:
    """Reads the tags and the text of items by the rules of the vocabulary; tags outrank the text."""

    def __init__(self, vocabulary: Vocabulary, settings: Settings) -> None:
        on = settings.label.sources
        self._tags = (
            TagReader.from_files(vocabulary, settings.tags.aliases, settings.tags.implications)
            if "tags" in on
            else None
        )
        self._texts = TextReader(vocabulary) if "text" in on else None
        self._counted = {each.name for each in vocabulary.attributes if each.ambiguous}

    @property
    def notes(self) -> list[str]:
        """What was left out of the tag files."""
        return list(self._tags.notes) if self._tags else []

    def read(
        self, row: int, tags: Sequence[str], text: str, stated: dict[str, Stated]
    ) -> tuple[str, list[str]]:
        """Add what an item states; returns (why it is ambiguous or '', its conflicts)."""
        reason, conflicts = "", []
        taken: set[str] = set()
        for source, reading in (
            ("tag", self._tags.read(tags) if self._tags and tags else None),
            ("text", self._texts.read(text) if self._texts and text else None),
        ):
            if reading is None:
                continue
            for name, values in reading.values.items():
                if name in taken:
                    continue
                stated[name].add(row, values, source)
                taken.add(name)
            for conflict in reading.conflicts:
                name, values = contradicted(conflict)
                if source == "tag" and name in stated and name not in reading.values:
                    stated[name].contest(row, [value for value in values if stated[name].attribute.holds(value)])
            conflicts += reading.conflicts
            # A text that names two people does not make a picture tagged 'solo' ambiguous.
            if reading.ambiguous and not reason and not (source == "text" and self._counted & taken):
                reason = reading.ambiguous
        return reason, conflicts
