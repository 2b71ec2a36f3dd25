"""From a raw score to a probability, and from a probability to a threshold that keeps a promise.

A calibrator is a logistic in the log odds of the score, bent by an isotonic step where there are held-out items enough
to bend it; it never reverses the order of two items. A threshold is the lowest one whose lower Clopper-Pearson bound on
held-out items meets the target precision; with too few held-out items a value abstains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from schema.arrays import Floats64
from schema.numbers.statistics import lower_bound

Numbers = npt.NDArray[np.floating]
EDGE = 1e-6
"""Scores are kept this far from 0 and 1, where log odds are infinite."""
STEPS_TRUSTED = 500
"""Held-out items at which the isotonic step counts for half."""
NEVER = 2.0
"""A threshold that no probability reaches."""
LIKELY = 0.5
"""What is less likely than not is never accepted, whatever its neighbours in the ranking are."""
OWN_ITEMS = 8
"""Held-out items of its own that a value needs above its threshold, with the target precision among them: otherwise it
would be carried by the other values alone."""
STRONGEST_PRIOR = 60.0
"""The prior never counts for more than this many items, however alike the values look."""


@dataclass(frozen=True, slots=True)
class Calibrator:
    """A rising function of scores: sigmoid(``slope`` * logit(score) + ``bias``), then ``x`` to ``y`` between knots."""

    slope: float
    bias: float
    x: Floats64
    y: Floats64

    def __call__(self, scores: Numbers) -> Floats64:
        """Return probabilities float64 [n] of raw scores [n] in 0 to 1."""
        q = np.clip(np.asarray(scores, np.float64), EDGE, 1 - EDGE)
        smooth = 1 / (1 + np.exp(-(self.slope * (np.log(q) - np.log1p(-q)) + self.bias)))
        return np.asarray(np.interp(smooth, self.x, self.y))

    def divided(self, recall: float) -> Calibrator:
        """Return the calibrator of what is there, where taggers state only the share ``recall`` of it."""
        return Calibrator(self.slope, self.bias, self.x, np.minimum(self.y / recall, 1.0))


ENDS = np.array([0.0, 1.0])
IDENTITY = Calibrator(1.0, 0.0, ENDS, ENDS)


def fit_calibrator(scores: Numbers, hits: Numbers, weights: Numbers | None = None) -> Calibrator:
    """Return the calibrator from scores [n] to the share of hits [n], each between 0 and 1."""
    from scipy.optimize import minimize

    if not len(scores):
        return IDENTITY
    q = np.clip(np.asarray(scores, np.float64), EDGE, 1 - EDGE)
    z = np.log(q) - np.log1p(-q)
    y = np.asarray(hits, np.float64)
    w = np.ones(len(y)) if weights is None else np.asarray(weights, np.float64)

    def loss(flat: Floats64) -> tuple[float, Floats64]:
        t = flat[0] * z + flat[1]
        p = 1 / (1 + np.exp(-t))
        error = w * (p - y)
        # Drawn towards the identity with the strength of a few items.
        value = float(w @ (np.logaddexp(0, t) - t * y)) + (flat[0] - 1) ** 2 + flat[1] ** 2 / 2
        return value, np.array([error @ z + 2 * (flat[0] - 1), error.sum() + flat[1]])

    fitted = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=[(0.05, 5), (-8, 8)])
    slope, bias = float(fitted.x[0]), float(fitted.x[1])
    smooth = 1 / (1 + np.exp(-(slope * z + bias)))
    knots, steps = isotonic(smooth, y, w)
    trust = len(y) / (len(y) + STEPS_TRUSTED)
    quantiles = np.quantile(smooth, np.linspace(0, 1, 101))
    grid = np.unique(np.concatenate([ENDS, np.linspace(0, 1, 101), quantiles]))
    bent = (1 - trust) * grid + trust * np.interp(grid, knots, steps)
    return Calibrator(slope, bias, grid, np.maximum.accumulate(bent))


def isotonic(scores: Numbers, hits: Numbers, weights: Numbers) -> tuple[Floats64, Floats64]:
    """Return knots and steps of the rising function of scores closest to hits, by pool adjacent violators.

    Steps are drawn in from 0 and 1 by half an item at each end, where no sample can put a probability.
    """
    from scipy.optimize import isotonic_regression

    order = np.argsort(scores, kind="stable")
    x, y = np.asarray(scores, np.float64)[order], np.asarray(hits, np.float64)[order]
    w = np.maximum(np.asarray(weights, np.float64)[order], 1e-9)
    starts = isotonic_regression(y, weights=w).blocks[:-1]
    mass = np.add.reduceat(w, starts)
    centres = np.add.reduceat(w * x, starts) / mass
    steps = (np.add.reduceat(w * y, starts) + 0.5) / (mass + 1)
    return centres, np.maximum.accumulate(steps)


@dataclass(frozen=True, slots=True)
class Threshold:
    """The lowest accepted probability of a value, ``at`` (above 1: the value abstains, for a ``reason``), and the
    held-out evidence for it: right ones and all above it."""

    at: float
    hits: float
    total: float
    reason: str


@dataclass(frozen=True, slots=True)
class HeldOutPredictions:
    """Held-out predictions of one value: calibrated ``probabilities`` [n], ``hits`` [n] and how much each counts."""

    probabilities: Floats64
    hits: Numbers
    weights: Numbers


def choose_thresholds(
    predictions: Sequence[HeldOutPredictions],
    target: float | Floats64,
    confidence: float,
    min_support: int,
    pooled: bool = True,
) -> tuple[Threshold, ...]:
    """Return for each value the lowest threshold whose lower precision bound meets ``target``, for all or by value.

    The bound of a value is the quantile of a beta posterior. Its prior comes from the other values at the same
    threshold, and counts for as many items as the values are seen to agree (empirical Bayes; Robbins, 1956);
    without ``pooled`` it counts for none, and the bound is Clopper and Pearson's.
    """
    if not sum(len(each.probabilities) for each in predictions):
        return tuple(Threshold(NEVER, 0.0, 0.0, "no held-out items") for _ in predictions)
    grid = _candidates(predictions)
    right, count = _cumulative(predictions, grid)
    prior, strength = _prior(right, count) if pooled else (np.zeros_like(right), np.zeros(len(grid)))
    targets = np.broadcast_to(np.asarray(target, np.float64), len(predictions))
    thresholds = []
    for value, each in enumerate(predictions):
        support = float((np.asarray(each.weights) * each.hits).sum())
        total = float(np.asarray(each.weights).sum())
        if support < min_support:
            reason = f"{support:.0f} held-out items, {min_support} needed"
            thresholds.append(Threshold(NEVER, support, total, reason))
            continue
        bound = lower_bound(right[value] + prior[value] * strength, count[value] + strength, confidence)
        own = (count[value] >= OWN_ITEMS) & (right[value] >= targets[value] * count[value])
        reached = np.flatnonzero((bound >= targets[value]) & own)
        if not len(reached):
            reason = f"no threshold reaches {targets[value]:.3g} on {total:.0f} held-out items"
            thresholds.append(Threshold(NEVER, support, total, reason))
            continue
        low = int(reached[0])
        thresholds.append(Threshold(float(grid[low]), float(right[value, low]), float(count[value, low]), ""))
    return tuple(thresholds)


def _candidates(predictions: Sequence[HeldOutPredictions]) -> Floats64:
    """Return the thresholds that are tried, ascending [g]: even steps, and quantiles of what is likely."""
    everything = np.concatenate([np.asarray(each.probabilities) for each in predictions])
    likely = everything[everything >= LIKELY]
    grid = np.linspace(LIKELY, 1, 51)
    if not len(likely):
        return grid
    return np.unique(np.concatenate([grid, np.quantile(likely, np.linspace(0, 1, 400))]))


def _cumulative(predictions: Sequence[HeldOutPredictions], grid: Floats64) -> tuple[Floats64, Floats64]:
    """Return how many held-out items of each value are right, and how many there are, at or above each threshold."""
    right = np.zeros((len(predictions), len(grid)))
    count = np.zeros((len(predictions), len(grid)))
    for value, each in enumerate(predictions):
        order = np.argsort(-np.asarray(each.probabilities), kind="stable")
        weights = np.asarray(each.weights, np.float64)[order]
        hits = np.concatenate([[0.0], np.cumsum(weights * np.asarray(each.hits, np.float64)[order])])
        total = np.concatenate([[0.0], np.cumsum(weights)])
        above = np.searchsorted(-np.asarray(each.probabilities)[order], -grid, side="right")
        right[value], count[value] = hits[above], total[above]
    return right, count


def _prior(right: Floats64, count: Floats64) -> tuple[Floats64, Floats64]:
    """Return the prior precision [v, g] from the other values, and its worth in items [g] by the moments."""
    others_right = right.sum(axis=0) - right
    others_count = count.sum(axis=0) - count
    # Half a miss more than was seen: no values are known to be never wrong.
    prior = others_right / np.maximum(others_count + 0.5, 0.5)
    total = count.sum(axis=0)
    mean = right.sum(axis=0) / np.maximum(total, 1e-9)
    share = right / np.maximum(count, 1e-9)
    values = (count > 0).sum(axis=0)
    spread = (count * (share - mean) ** 2).sum(axis=0)
    noise = mean * (1 - mean)
    scale = total - (count**2).sum(axis=0) / np.maximum(total, 1e-9)
    between = np.maximum((spread - (values - 1) * noise) / np.maximum(scale, 1e-9), 1e-9)
    strength = np.clip(noise / between - 1, 0, STRONGEST_PRIOR)
    strength = np.minimum(strength, others_count.min(axis=0))
    return np.asarray(prior), np.asarray(np.where(values > 1, strength, 0.0))


def expected_calibration_error(
    probabilities: Floats64, hits: Numbers, bins: int = 15, weights: Numbers | None = None
) -> float:
    """Return the expected calibration error over equal-mass bins: |probability - precision| weighted by mass."""
    n = len(probabilities)
    if not n:
        return 0.0
    w = np.ones(n) if weights is None else np.maximum(np.asarray(weights, np.float64), 1e-12)
    parts = np.array_split(np.argsort(probabilities, kind="stable"), min(bins, n))
    gaps = (abs(float(w[p] @ probabilities[p]) - float(w[p] @ np.asarray(hits)[p])) for p in parts)
    return float(sum(gaps) / w.sum())
