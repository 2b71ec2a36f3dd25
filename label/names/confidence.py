"""From what a match looks like to a probability, and from that to a threshold: fitted on held-out pictures.

Held out are pictures whose name has others among the references, and pictures of names that were left out whole, so
that whoever is no known name is rehearsed too: any name given to those is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from label.learn.calibration import (
    Calibrator,
    HeldOutPredictions,
    Threshold,
    choose_thresholds,
    fit_calibrator,
)
from schema.arrays import Bools, Floats32, Floats64, Ints
from schema.numbers.statistics import upper_bound

SIZES = (2, 5, 20)
"""Names with fewer reference pictures than these share a threshold: 1, 2 to 4, 5 to 19, 20 and more."""
LEFT_OUT = 0.2
"""Share of names that is left out whole in a rehearsal."""
EVEN = 0.5
"""The bound on strangers who are named is one that is as often too high as too low."""
EVIDENCE = 20
"""Held-out pictures that a threshold needs."""


@dataclass(frozen=True, slots=True)
class Logistic:
    """Probability = sigmoid(((features - ``mean``) / ``scale``) @ ``weights`` + ``bias``)."""

    mean: Floats64
    scale: Floats64
    weights: Floats64
    bias: float

    def __call__(self, features: Floats32) -> Floats64:
        """Return probabilities float64 [n] of features [n, p]."""
        z = (_bounded(features) - self.mean) / self.scale
        return np.asarray(1 / (1 + np.exp(-np.clip(z @ self.weights + self.bias, -30, 30))))


def _bounded(features: Floats32) -> npt.NDArray[np.floating]:
    return np.clip(np.nan_to_num(features, neginf=-60, posinf=60), -60, 60)


def fit_logistic(features: Floats32, hits: Bools, mass: Floats64) -> Logistic:
    """Return the logistic regression of ``hits`` [n] on features [n, p], drawn a little towards no effect."""
    from scipy.optimize import minimize

    x = _bounded(features).astype(np.float64)
    mean, scale = x.mean(axis=0), x.std(axis=0) + 1e-6
    z = (x - mean) / scale
    y = hits.astype(np.float64)

    def loss(flat: Floats64) -> tuple[float, Floats64]:
        t = z @ flat[:-1] + flat[-1]
        error = mass * (1 / (1 + np.exp(-np.clip(t, -30, 30))) - y)
        value = float(mass @ (np.logaddexp(0, t) - t * y)) + float(flat[:-1] @ flat[:-1]) / 2
        return value, np.append(z.T @ error + flat[:-1], error.sum())

    fitted = minimize(loss, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B")
    return Logistic(mean, scale, np.asarray(fitted.x[:-1]), float(fitted.x[-1]))


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A logistic regression, and what bends it to the shares that were seen."""

    logistic: Logistic
    calibrator: Calibrator

    def __call__(self, features: Floats32) -> Floats64:
        """Return probabilities float64 [n] of features [n, p]."""
        return self.calibrator(self.logistic(features))


def fit_calibrated(features: Floats32, hits: Bools, mass: Floats64) -> Calibrated:
    """Return the probability of ``hits`` [n] by features [n, p], each counted by ``mass`` [n]."""
    logistic = fit_logistic(features, hits, mass)
    return Calibrated(logistic, fit_calibrator(logistic(features), hits.astype(np.float64), mass))


@dataclass(frozen=True, slots=True)
class Trials:
    """Held-out matches: ``features`` [n, p], whether the best name was right, whether the picture was a stranger's,
    how many references the best name had, the ``folds`` [n] they were held out in, and how likely the name that was
    stated is ``wrong`` [n]: such a picture tells little of who is right."""

    features: Floats32
    right: Bools
    stranger: Bools
    counts: Ints
    folds: Ints
    wrong: Floats64


