"""The subspace in which one attribute looks for neighbours: a shrunken linear discriminant of its labelled items.

In the raw embedding neighbours agree on style and pose; scaled by the scatter inside the values, and along the
directions in which the values differ, they agree on the attribute. For multi-label attributes the same algebra is
canonical correlation with the indicator matrix (Hastie, Buja and Tibshirani, 1995).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Moments:
    """Weighted sums over a set of labelled items that a subspace is computed from; they add and subtract by fold."""

    mass: float
    sums: Floats
    gram: Floats
    target_sums: Floats
    target_gram: Floats
    cross: Floats

    def __sub__(self, other: Moments) -> Moments:
        return Moments(
            self.mass - other.mass,
            self.sums - other.sums,
            self.gram - other.gram,
            self.target_sums - other.target_sums,
            self.target_gram - other.target_gram,
            self.cross - other.cross,
        )

    def __add__(self, other: Moments) -> Moments:
        return Moments(
            self.mass + other.mass,
            self.sums + other.sums,
            self.gram + other.gram,
            self.target_sums + other.target_sums,
            self.target_gram + other.target_gram,
            self.cross + other.cross,
        )


def moments(features: Floats, targets: Floats, weights: Floats) -> Moments:
    """Return the sums over features [m, p] and indicator targets [m, v] with weights [m]."""
    weighted = features * weights[:, None]
    return Moments(
        float(weights.sum()),
        weighted.sum(axis=0),
        weighted.T @ features,
        weights @ targets,
        (targets * weights[:, None]).T @ targets,
        weighted.T @ targets,
    )


def discriminant(sums: Moments, shrinkage: float, size: int) -> Floats:
    """Return a basis [p, r] whose coordinates have unit scatter inside the values, widest between scatter first.

    ``shrinkage`` in (0, 1) blends the within scatter with a sphere of the same trace; r <= ``size``.
    """
    from scipy.linalg import cho_factor, cho_solve

    mass = max(sums.mass, 1e-9)
    mean = sums.sums / mass
    share = sums.target_sums / mass
    seen = share > 0
    cross = (sums.cross / mass - np.outer(mean, share))[:, seen].astype(np.float64)
    between = (sums.target_gram / mass - np.outer(share, share))[np.ix_(seen, seen)].astype(np.float64)
    between += 1e-6 * np.eye(len(between)) * max(float(np.trace(between)), 1e-9)
    slope = np.linalg.solve(between, cross.T)
    within = sums.gram / mass - np.outer(mean, mean) - (cross @ slope).astype(np.float32)
    p = len(within)
    sphere = max(float(np.trace(within)) / p, 1e-12)
    within *= 1 - shrinkage
    within.flat[:: p + 1] += shrinkage * sphere
    directions = cross / np.sqrt(share[seen])
    solved = cho_solve(cho_factor(within, lower=True, check_finite=False), directions, check_finite=False)
    values, rotation = np.linalg.eigh(directions.T @ solved)
    keep = np.argsort(-values)[:size]
    keep = keep[values[keep] > 1e-6 * max(values.max(initial=0), 1e-12)]
    if not len(keep):
        return np.zeros((p, 1), np.float32)
    basis = solved @ (rotation[:, keep] / np.sqrt(values[keep]))
    # The sign of an eigenvector is arbitrary: fixed, so that two runs write the same bytes.
    signs = np.sign(basis[np.abs(basis).argmax(axis=0), np.arange(len(keep))])
    return np.ascontiguousarray(basis * signs, dtype=np.float32)
