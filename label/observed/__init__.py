"""What was said of the items: by reviewers, tags, texts and detectors. A new observer is a class and a line here."""

from __future__ import annotations

from collections.abc import Sequence

from label.observed.base import Observer
from schema.plugins import plugin
from schema.settings import Settings
from schema.vocabulary import Vocabulary

OBSERVERS = {
    "tags": "label.observed.tag_source:TagObserver",
    "text": "label.observed.text_source:TextObserver",
    "detector": "label.observed.detector_source:DetectorObserver",
}
"""Observers by the names that ``label.sources`` takes, the most trusted one first."""

__all__ = ["OBSERVERS", "Observer", "load_observers", "observer_class"]


def observer_class(name: str) -> type[Observer]:
    """Return the class of an entry of OBSERVERS; raises SettingsError that lists the entries."""
    found: type[Observer] = plugin(OBSERVERS, name, "observer", "label.sources")
    return found


def load_observers(names: Sequence[str], vocabulary: Vocabulary, settings: Settings) -> list[Observer]:
    """Return the observers among ``names``, the most trusted one first; other names are left to the scorers."""
    return [observer_class(name)(vocabulary, settings) for name in OBSERVERS if name in names]
