"""What reviews and all observers say about one item, the most trusted first, written into the arrays of the stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from index.reviews.effective import ReviewedLabel
from label.observed import load_observers
from label.observed.base import ItemWords
from label.observed.labels import ObservedLabels
from schema.settings import Settings
from schema.tags.conflicts import DISAGREE, Conflict, ParsedLabels
from schema.vocabulary import Vocabulary

NO_REVIEWS: Mapping[str, ReviewedLabel] = {}


@dataclass(frozen=True, slots=True)
class ItemReport:
    """What concerns an item as a whole: why it is ambiguous ('' if it is not), and its conflicts."""

    ambiguous: str = ""
    conflicts: tuple[Conflict, ...] = ()


class ItemReader:
    """Reads items through all observers; the first to speak of an attribute decides it."""

    def __init__(self, vocabulary: Vocabulary, settings: Settings) -> None:
        self._observers = load_observers(settings.label.sources, vocabulary, settings)
        self._counting = {attribute.name for attribute in vocabulary.attributes if attribute.ambiguous}

    @property
    def notes(self) -> list[str]:
        """What the observers had to leave out."""
        return [note for observer in self._observers for note in observer.notes]

    def read(
        self,
        row: int,
        item: ItemWords,
        observed: Mapping[str, ObservedLabels],
        reviews: Mapping[str, ReviewedLabel] = NO_REVIEWS,
    ) -> ItemReport:
        """Add what is said of an item to ``observed``, and return what concerns it as a whole."""
        ambiguous = ""
        conflicts: list[Conflict] = []
        decided: dict[str, list[str]] = {}
        for name, review in reviews.items():
            if review.values:
                observed[name].add(row, review.values, "review")
            if review.exact or (review.values and not observed[name].attribute.multi_label):
                decided[name] = list(review.values)
        for observer in self._observers:
            parsed = observer.read(item)
            if parsed is None:
                continue
            counted = self._counting & set(decided)
            for name, values in parsed.values.items():
                if name in decided:
                    continue
                decided[name] = values
                if name in reviews:
                    reviewed = {*reviews[name].values, *reviews[name].rejected}
                    values = [value for value in values if value not in reviewed]
                observed[name].add(row, values, observer.source)
            for conflict in parsed.conflicts:
                name = conflict.attribute
                if observer.source == "tag" and conflict.kind == DISAGREE and name not in decided:
                    observed[name].contest(row, conflict.values)
                if name not in reviews:
                    conflicts.append(conflict)
            if not ambiguous:
                ambiguous = self._ambiguity(parsed, observer.source, counted, decided, set(reviews))
        return ItemReport(ambiguous, tuple(conflicts))

    def _ambiguity(
        self,
        parsed: ParsedLabels,
        source: str,
        counted: set[str],
        decided: Mapping[str, list[str]],
        reviewed: set[str],
    ) -> str:
        """Return why an item is ambiguous by one source, '' if it is not; ``counted`` are counts known before."""
        if not parsed.ambiguous:
            return ""
        # A text that names two people does not make a picture tagged 'solo' ambiguous; what a detector counts in the
        # picture does, unless a reviewer counted.
        if counted and (source != "detector" or counted & reviewed):
            return ""
        known = "".join(f", yet {name} is {', '.join(decided[name])}" for name in sorted(counted))
        return parsed.ambiguous + known
