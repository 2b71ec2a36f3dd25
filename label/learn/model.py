"""The model of one attribute: scorers by fold, the pool of their evidence, calibrators and thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from label.learn.calibration import Calibrator, Threshold
from label.learn.combine import OpinionPool
from label.learn.label_noise import false_tag_probability
from label.learn.options import FitOptions
from label.learn.scorer import FoldScorers, Scores
from schema.arrays import Bools, Floats32, Floats64

APPLICABLE = 0.5
"""Below this probability that an attribute can be told at all, no value of it is predicted."""


@dataclass(frozen=True, slots=True)
class AttributeModel:
    """Everything needed to label items of one attribute and to explain the labels.

    ``recall`` is the share of what is there that taggers state, ``false_tags`` [v] how often they state each value
    wrongly, ``value_recall`` [v] the recall by value, for multi-label attributes.
    """

    name: str
    multi_label: bool
    values: tuple[str, ...]
    target_precision: float
    options: FitOptions
    folds: tuple[FoldScorers, ...]
    pool: OpinionPool
    applicability_pool: OpinionPool | None
    calibrators: tuple[Calibrator, ...]
    """One for each value of a multi-label attribute; one for the best value of a single-label one."""
    applicability_calibrator: Calibrator | None
    thresholds: tuple[Threshold, ...]
    may_be_absent: bool
    recall: float
    false_tags: Floats64
    ood_calibrator: Calibrator | None = None
    """The calibrator of pictures of a new style; None where no styles could be held out."""
    ood_thresholds: tuple[Threshold, ...] = ()
    noise_scorers: tuple[FoldScorers, ...] = ()
    """Scorers of observed values alone, by fold; labelled items that others contradict count for less in them."""
    noise_pool: OpinionPool | None = None
    value_recall: Floats64 = field(default_factory=lambda: np.empty(0))

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names of the kinds of evidence, in the order of the pool's weights."""
        return self.folds[0].kinds

    @property
    def recalls(self) -> Floats64:
        """The tagging recall of each value, float64 [v]."""
        return self.value_recall if self.multi_label else np.full(len(self.values), self.recall)

    def score(self, fold: int, coordinates: Sequence[Floats32], ood: Floats32) -> Scores:
        """Return the scores of items of one fold, at their coordinates for each projection of its scorers."""
        return self.folds[fold].score(coordinates, len(self.values), ood)

    def noise_shares(self, fold: int, coordinates: Sequence[Floats32]) -> Floats64:
        """Return what the noise scorers give each value of items at their coordinates, float64 [n, v]."""
        assert self.noise_pool is not None
        usual = np.zeros(len(coordinates[0]) if coordinates else 0, np.float32)
        return self.noise_pool(self.noise_scorers[fold].score(coordinates, len(self.values), usual).evidence)

    def applicability(self, scores: Scores) -> Floats64:
        """Return the probability that the attribute can be told of each item at all, float64 [n]."""
        if self.applicability_pool is None or self.applicability_calibrator is None:
            return np.ones(scores.evidence.shape[1])
        return self.applicability_calibrator(self.applicability_pool(scores.applicability[:, :, None])[:, 0])

    def probabilities(self, scores: Scores) -> Floats64:
        """Return calibrated probabilities float64 [n, v]."""
        shares = self.pool(scores.evidence)
        if self.multi_label:
            columns = [calibrate(shares[:, value]) for value, calibrate in enumerate(self.calibrators)]
            usual = np.stack(columns, axis=1)
            if self.ood_calibrator is None:
                return usual
            return _lowered(usual, self.ood_calibrator(shares), scores.ood[:, None])
        return self._single_label(shares, self.applicability(scores), scores.ood)

    def _single_label(self, shares: Floats64, applicability: Floats64, ood: Floats32) -> Floats64:
        best = shares.argmax(axis=1)
        top = shares[np.arange(len(best)), best]
        # Where there may be nothing to state, the probability shrinks; elsewhere a value is there, stated or not.
        raw = top * applicability if self.may_be_absent else top
        probability = self.calibrators[0](raw)
        if self.ood_calibrator is not None:
            probability = _lowered(probability, self.ood_calibrator(raw), ood)
        if not self.may_be_absent:
            probability = probability * (applicability >= APPLICABLE)
        # The calibrated probability is the best value's; the others divide the rest as they divide the pooled shares.
        found = shares * ((1 - probability) / np.maximum(1 - top, 1e-9))[:, None]
        found = np.minimum(found, probability[:, None])
        found[np.arange(len(best)), best] = probability
        found[probability <= 0] = 0
        return np.asarray(found)

    def reliability(self, scores: Scores, probabilities: Floats64, lowest_rate: float = 0.0) -> Floats64:
        """Return the probability that each value [n, v] is right, given that a tag states it.

        Above 0, ``lowest_rate`` is the rate of false tags supposed at least, and false tags are supposed to replace
        the right ones.
        """
        false_tags = np.maximum(self.false_tags, lowest_rate)
        if self.multi_label:
            wrong = false_tags * (1 - probabilities)
            return np.asarray(1 - wrong / np.maximum(wrong + self.value_recall * probabilities, 1e-12))
        applicability = self.applicability(scores)[:, None]
        shares = self.pool(scores.evidence)
        replaces = float(lowest_rate > 0)
        return 1 - false_tag_probability(shares, applicability, false_tags, self.recall, replaces)

    def thresholds_of(self, ood: Floats32) -> Floats64:
        """Return the threshold of each value, float64 [v] or, where it depends on the item, [n, v].

        The farther an item is out of distribution (``ood`` [n]), the nearer its threshold is to the one that was
        learned on styles held out whole.
        """
        usual = np.array([threshold.at for threshold in self.thresholds])
        if self.ood_calibrator is None:
            return usual
        pairs = zip(self.ood_thresholds, usual, strict=True)
        apart = np.array([max(threshold.at, at) for threshold, at in pairs])
        return np.asarray(usual + ood[:, None] * (apart - usual))

    def accept(self, scores: Scores, probabilities: Floats64) -> Bools:
        """Return which values the model gives, bool [n, v], when nothing is observed of the items."""
        return accepted(probabilities, self.thresholds_of(scores.ood), self.multi_label)


def accepted(probabilities: Floats64, thresholds: Floats64, multi_label: bool) -> Bools:
    """Return which values reach their threshold, bool [n, v]; of a single-label attribute the likeliest alone."""
    reached: Bools = probabilities >= thresholds
    if not multi_label and probabilities.shape[1]:
        best = probabilities.argmax(axis=1)
        reached &= np.arange(probabilities.shape[1]) == best[:, None]
    return reached


def _lowered(usual: Floats64, apart: Floats64, ood: npt.NDArray[np.floating]) -> Floats64:
    """Return probabilities between the usual ones and those of a new style, where these are lower."""
    return np.asarray(usual + ood * (np.minimum(usual, apart) - usual))
