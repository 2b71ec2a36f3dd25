"""What reviews and the sources that state say about one item, written into the arrays of the stage."""

from __future__ import annotations

from collections.abc import Mapping

from index.reviews.effective import ReviewedLabel
from label.learn.sources.base import Words
from label.observed.labels import Stated, contradicted
from label.sources import stated_sources
from schema.settings import Settings
from schema.vocabulary import Vocabulary

NO_REVIEWS: Mapping[str, ReviewedLabel] = {}


class Reader:
    """Reads items by all sources that state; the first to speak of an attribute wins."""

    def __init__(self, vocabulary: Vocabulary, settings: Settings) -> None:
        self._sources = stated_sources(settings.label.sources, vocabulary, settings)
        self._counted = {each.name for each in vocabulary.attributes if each.ambiguous}

    @property
    def notes(self) -> list[str]:
        """What the sources had to leave out."""
        return [note for source in self._sources for note in source.notes]

    def read(
        self,
        row: int,
        item: Words,
        stated: Mapping[str, Stated],
        reviews: Mapping[str, ReviewedLabel] = NO_REVIEWS,
    ) -> tuple[str, list[str]]:
        """Add what an item states; returns (why it is ambiguous or '', its conflicts)."""
        reason, conflicts = "", []
        taken: dict[str, list[str]] = {}
        for name, label in reviews.items():
            if label.values:
                stated[name].add(row, label.values, "review")
            if label.exact or (label.values and stated[name].attribute.kind == "one"):
                taken[name] = list(label.values)
        for source in self._sources:
            reading = source.read(item)
            if reading is None:
                continue
            counted = self._counted & set(taken)
            for name, values in reading.values.items():
                if name in taken:
                    continue
                taken[name] = values
                if name in reviews:
                    known = {*reviews[name].values, *reviews[name].rejected}
                    values = [value for value in values if value not in known]
                stated[name].add(row, values, source.word)
            for conflict in reading.conflicts:
                name, values = contradicted(conflict)
                if source.word == "tag" and name in stated and name not in taken:
                    stated[name].contest(
                        row, [value for value in values if stated[name].attribute.holds(value)]
                    )
                if name not in reviews:
                    conflicts.append(conflict)
            if not reading.ambiguous or reason:
                continue
            # A text that names two people does not make a picture tagged 'solo' ambiguous; what a detector counts
            # in the picture does, unless a reviewer counted.
            if not counted or (source.word == "detector" and not counted & set(reviews)):
                reason = reading.ambiguous
                reason += "".join(f", yet {name} is {', '.join(taken[name])}" for name in sorted(counted))
        return reason, conflicts
