"""A linear probe on the vectors: balanced logistic regression along a path of ridges, stopped at the best validation.

The path goes from a stiff ridge to loose ones, each starting where the last one stopped: how much a direction may
weigh is chosen by held-out donors. Stopping a loose fit early instead, as the optimiser's steps fall, lost 2 to 12
points of accuracy on drawn characters.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from label.learn.linear_scorer import Linear
from label.learn.sources.base import Drill, Judge, LearnedSource
from schema.arrays import Bools, Floats32, Floats64, Ints

RIDGES = (0.3, 0.1, 0.03)
ITERATIONS = 60
PATIENCE = 12
PROBED = 4000
"""Most donors that a probe is trained on."""


class ProbeSource(LearnedSource):
    """Trains a probe on the donors of the other folds."""

    word: ClassVar[str] = "probe"

    def train(self, drill: Drill) -> Judge | None:
        """Return the probe of one fold."""
        pick = np.flatnonzero(drill.voters)
        # Beyond some thousands more donors hardly move a linear probe, and cost the most of the learning.
        pick = pick[:: max(1, -(-len(pick) // PROBED))]
        question = drill.question
        return train_probe(
            drill.plain[pick, : len(drill.features.mean)],
            question.targets[pick],
            question.weights[pick],
            question.folds[pick],
            drill.many,
            drill.plain.shape[1],
        )


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


def train_probe(
    features: Floats32, targets: Floats32, weights: Floats32, inner: Ints, many: bool, width: int
) -> Linear:
    """Return the probe of donors [m, d]; those of the lowest ``inner`` fold validate, the best iterate is kept.

    ``width`` is the number of plain features, of which the first d are the vector. Values are weighted by the
    inverse root of their number, so that rare ones are learned, and the bias gives the weights back, so that they
    are not overstated (Menon et al., 2021).
    """
    from scipy.optimize import minimize

    d, v = features.shape[1], targets.shape[1]
    x = features * np.float32(np.sqrt(d))
    validate: Bools = inner == (inner.min() if len(inner) else 0)
    if validate.sum() < 10 or (~validate).sum() < 10:
        validate = np.zeros(len(x), bool)
    balance = _balance(targets, weights, many)
    given_back = np.zeros(v) if many else np.log(balance.astype(np.float64))
    each = np.ones(len(x), np.float32) if many else balance[targets.argmax(axis=1)]
    train = ~validate
    a, y, w = x[train], targets[train], (weights * each)[train]
    w = (w / max(float(w.sum()), 1e-9)).astype(np.float32)
    b, z, u = x[validate], targets[validate], weights[validate]
    u = (u / max(float(u.sum()), 1e-9)).astype(np.float32)
    best = _Best(np.zeros(d * v + v))

    def parts(flat: Floats64) -> tuple[Floats32, Floats32]:
        return flat[: d * v].reshape(d, v).astype(np.float32), flat[d * v :].astype(np.float32)

    def loss(flat: Floats64, ridge: float) -> tuple[float, Floats64]:
        slope, bias = parts(flat)
        value, error = _loss(a @ slope + bias, y, w, many)
        value += ridge / 2 * float((slope.astype(np.float64) ** 2).sum())
        gradient = np.concatenate([(a.T @ error + ridge * slope).ravel(), error.sum(axis=0)])
        return value, gradient.astype(np.float64)

    def watch(flat: Floats64) -> None:
        if not validate.any():
            best.flat = flat.copy()
            return
        slope, bias = parts(flat)
        best.see(_loss(b @ slope + (bias - given_back).astype(np.float32), z, u, many)[0], flat)

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
    basis = np.zeros((width, v), np.float32)
    basis[:d] = best.flat[: d * v].reshape(d, v) * np.sqrt(d)
    return Linear(basis, (best.flat[d * v :] - given_back).astype(np.float32), many, ("probe",))


def _balance(targets: Floats32, weights: Floats32, many: bool) -> Floats32:
    """Return the weight [v] of a donor of each value."""
    if many:
        return np.ones(targets.shape[1], np.float32)
    counts = np.maximum(weights @ targets, 1.0)
    found: Floats32 = ((counts.mean() / counts) ** 0.5).astype(np.float32)
    return found


def _loss(
    scores: npt.NDArray[np.floating], targets: Floats32, weights: Floats32, many: bool
) -> tuple[float, npt.NDArray[np.floating]]:
    if many:
        chance = 1 / (1 + np.exp(-np.clip(scores, -30, 30)))
        each = np.logaddexp(0, scores) - scores * targets
        return float(weights @ each.sum(axis=1)), (chance - targets) * weights[:, None]
    scores = scores - scores.max(axis=1, keepdims=True)
    total = np.log(np.exp(scores).sum(axis=1, keepdims=True))
    each = -(targets * (scores - total)).sum(axis=1)
    return float(weights @ each), (np.exp(scores - total) - targets) * weights[:, None]
