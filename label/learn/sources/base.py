"""What a source of scorers is: it learns one attribute from the labelled items of other folds, or knows it beforehand.

A scorer only gives evidence: a pool weighs it against the other scorers on held-out items, and a calibrated threshold
decides whether a value is given.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from label.data.dataset import Dataset
from label.data.task import AttributeTask
from label.learn.features import FeatureMap
from label.learn.options import FitOptions
from label.learn.scorer import Scorer
from label.learn.subspace import Moments, moments
from schema.arrays import Bools, Floats32


class ScorerSource(ABC):
    """Fits scorers; listed in SCORERS and switched on in ``label.sources``."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    @abstractmethod
    def fit(self, data: FoldData) -> Scorer | None:
        """Return the scorer of one fold, fitted on the labelled items of the other ones; None for all folds of an
        attribute of which the source knows nothing."""


@dataclass(frozen=True, slots=True)
class FitData:
    """A task with the features of its labelled items [m] in both forms, and how it is learned."""

    task: AttributeTask
    plain: Floats32
    white: Floats32
    features: FeatureMap
    options: FitOptions

    @property
    def with_values(self) -> Bools:
        """Items that can be learned from, bool [m]: all of a multi-label attribute, else those with a value."""
        return np.ones(len(self.task.rows), bool) if self.task.multi_label else self.task.labelled


@dataclass(slots=True)
class FoldData:
    """What the scorers of the fold ``held_out`` may learn from; ``moments_of_folds`` is shared by all folds."""

    data: FitData
    held_out: int
    moments_of_folds: list[Moments] = field(default_factory=list)

    @property
    def train(self) -> Bools:
        """Labelled items of the other folds, bool [m]."""
        return np.asarray(self.data.task.folds != self.held_out)

    @property
    def train_with_values(self) -> Bools:
        """Those of them that can be learned from, bool [m]."""
        return self.train & self.data.with_values

    def moments(self) -> Moments:
        """Return the moments of the items to learn from; those of single folds are summed once for all folds."""
        data = self.data
        if not self.moments_of_folds:
            self.moments_of_folds += moments_by_fold(data, data.task.targets, data.with_values)
        return moments_without(self.moments_of_folds, self.held_out)


def moments_by_fold(data: FitData, targets: Floats32, chosen: Bools) -> list[Moments]:
    """Return the moments of the ``chosen`` labelled items [m] of each fold, with ``targets`` [m, v]."""
    task = data.task
    by_fold = [(task.folds == fold) & chosen for fold in range(data.options.folds)]
    return [moments(data.white[places], targets[places], task.weights[places]) for places in by_fold]


def moments_without(by_fold: Sequence[Moments], held_out: int) -> Moments:
    """Return the moments of all folds but one."""
    first, *rest = (part for fold, part in enumerate(by_fold) if fold != held_out)
    return sum(rest, first)
