"""How the evidence of several scorers is combined: one weighted product of what they say.

This is a log-linear opinion pool (Genest and Zidek, 1986): each kind of evidence gets one weight and each value one
bias, fitted on held-out items. So few numbers cannot overfit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from schema.arrays import Floats32, Floats64

MOST_WEIGHT, MOST_BIAS = 5.0, 3.0
"""Bounds of the weight of a kind of evidence and of the bias of a value."""


@dataclass(frozen=True, slots=True)
class OpinionPool:
    """Weights [s] of the kinds of evidence and biases [v] of the values."""

    weights: Floats64
    bias: Floats64
    multi_label: bool

    def __call__(self, evidence: Floats32) -> Floats64:
        """Return pooled shares float64 [n, v] of evidence [s, n, v]."""
        scores = np.tensordot(self.weights, evidence.astype(np.float64), axes=1) + self.bias
        return _shares(scores, self.multi_label)


def fit_pool(evidence: Floats32, targets: Floats32, weights: Floats32, multi_label: bool) -> OpinionPool:
    """Return the pool of evidence [s, m, v] under which held-out targets [m, v] are likeliest.

    Weights of the kinds stay at or above zero and are drawn towards equal shares, biases towards zero, with the
    strength of one more item in fifty.
    """
    from scipy.optimize import minimize

    s, m, v = evidence.shape
    even = np.full(s, 1.0 / max(s, 1))
    if not m:
        return OpinionPool(even, np.zeros(v), multi_label)
    x, y = evidence.astype(np.float64), targets.astype(np.float64)
    w = weights.astype(np.float64)
    pull = 1.0 + w.sum() / 50

    def loss(flat: Floats64) -> tuple[float, Floats64]:
        a, b = flat[:s], flat[s:]
        scores = np.tensordot(a, x, axes=1) + b
        if multi_label:
            losses = (np.logaddexp(0, scores) - scores * y).sum(axis=1)
        else:
            top = scores.max(axis=1, keepdims=True)
            total = (top + np.log(np.exp(scores - top).sum(axis=1, keepdims=True)))[:, 0]
            losses = total - (scores * y).sum(axis=1)
        error = (_shares(scores, multi_label) - y) * w[:, None]
        value = w @ losses + pull / 2 * ((a - even) ** 2).sum() + (b**2).sum()
        slope = np.array([(x[kind] * error).sum() for kind in range(s)]) + pull * (a - even)
        return float(value), np.concatenate([slope, error.sum(axis=0) + 2 * b])

    bounds = [(0.0, MOST_WEIGHT)] * s + [(-MOST_BIAS, MOST_BIAS)] * v
    start = np.concatenate([even, np.zeros(v)])
    fitted = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 100})
    return OpinionPool(fitted.x[:s], fitted.x[s:], multi_label)


def _shares(scores: Floats64, multi_label: bool) -> Floats64:
    if multi_label:
        return np.asarray(1 / (1 + np.exp(-np.clip(scores, -30, 30))))
    top = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(top / top.sum(axis=1, keepdims=True))
