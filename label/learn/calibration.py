"""From a raw score to a probability, and from a probability to a threshold that keeps a promise.

A curve is a logistic in the log odds of the score, bent by an isotonic step where there are donors enough to bend
it; it never turns the order of two items round. A threshold is the lowest one whose lower Clopper-Pearson bound on
held-out items meets the asked precision; too few held-out items mean silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from schema.arrays import Floats64

Weights = npt.NDArray[np.floating]
EDGE = 1e-6


@dataclass(frozen=True, slots=True)
class Curve:
    """A rising function of scores: sigmoid(``slope`` * logit(score) + ``bias``), then ``x`` to ``y`` between knots."""

    slope: float
    bias: float
    x: Floats64
    y: Floats64

    def __call__(self, scores: Weights) -> Floats64:
        """Return probabilities float64 [n] of raw scores [n] in 0 to 1."""
        q = np.clip(np.asarray(scores, np.float64), EDGE, 1 - EDGE)
        smooth = 1 / (1 + np.exp(-(self.slope * (np.log(q) - np.log1p(-q)) + self.bias)))
        return np.asarray(np.interp(smooth, self.x, self.y))


def fit_curve(scores: Weights, hits: Weights, weights: Weights | None = None) -> Curve:
    """Return the curve from scores [n] to the share of hits [n], each between 0 and 1."""
    from scipy.optimize import minimize

    none = np.array([0.0, 1.0])
    if not len(scores):
        return Curve(1.0, 0.0, none, none)
    q = np.clip(np.asarray(scores, np.float64), EDGE, 1 - EDGE)
    z = np.log(q) - np.log1p(-q)
    y = np.asarray(hits, np.float64)
    w = np.ones(len(y)) if weights is None else np.asarray(weights, np.float64)

    def loss(flat: Floats64) -> tuple[float, Floats64]:
        t = flat[0] * z + flat[1]
        p = 1 / (1 + np.exp(-t))
        error = w * (p - y)
        # Drawn to the identity with the strength of a few donors.
        value = float(w @ (np.logaddexp(0, t) - t * y)) + (flat[0] - 1) ** 2 + flat[1] ** 2 / 2
        return value, np.array([error @ z + 2 * (flat[0] - 1), error.sum() + flat[1]])

    found = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=[(0.05, 5), (-8, 8)])
    slope, bias = float(found.x[0]), float(found.x[1])
    smooth = 1 / (1 + np.exp(-(slope * z + bias)))
    knots, steps = isotonic(smooth, y, w)
    # The steps are trusted as far as they rest on many donors: half and half at 500.
    trust = len(y) / (len(y) + 500)
    grid = np.unique(
        np.concatenate([none, np.linspace(0, 1, 101), np.quantile(smooth, np.linspace(0, 1, 101))])
    )
    bent = (1 - trust) * grid + trust * np.interp(grid, knots, steps)
    return Curve(slope, bias, grid, np.maximum.accumulate(bent))


def isotonic(scores: Weights, hits: Weights, weights: Weights) -> tuple[Floats64, Floats64]:
    """Return knots and steps of the rising function of scores closest to hits, by pool adjacent violators.

    Steps are drawn in from 0 and 1 by half a donor at each end, where no sample can put a probability.
    """
    from scipy.optimize import isotonic_regression

    order = np.argsort(scores, kind="stable")
    x, y = np.asarray(scores, np.float64)[order], np.asarray(hits, np.float64)[order]
    w = np.maximum(np.asarray(weights, np.float64)[order], 1e-9)
    found = isotonic_regression(y, weights=w)
    starts = found.blocks[:-1]
    mass = np.add.reduceat(w, starts)
    centres = np.add.reduceat(w * x, starts) / mass
    steps = (np.add.reduceat(w * y, starts) + 0.5) / (mass + 1)
    return centres, np.maximum.accumulate(steps)


def lower_bound(hits: Weights, total: Weights, confidence: float) -> Floats64:
    """Return the one-sided Clopper-Pearson lower bound of hits out of total; 0 where there are no hits."""
    from scipy.special import betaincinv

    good = np.asarray(hits, np.float64)
    all_ = np.asarray(total, np.float64)
    found = betaincinv(np.maximum(good, 1e-9), all_ - good + 1, 1 - confidence)
    return np.asarray(np.where(good <= 0, 0.0, found))


def upper_bound(hits: Weights, total: Weights, confidence: float) -> Floats64:
    """Return the one-sided Clopper-Pearson upper bound of hits out of total."""
    return np.asarray(1 - lower_bound(np.asarray(total) - np.asarray(hits), total, confidence))


@dataclass(frozen=True, slots=True)
class Threshold:
    """The lowest accepted probability of a value, and the held-out evidence; ``at`` above 1 means never."""

    at: float
    hits: float
    total: float
    reason: str


NEVER = 2.0
LIKELY = 0.5
"""What is less likely than not is never accepted, however good the company it is in."""


OWN = 8
"""Held-out items of its own above a threshold: fewer, and a value would be carried by the others alone. Its own share
must meet what is asked, too."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Held-out predictions of one value: calibrated ``chances`` [n], ``hits`` [n] and how much each counts."""

    chances: Floats64
    hits: Weights
    mass: Weights


