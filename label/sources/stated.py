"""What reviews, tags and texts state about one item, written into the arrays of the stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from index.reviews import ReviewedLabel
from label.statements import Stated, contradicted
from label.tags import TagReader
from label.text import TextReader
from schema.settings import Settings
from schema.vocabulary import Vocabulary

NO_REVIEWS: Mapping[str, ReviewedLabel] = {}


class Reader:
    """Reads reviews, tags and text of items by the rules of the vocabulary; the first to speak of an attribute wins."""

    def __init__(self, vocabulary: Vocabulary, settings: Settings) -> None:
        on = settings.label.sources
        files = settings.tags
        self._tags = (
            TagReader.from_files(vocabulary, files.aliases, files.implications) if "tags" in on else None
        )
        self._texts = TextReader(vocabulary) if "text" in on else None
        self._counted = {each.name for each in vocabulary.attributes if each.ambiguous}

    @property
    def notes(self) -> list[str]:
        """What was left out of the tag files."""
        return list(self._tags.notes) if self._tags else []

    def read(
        self,
        row: int,
        tags: Sequence[str],
        text: str,
        stated: Mapping[str, Stated],
        reviews: Mapping[str, ReviewedLabel] = NO_REVIEWS,
    ) -> tuple[str, list[str]]:
        """Add what an item states; returns (why it is ambiguous or '', its conflicts)."""
        reason, conflicts = "", []
        taken: set[str] = set()
        for name, label in reviews.items():
            if label.values:
                stated[name].add(row, label.values, "review")
            if label.exact or (label.values and stated[name].attribute.kind == "one"):
                taken.add(name)
        for source, reading in (
            ("tag", self._tags.read(tags) if self._tags and tags else None),
            ("text", self._texts.read(text) if self._texts and text else None),
        ):
            if reading is None:
                continue
            for name, values in reading.values.items():
                if name in taken:
                    continue
                taken.add(name)
                if name in reviews:
                    known = {*reviews[name].values, *reviews[name].rejected}
                    values = [value for value in values if value not in known]
                stated[name].add(row, values, source)
            for conflict in reading.conflicts:
                name, values = contradicted(conflict)
                if source == "tag" and name in stated and name not in taken:
                    stated[name].contest(
                        row, [value for value in values if stated[name].attribute.holds(value)]
                    )
                if name not in reviews:
                    conflicts.append(conflict)
            # A text that names two people does not make a picture tagged 'solo' ambiguous.
            if reading.ambiguous and not reason and not (source == "text" and self._counted & taken):
                reason = reading.ambiguous
        return reason, conflicts
