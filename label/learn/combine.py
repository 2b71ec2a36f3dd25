"""How evidence is combined: people first, then one weighed product of what the machines say.

review > tag > text > the calibrated combination of the rest. The rest is a log-linear pool (Genest and Zidek, 1986):
each kind of evidence gets one weight, each value one bias, fitted on held-out donors; so few numbers cannot overfit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from schema.arrays import Floats32, Floats64


@dataclass(frozen=True, slots=True)
class Pool:
    """Weights [s] of the kinds of evidence and biases [v] of the values."""

    weights: Floats64
    bias: Floats64
    many: bool

    def __call__(self, evidence: Floats32) -> Floats64:
        """Return pooled shares float64 [n, v] of evidence [s, n, v]."""
        scores = np.tensordot(self.weights, evidence.astype(np.float64), axes=1) + self.bias
        return _shares(scores, self.many)


def fit_pool(evidence: Floats32, targets: Floats32, weights: Floats32, many: bool) -> Pool:
    """Return the pool of evidence [s, m, v] that makes held-out targets [m, v] likeliest.

    Weights stay at or above zero and are drawn to equal shares, biases to zero, as one more donor in fifty would.
    """
    from scipy.optimize import minimize

    s, m, v = evidence.shape
    even = np.full(s, 1.0 / max(s, 1))
    if not m:
        return Pool(even, np.zeros(v), many)
    x, y = evidence.astype(np.float64), targets.astype(np.float64)
    w = weights.astype(np.float64)
    pull = 1.0 + w.sum() / 50

    def loss(flat: Floats64) -> tuple[float, Floats64]:
        a, b = flat[:s], flat[s:]
        scores = np.tensordot(a, x, axes=1) + b
        if many:
            each = (np.logaddexp(0, scores) - scores * y).sum(axis=1)
        else:
            top = scores.max(axis=1, keepdims=True)
            each = (top + np.log(np.exp(scores - top).sum(axis=1, keepdims=True)))[:, 0] - (scores * y).sum(
                axis=1
            )
        error = (_shares(scores, many) - y) * w[:, None]
        value = w @ each + pull / 2 * ((a - even) ** 2).sum() + (b**2).sum()
        slope = np.array([(x[at] * error).sum() for at in range(s)]) + pull * (a - even)
        return float(value), np.concatenate([slope, error.sum(axis=0) + 2 * b])

    bounds = [(0.0, 5.0)] * s + [(-3.0, 3.0)] * v
    start = np.concatenate([even, np.zeros(v)])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 100})
    return Pool(found.x[:s], found.x[s:], many)


def _shares(scores: Floats64, many: bool) -> Floats64:
    if many:
        found: Floats64 = 1 / (1 + np.exp(-np.clip(scores, -30, 30)))
        return found
    top = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(top / top.sum(axis=1, keepdims=True))
