"""What scores the values of an attribute: votes of neighbours, a probe, zero-shot prompts. A new scorer is a class and
a line here."""

from __future__ import annotations

from collections.abc import Sequence

from label.data.dataset import Dataset
from label.learn.sources.base import ScorerSource
from schema.plugins import plugin

SCORERS = {
    "knn": "label.learn.sources.knn:KnnSource",
    "probe": "label.learn.sources.probe:ProbeSource",
    "zero_shot": "label.learn.sources.zero_shot:ZeroShotSource",
}
"""Sources of scorers by the names that ``label.sources`` takes."""

__all__ = ["SCORERS", "ScorerSource", "load_scorer_sources", "scorer_class", "scorer_names"]


def scorer_class(name: str) -> type[ScorerSource]:
    """Return the class of an entry of SCORERS; raises SettingsError that lists the entries."""
    found: type[ScorerSource] = plugin(SCORERS, name, "scorer", "label.sources")
    return found


def scorer_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return those of ``names`` that are scorers, in the order of the table."""
    return tuple(name for name in SCORERS if name in names)


def load_scorer_sources(names: Sequence[str], dataset: Dataset) -> list[ScorerSource]:
    """Return the scorers among ``names``, in the order of the table."""
    return [scorer_class(name)(dataset) for name in scorer_names(names)]