def choose_thresholds(
    trials: Sequence[Trial],
    asked: float | Floats64,
    confidence: float,
    min_support: int,
    pooled: bool = True,
) -> tuple[Threshold, ...]:
    """Return for each value the lowest threshold whose lower precision bound meets ``asked``, one for all or by value.

    The bound of a value is the quantile of a beta posterior. Its prior comes from the other values at the same
    threshold, and counts for as many items as the values are seen to agree (empirical Bayes; Robbins, 1956);
    without ``pooled`` it counts for none, and the bound is Clopper and Pearson's.
    """
    everything = np.concatenate([np.asarray(trial.chances) for trial in trials]) if trials else np.empty(0)
    if not len(everything):
        return tuple(Threshold(NEVER, 0.0, 0.0, "no held-out items") for _ in trials)
    likely = everything[everything >= LIKELY]
    grid = np.linspace(LIKELY, 1, 51)
    if len(likely):
        grid = np.unique(np.concatenate([grid, np.quantile(likely, np.linspace(0, 1, 400))]))
    right = np.zeros((len(trials), len(grid)))
    count = np.zeros((len(trials), len(grid)))
    for at, trial in enumerate(trials):
        order = np.argsort(-np.asarray(trial.chances), kind="stable")
        mass = np.asarray(trial.mass, np.float64)[order]
        good = np.concatenate([[0.0], np.cumsum(mass * np.asarray(trial.hits, np.float64)[order])])
        total = np.concatenate([[0.0], np.cumsum(mass)])
        place = np.searchsorted(-np.asarray(trial.chances)[order], -grid, side="right")
        right[at], count[at] = good[place], total[place]
    prior, strength = _prior(right, count) if pooled else (np.zeros_like(right), np.zeros(len(grid)))
    found = []
    wanted = np.broadcast_to(np.asarray(asked, np.float64), len(trials))
    for at, trial in enumerate(trials):
        support = float((np.asarray(trial.mass) * trial.hits).sum())
        total_of = float(np.asarray(trial.mass).sum())
        if support < min_support:
            found.append(
                Threshold(NEVER, support, total_of, f"{support:.0f} held-out items, {min_support} needed")
            )
            continue
        bound = quantile_bound(right[at] + prior[at] * strength, count[at] + strength, confidence)
        own = (count[at] >= OWN) & (right[at] >= wanted[at] * count[at])
        places = np.flatnonzero((bound >= wanted[at]) & own)
        if not len(places):
            reason = f"no threshold reaches {wanted[at]:.3g} on {total_of:.0f} held-out items"
            found.append(Threshold(NEVER, support, total_of, reason))
        else:
            low = int(places[0])
            found.append(Threshold(float(grid[low]), float(right[at, low]), float(count[at, low]), ""))
    return tuple(found)


MOST_AGREEMENT = 60.0
"""The prior never counts for more than this many items, however alike the values look."""


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
    strength = np.clip(noise / between - 1, 0, MOST_AGREEMENT)
    strength = np.minimum(strength, others_count.min(axis=0))
    return np.asarray(prior), np.asarray(np.where(values > 1, strength, 0.0))


def quantile_bound(hits: Weights, total: Weights, confidence: float) -> Floats64:
    """Return the lower bound of hits out of total, fractions allowed: Clopper and Pearson's on whole numbers."""
    return lower_bound(hits, total, confidence)


def expected_error(chances: Floats64, hits: Weights, bins: int = 15, weights: Weights | None = None) -> float:
    """Return the expected calibration error over equal-mass bins: |probability - precision| weighted by mass."""
    n = len(chances)
    if not n:
        return 0.0
    w = np.ones(n) if weights is None else np.maximum(np.asarray(weights, np.float64), 1e-12)
    parts = np.array_split(np.argsort(chances, kind="stable"), min(bins, n))
    gaps = (abs(float(w[p] @ chances[p]) - float(w[p] @ np.asarray(hits)[p])) for p in parts)
    return float(sum(gaps) / w.sum())
