"""A linear probe on the vectors: logistic regression with balanced values, stopped at the best validation loss."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from label.question import Bools, Floats, Ints

ITERATIONS = 200
PATIENCE = 4
RIDGE = 1e-5


@dataclass(frozen=True, slots=True)
class Probe:
    """``basis`` [p, v] over plain features and ``bias`` [v]."""

    basis: Floats
    bias: Floats
    many: bool

    def judge(self, coordinates: Floats) -> Floats:
        """Return evidence float32 [1, n, v]: log odds of several-of values, log shares of one-of."""
        scores = coordinates + self.bias
        if not self.many:
            scores = scores - scores.max(axis=1, keepdims=True)
            scores -= np.log(np.exp(scores).sum(axis=1, keepdims=True))
        found: Floats = np.clip(scores, -12, 12).astype(np.float32)[None]
        return found


def train_probe(
    features: Floats,
    targets: Floats,
    weights: Floats,
    inner: Ints,
    many: bool,
    width: int,
    ridge: float = RIDGE,
) -> Probe:
    """Return the probe of donors [m, d]; those of the lowest ``inner`` fold validate, the best iterate is kept.

    ``width`` is the number of plain features, of which the first d are the vector. Values are weighted by the
    inverse root of their number: full balancing makes rare values overconfident, none makes them unheard.
    """
    from scipy.optimize import minimize

    d, v = features.shape[1], targets.shape[1]
    x = features * np.float32(np.sqrt(d))
    validate: Bools = inner == (inner.min() if len(inner) else 0)
    if validate.sum() < 10 or (~validate).sum() < 10:
        validate = np.zeros(len(x), bool)
    balance = _balance(targets, weights, many)
    train = ~validate
    a, y, w = x[train], targets[train], (weights * balance)[train]
    w = w / max(float(w.sum()), 1e-9)
    b, z, u = x[validate], targets[validate], weights[validate]
    best: list[object] = [np.inf, np.zeros(d * v + v), 0]

    def loss(flat: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        slope, bias = flat[: d * v].reshape(d, v).astype(np.float32), flat[d * v :].astype(np.float32)
        value, error = _loss(a @ slope + bias, y, w, many)
        value += ridge / 2 * float((slope.astype(np.float64) ** 2).sum())
        gradient = np.concatenate([(a.T @ error + ridge * slope).ravel(), error.sum(axis=0)])
        return value, gradient.astype(np.float64)

    def watch(flat: npt.NDArray[np.float64]) -> None:
        if not validate.any():
            best[1] = flat.copy()
            return
        slope, bias = flat[: d * v].reshape(d, v).astype(np.float32), flat[d * v :].astype(np.float32)
        value, _ = _loss(b @ slope + bias, z, u / u.sum(), many)
        if value < float(str(best[0])) - 1e-5:
            best[0], best[1], best[2] = value, flat.copy(), 0
        else:
            best[2] = int(str(best[2])) + 1
            if int(str(best[2])) >= PATIENCE:
                raise StopIteration

    start = np.zeros(d * v + v)
    with suppress(StopIteration):
        minimize(loss, start, jac=True, method="L-BFGS-B", callback=watch, options={"maxiter": ITERATIONS})
    flat = np.asarray(best[1], np.float64)
    basis = np.zeros((width, v), np.float32)
    basis[:d] = flat[: d * v].reshape(d, v) * np.sqrt(d)
    return Probe(basis, flat[d * v :].astype(np.float32), many)


def _balance(targets: Floats, weights: Floats, many: bool) -> Floats:
    if many:
        return np.ones(len(targets), np.float32)
    counts = np.maximum(weights @ targets, 1.0)
    found: Floats = ((counts.mean() / counts) ** 0.5)[targets.argmax(axis=1)].astype(np.float32)
    return found


def _loss(
    scores: npt.NDArray[np.floating], targets: Floats, weights: Floats, many: bool
) -> tuple[float, npt.NDArray[np.floating]]:
    if many:
        chance = 1 / (1 + np.exp(-np.clip(scores, -30, 30)))
        each = np.logaddexp(0, scores) - scores * targets
        return float(weights @ each.sum(axis=1)), (chance - targets) * weights[:, None]
    scores = scores - scores.max(axis=1, keepdims=True)
    total = np.log(np.exp(scores).sum(axis=1, keepdims=True))
    each = -(targets * (scores - total)).sum(axis=1)
    return float(weights @ each), (np.exp(scores - total) - targets) * weights[:, None]
