"""The sources of labels, by the names that label.sources takes. A new one is a class and a line here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from label.learn.sources.base import Judge, LabelSource, LearnedSource, StatedSource, Words
from schema.plugins import plugin
from schema.settings import Settings
from schema.vocabulary import Vocabulary

if TYPE_CHECKING:
    from label.learn.fit_all import Collection

SOURCES = {
    "tags": "label.observed.tag_source:TagSource",
    "text": "label.observed.text_source:TextSource",
    "detector": "label.observed.detector_source:DetectorSource",
    "votes": "label.learn.sources.knn:VoteSource",
    "probe": "label.learn.sources.probe:ProbeSource",
    "prompts": "label.learn.sources.zero_shot:PromptSource",
}
"""Those that state come in the order in which they are believed."""

__all__ = [
    "SOURCES",
    "Judge",
    "LabelSource",
    "LearnedSource",
    "StatedSource",
    "Words",
    "learned_names",
    "learned_sources",
    "source_class",
    "stated_sources",
]


def source_class(name: str) -> type[LabelSource]:
    """Return the class of an entry of SOURCES; raises SettingsError that lists the entries."""
    found: type[LabelSource] = plugin(SOURCES, name, "source of labels", "label.sources")
    return found


def stated_sources(names: Sequence[str], vocabulary: Vocabulary, settings: Settings) -> list[StatedSource]:
    """Return the sources among ``names`` that state, the most believed one first."""
    kinds = [source_class(name) for name in sorted(names, key=list(SOURCES).index)] if _known(names) else []
    return [kind(vocabulary, settings) for kind in kinds if issubclass(kind, StatedSource)]


def learned_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return those of ``names`` that judge, in the order of the table."""
    _known(names)
    return tuple(n for n in SOURCES if n in names and issubclass(source_class(n), LearnedSource))


def learned_sources(names: Sequence[str], collection: Collection) -> list[LearnedSource]:
    """Return the sources among ``names`` that judge, in the order of the table."""
    kinds = [source_class(name) for name in learned_names(names)]
    return [kind(collection) for kind in kinds if issubclass(kind, LearnedSource)]


def _known(names: Sequence[str]) -> bool:
    return all(source_class(name) for name in names)
