"""What a source of labels is: it states values of single items, or it judges items by what it learned of donors.

What states is believed in a fixed order, review > tag > text > detector. What judges only gives evidence: a pool
weighs it against the other judges on held-out donors, and a calibrated threshold decides whether it is said.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, TypeAlias

import numpy as np

from label.data.task import Question
from label.learn.features import FeatureMap
from label.learn.knn_scorer import Electors
from label.learn.linear_scorer import Linear
from label.learn.subspace import Moments, moments
from label.observed.conflicts import Reading
from schema.arrays import Bools, Floats32
from schema.settings import Settings
from schema.vocabulary import Vocabulary

if TYPE_CHECKING:
    from label.learn.fit_all import Collection
    from label.learn.model import Choices

Judge: TypeAlias = Electors | Linear
"""Frozen with the models as plain arrays, so that a store never holds code: votes round an item, or directions."""


@dataclass(frozen=True, slots=True)
class Words:
    """What is known of one item besides its picture: its id, the keys it came under, tags, description."""

    item_id: str
    keys: Sequence[str] = ()
    tags: Sequence[str] = ()
    text: str = ""


class LabelSource(ABC):
    """One place that labels come from; listed in SOURCES and switched on in ``label.sources``."""

    word: ClassVar[str]
    """What the labels table names it by."""


class StatedSource(LabelSource):
    """A source that reads what is stated of an item, by rules."""

    def __init__(self, vocabulary: Vocabulary, settings: Settings) -> None:
        self.vocabulary = vocabulary
        self.settings = settings
        self.notes: list[str] = []

    @abstractmethod
    def read(self, item: Words) -> Reading | None:
        """Return what is stated of an item, or None where the source says nothing."""


class LearnedSource(LabelSource):
    """A source that learns one attribute from donors, or knows it beforehand, and judges vectors."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection

    @abstractmethod
    def train(self, drill: Drill) -> Judge | None:
        """Return the judge of one fold, learned from the donors of the other ones; None for all folds of an
        attribute that the source knows nothing of."""


@dataclass(slots=True)
class Drill:
    """Donors that the judges of fold ``held`` may learn from: ``train`` bool [m]; their features in both forms.

    ``voters`` are those of them whose statement says something, for several-of attributes all.
    """

    question: Question
    plain: Floats32
    white: Floats32
    features: FeatureMap
    choices: Choices
    held: int
    parts: list[Moments] = field(default_factory=list)

    @property
    def many(self) -> bool:
        """Whether a character can have several values."""
        return self.question.kind == "many"

    @property
    def train(self) -> Bools:
        """Donors of the other folds, bool [m]."""
        found: Bools = self.question.folds != self.held
        return found

    @property
    def speaking(self) -> Bools:
        """Donors of all folds whose statement says something, bool [m]."""
        return np.ones(len(self.question.rows), bool) if self.many else self.question.stated

    @property
    def voters(self) -> Bools:
        """Donors to learn from, bool [m]."""
        return self.train & self.speaking

    def sums(self) -> Moments:
        """Return the moments of the voters; those of single folds are summed once and shared by all folds."""
        if not self.parts:
            self.parts += moments_by_fold(
                self.question, self.white, self.question.targets, self.speaking, self.choices.folds
            )
        return moments_without(self.parts, self.held)


def moments_by_fold(
    question: Question, white: Floats32, targets: Floats32, pick: Bools, folds: int
) -> list[Moments]:
    """Return the moments of the donors ``pick`` [m] of each fold."""
    picks = [(question.folds == fold) & pick for fold in range(folds)]
    return [moments(white[at], targets[at], question.weights[at]) for at in picks]


def moments_without(parts: Sequence[Moments], held: int) -> Moments:
    """Return the moments of all folds but one."""
    first, *rest = (part for fold, part in enumerate(parts) if fold != held)
    return sum(rest, first)
