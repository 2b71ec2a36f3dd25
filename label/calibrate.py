"""From a raw score to a probability, and from a probability to a threshold that keeps a promise.

A curve is a logistic in the log odds of the score, bent by an isotonic step where there are donors enough to bend
it; it never turns the order of two items round. A threshold is the lowest one whose lower Clopper-Pearson bound on
held-out items meets the asked precision; too few held-out items mean silence.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Weights = npt.NDArray[np.floating]
EDGE = 1e-6


@dataclass(frozen=True, slots=True)
class Curve:
    """A rising function of scores: sigmoid(``slope`` * logit(score) + ``bias``), then ``x`` to ``y`` between knots."""

    slope: float
    bias: float
    x: Doubles
    y: Doubles

    def __call__(self, scores: Weights) -> Doubles:
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

    def loss(flat: Doubles) -> tuple[float, Doubles]:
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
    grid = np.unique(np.concatenate([none, np.linspace(0, 1, 101), np.quantile(smooth, np.linspace(0, 1, 101))]))
    bent = (1 - trust) * grid + trust * np.interp(grid, knots, steps)
    return Curve(slope, bias, grid, np.maximum.accumulate(bent))


def isotonic(scores: Weights, hits: Weights, weights: Weights) -> tuple[Doubles, Doubles]:
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


def lower_bound(hits: Weights, total: Weights, confidence: float) -> Doubles:
    """Return the one-sided Clopper-Pearson lower bound of hits out of total; 0 where there are no hits."""
    from scipy.special import betaincinv

    good = np.asarray(hits, np.float64)
    all_ = np.asarray(total, np.float64)
    found = betaincinv(np.maximum(good, 1e-9), all_ - good + 1, 1 - confidence)
    return np.asarray(np.where(good <= 0, 0.0, found))


@dataclass(frozen=True, slots=True)
class Threshold:
    """The lowest accepted probability of a value, and the held-out evidence; ``at`` above 1 means never."""

    at: float
    hits: float
    total: float
    reason: str


NEVER = 2.0


def choose_threshold(
    chances: Doubles, hits: Weights, weights: Weights, asked: float, confidence: float, min_support: int
) -> Threshold:
    """Return the lowest threshold whose lower precision bound meets ``asked`` on held-out predictions of one value."""
    total = float(np.sum(weights))
    right_of_all = float(np.sum(weights * hits))
    if right_of_all < min_support:
        return Threshold(NEVER, right_of_all, total, f"{right_of_all:.0f} held-out items, {min_support} needed")
    order = np.argsort(-chances, kind="stable")
    p = chances[order]
    right = np.cumsum((weights * hits)[order])
    count = np.cumsum(np.asarray(weights, np.float64)[order])
    ends = np.append(p[1:] < p[:-1], True)
    good = ends & (lower_bound(right, count, confidence) >= asked)
    places = np.flatnonzero(good)
    if not len(places):
        return Threshold(NEVER, right_of_all, total, f"no threshold reaches {asked:g} on {total:.0f} held-out items")
    at = int(places[-1])
    return Threshold(float(p[at]), float(right[at]), float(count[at]), "")


def expected_error(chances: Doubles, hits: Weights, bins: int = 15) -> float:
    """Return the expected calibration error over equal-mass bins: |probability - precision| weighted by mass."""
    n = len(chances)
    if not n:
        return 0.0
    parts = np.array_split(np.argsort(chances, kind="stable"), min(bins, n))
    return float(sum(abs(chances[p].mean() - hits[p].mean()) * len(p) for p in parts) / n)
