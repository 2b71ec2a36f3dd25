"""A linear probe on the vectors: balanced logistic regression along a path of ridges, stopped at the best validation.

The path goes from a stiff ridge to loose ones, each starting where the last one stopped: how much a direction may
weigh is chosen by held-out items. Stopping a loose fit early instead, as the optimiser's steps fall, lost 2 to 12
points of accuracy on drawn characters.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from label.learn.scorer import Scorer
from label.learn.sources.base import FoldData, ScorerSource
from label.learn.sources.linear_scorer import LinearScorer
from schema.arrays import Bools, Floats32, Floats64, Ints

RIDGES = (0.3, 0.1, 0.03)
"""Penalties of the slopes, from stiff to loose."""
ITERATIONS = 60
"""Steps of the optimiser for each ridge at most."""
PATIENCE = 12
"""Steps without a better validation loss after which a fit stops."""
LEAST_VALIDATION = 10
"""With fewer items on either side there is no validation, and the last iterate is taken."""
MOST_ITEMS = 4000
"""Labelled items that a probe is fitted on at most; more hardly move it, and cost the most of the learning."""
PROBE = "probe"
"""The kind of evidence."""


class ProbeSource(ScorerSource):
    """Fits a probe on the labelled items of the other folds."""

    def fit(self, data: FoldData) -> Scorer | None:
        """Return the probe of one fold."""
        places = np.flatnonzero(data.train_with_values)
        places = places[:: max(1, -(-len(places) // MOST_ITEMS))]
        task, plain = data.data.task, data.data.plain
        d = len(data.data.features.mean)
        points = ProbeItems(plain[places, :d], task.targets[places], task.weights[places], task.folds[places])
        slope, bias = fit_probe(points, task.multi_label)
        basis = np.zeros((plain.shape[1], len(task.values)), np.float32)
        basis[:d] = slope
        return LinearScorer(basis, bias, task.multi_label, (PROBE,))


@dataclass(frozen=True, slots=True)
class ProbeItems:
    """Labelled items of a probe: ``features`` [m, d], ``targets`` [m, v], ``weights`` [m], ``folds`` [m]; those of
    the lowest fold validate."""

    features: Floats32
    targets: Floats32
    weights: Floats32
    folds: Ints


@dataclass(slots=True)
class _Best:
    """The iterate with the least validation loss so far, and how many worse ones came after it."""

    flat: Floats64
    loss: float = np.inf
    worse: int = 0

    def see(self, loss: float, flat: Floats64) -> None:
        """Take the iterate, or raise StopIteration when too many were worse."""
        if loss < self.loss - 1e-5:
            self.flat, self.loss, self.worse = flat.copy(), loss, 0
            return
        self.worse += 1
        if self.worse >= PATIENCE:
            raise StopIteration


def fit_probe(items: ProbeItems, multi_label: bool) -> tuple[Floats32, Floats32]:
    """Return the slopes [d, v] and biases [v] of a probe; the iterate that validates best is kept.

    Values are weighted by the inverse root of their number, so that rare ones are learned, and the bias gives the
    weights back, so that they are not overstated (Menon et al., 2021).
    """
    from scipy.optimize import minimize

    targets = items.targets
    d, v = items.features.shape[1], targets.shape[1]
    x = items.features * np.float32(np.sqrt(d))
    validate: Bools = items.folds == (items.folds.min() if len(items.folds) else 0)
    if min(validate.sum(), (~validate).sum()) < LEAST_VALIDATION:
        validate = np.zeros(len(x), bool)
    balance = _balance(targets, items.weights, multi_label)
    given_back = np.zeros(v) if multi_label else np.log(balance.astype(np.float64))
    balanced = np.ones(len(x), np.float32) if multi_label else balance[targets.argmax(axis=1)]
    train = ~validate
    x_train, y_train, w_train = x[train], targets[train], _normalised((items.weights * balanced)[train])
    x_held, y_held, w_held = x[validate], targets[validate], _normalised(items.weights[validate])
    best = _Best(np.zeros(d * v + v))

    def parts(flat: Floats64) -> tuple[Floats32, Floats32]:
        return flat[: d * v].reshape(d, v).astype(np.float32), flat[d * v :].astype(np.float32)

    def loss(flat: Floats64, ridge: float) -> tuple[float, Floats64]:
        slope, bias = parts(flat)
        value, error = _loss(x_train @ slope + bias, y_train, w_train, multi_label)
        value += ridge / 2 * float((slope.astype(np.float64) ** 2).sum())
        gradient = np.concatenate([(x_train.T @ error + ridge * slope).ravel(), error.sum(axis=0)])
        return value, gradient.astype(np.float64)

    def watch(flat: Floats64) -> None:
        if not validate.any():
            best.flat = flat.copy()
            return
        slope, bias = parts(flat)
        scores = x_held @ slope + (bias - given_back).astype(np.float32)
        best.see(_loss(scores, y_held, w_held, multi_label)[0], flat)

    for ridge in RIDGES:
        before = best.loss
        best.worse = 0
        with suppress(StopIteration):
            minimize(
                loss,
                best.flat,
                (ridge,),
                jac=True,
                method="L-BFGS-B",
                callback=watch,
                options={"maxiter": ITERATIONS},
            )
        if best.loss > before - 1e-4:
            break
    slope = (best.flat[: d * v].reshape(d, v) * np.sqrt(d)).astype(np.float32)
    return slope, (best.flat[d * v :] - given_back).astype(np.float32)


def _normalised(weights: Floats32) -> Floats32:
    return (weights / max(float(weights.sum()), 1e-9)).astype(np.float32)


def _balance(targets: Floats32, weights: Floats32, multi_label: bool) -> Floats32:
    """Return the weight [v] of an item of each value."""
    if multi_label:
        return np.ones(targets.shape[1], np.float32)
    counts = np.maximum(weights @ targets, 1.0)
    return np.asarray((counts.mean() / counts) ** 0.5, np.float32)


def _loss(
    scores: npt.NDArray[np.floating], targets: Floats32, weights: Floats32, multi_label: bool
) -> tuple[float, npt.NDArray[np.floating]]:
    """Return the weighted cross-entropy of scores [m, v], and its gradient by the scores [m, v]."""
    if multi_label:
        probability = 1 / (1 + np.exp(-np.clip(scores, -30, 30)))
        losses = np.logaddexp(0, scores) - scores * targets
        return float(weights @ losses.sum(axis=1)), (probability - targets) * weights[:, None]
    scores = scores - scores.max(axis=1, keepdims=True)
    total = np.log(np.exp(scores).sum(axis=1, keepdims=True))
    losses = -(targets * (scores - total)).sum(axis=1)
    return float(weights @ losses), (np.exp(scores - total) - targets) * weights[:, None]
