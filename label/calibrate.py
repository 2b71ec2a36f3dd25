"""From a raw score to a probability, and from a probability to a threshold that keeps a promise.

Calibration is isotonic, so it never turns the order of two items round. A threshold is the lowest one whose lower
Clopper-Pearson bound on held-out items meets the asked precision; too few held-out items mean silence.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Isotonic:
    """A rising step function, linear between its knots: ``x`` and ``y`` float64 [knots]."""

    x: Floats
    y: Floats

    def __call__(self, scores: npt.NDArray[np.floating]) -> Floats:
        """Return probabilities float64 [n] of raw scores [n]."""
        if not len(self.x):
            return np.zeros(len(scores))
        found: Floats = np.interp(scores, self.x, self.y)
        return found


def fit_isotonic(scores: npt.NDArray[np.floating], hits: npt.NDArray[np.floating], bins: int = 0) -> Isotonic:
    """Return the rising function of scores [n] closest to hits [n] (0 to 1) by pool adjacent violators.

    Two hits and two misses of half weight at the ends keep the answer off 0 and 1, where no sample can put it.
    ``bins`` above 0 first pools the scores into so many equal-mass bins.
    """
    if not len(scores):
        return Isotonic(np.empty(0), np.empty(0))
    order = np.argsort(scores, kind="stable")
    x, y = scores[order].astype(np.float64), hits[order].astype(np.float64)
    weight = np.ones(len(x))
    if 0 < bins < len(x):
        edges = np.linspace(0, len(x), bins + 1).astype(int)[:-1]
        weight = np.add.reduceat(weight, edges)
        x, y = np.add.reduceat(x, edges) / weight, np.add.reduceat(y, edges) / weight
    means: list[float] = []
    masses: list[float] = []
    firsts: list[int] = []
    for at in range(len(x)):
        mean, mass, first = y[at], weight[at], at
        while means and means[-1] >= mean:
            mean = (mean * mass + means[-1] * masses[-1]) / (mass + masses[-1])
            mass += masses.pop()
            means.pop()
            first = firsts.pop()
        means.append(mean)
        masses.append(mass)
        firsts.append(first)
    bounds = [*firsts, len(x)]
    centres = [float(np.average(x[a:b], weights=weight[a:b])) for a, b in itertools.pairwise(bounds)]
    shrunk = [(m * w + 0.5) / (w + 1.0) if w < 50 else m for m, w in zip(means, masses, strict=True)]
    return Isotonic(np.array(centres), np.maximum.accumulate(np.array(shrunk)))


def lower_bound(hits: npt.ArrayLike, total: npt.ArrayLike, confidence: float) -> Floats:
    """Return the one-sided Clopper-Pearson lower bound of hits out of total; 0 where there are no hits."""
    from scipy.special import betaincinv

    hits = np.asarray(hits, np.float64)
    total = np.asarray(total, np.float64)
    found = betaincinv(np.maximum(hits, 1e-9), total - hits + 1, 1 - confidence)
    bounded: Floats = np.where(hits <= 0, 0.0, found)
    return bounded


@dataclass(frozen=True, slots=True)
class Threshold:
    """The lowest accepted probability of a value, and the held-out evidence; ``at`` above 1 means never."""

    at: float
    hits: float
    total: float
    reason: str


def choose_threshold(
    probabilities: Floats, hits: npt.NDArray[np.floating], asked: float, confidence: float, min_support: int
) -> Threshold:
    """Return the lowest threshold whose lower precision bound meets ``asked`` on held-out predictions of one value."""
    total = len(probabilities)
    if total < min_support:
        return Threshold(2.0, float(hits.sum()), total, f"only {total} held-out items, {min_support} needed")
    order = np.argsort(-probabilities, kind="stable")
    sorted_p = probabilities[order]
    right = np.cumsum(hits[order])
    count = np.arange(1, total + 1)
    ends = np.append(sorted_p[1:] < sorted_p[:-1], True)
    good = ends & (lower_bound(right, count, confidence) >= asked)
    places = np.flatnonzero(good)
    if not len(places):
        return Threshold(2.0, float(right[-1]), total, f"no threshold reaches {asked:g} with confidence")
    at = int(places[-1])
    return Threshold(float(sorted_p[at]), float(right[at]), float(count[at]), "")


def expected_error(probabilities: Floats, hits: npt.NDArray[np.floating], bins: int = 15) -> float:
    """Return the expected calibration error over equal-mass bins: mean |probability - precision|, weighted by mass."""
    n = len(probabilities)
    if not n:
        return 0.0
    order = np.argsort(probabilities, kind="stable")
    parts = np.array_split(order, min(bins, n))
    return float(sum(abs(probabilities[p].mean() - hits[p].mean()) * len(p) for p in parts) / n)