@dataclass(frozen=True, slots=True)
class Confidence:
    """Gives matches their probability, and says from which one on a name is given, by size of the name."""

    probabilities: Calibrated
    """The probability that the best name is right, float64 [n], of features [n, 4]."""
    thresholds: tuple[Threshold, ...]

    def accepted(self, probabilities: Floats64, counts: Ints) -> Bools:
        """Return which names are given, bool [n]."""
        least = np.array([threshold.at for threshold in self.thresholds])
        return np.asarray(probabilities >= least[size_class(counts)])


def size_class(counts: Ints) -> Ints:
    """Return the class of size of names with so many reference pictures, int64 [n]."""
    return np.searchsorted(np.array(SIZES), counts, side="right")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of names: their precision, at which bound, the share of strangers among unnamed pictures, and the
    share of strangers that may be given a name."""

    precision: float
    confidence: float
    strangers: float
    stranger_rate: float


def fit_confidence(trials: Trials, wanted: Wanted) -> tuple[Confidence, Floats64]:
    """Return the confidence learned from trials, and the probabilities [n] of the trials themselves, each by what was
    learned of the other folds."""
    mass = _mass(trials.stranger, wanted.strangers) * (1 - trials.wrong)
    held_out = np.zeros(len(mass))
    for fold in np.unique(trials.folds):
        out = trials.folds == fold
        learned = fit_calibrated(trials.features[~out], trials.right[~out], mass[~out])
        held_out[out] = learned(trials.features[out])
    sizes = size_class(trials.counts)
    predictions = [
        HeldOutPredictions(held_out[sizes == size], trials.right[sizes == size], mass[sizes == size])
        for size in range(len(SIZES) + 1)
    ]
    thresholds = choose_thresholds(predictions, wanted.precision, wanted.confidence, EVIDENCE)
    together = choose_thresholds(
        [HeldOutPredictions(held_out, trials.right.astype(np.float64), mass)],
        wanted.precision,
        wanted.confidence,
        EVIDENCE,
    )[0]
    thresholds = tuple(
        each if not each.reason else _shared(each, one, together, wanted.precision)
        for each, one in zip(thresholds, predictions, strict=True)
    )
    strict = _least_for_strangers(held_out[trials.stranger], 1 - trials.wrong[trials.stranger], wanted)
    thresholds = tuple(
        Threshold(max(each.at, strict), each.hits, each.total, each.reason) for each in thresholds
    )
    return Confidence(fit_calibrated(trials.features, trials.right, mass), thresholds), held_out


def _shared(own: Threshold, one: HeldOutPredictions, together: Threshold, precision: float) -> Threshold:
    """Return the threshold of all sizes together for a size that has too few pictures for one of its own, provided that
    those it has agree with it."""
    if together.reason:
        return own
    above = one.probabilities >= together.at
    total = float(one.weights[above].sum())
    hits = float((one.weights * one.hits)[above].sum())
    return Threshold(together.at, hits, total, "") if total and hits >= precision * total else own


def _mass(stranger: Bools, share: float) -> Floats64:
    """Return how much each trial counts, so that strangers are the expected share of all; the sum stays."""
    n, strangers = len(stranger), int(stranger.sum())
    mass = np.ones(n)
    if 0 < strangers < n:
        mass[stranger] = share * n / strangers
        mass[~stranger] = (1 - share) * n / (n - strangers)
    return mass


def _least_for_strangers(probabilities: Floats64, mass: Floats64, wanted: Wanted) -> float:
    """Return the lowest threshold that names at most the wanted share of strangers, counted by ``mass`` [n] and
    judged by the upper bound."""
    if not mass.sum() > 0:
        return 0.0
    order = np.argsort(-probabilities, kind="stable")
    named = np.concatenate([[0.0], np.cumsum(mass[order])])
    bound = upper_bound(named, np.full(len(named), named[-1]), EVEN)
    # The bound rises with every stranger that is named. In rehearsals a fifth of the names was missing: with all of
    # them there are more to be taken for.
    rate = wanted.stranger_rate * (1 - LEFT_OUT)
    allowed = int(np.flatnonzero(bound <= rate)[-1]) if bound[0] <= rate else 0
    return 0.0 if allowed >= len(order) else float(np.nextafter(probabilities[order[allowed]], 2))
