"""Reference items of one fold as a scorer: single ones vote by closeness, and the centres of the values speak, too.

Both look at the same subspace. Single votes follow the odd shapes of a value; centroids are steadier where reference
items are few. How much each counts is fitted on held-out items.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from label.learn.knn import LabelledPoints, ReferenceSet, VoteResult, build_reference_set, vote
from label.learn.options import FitOptions, Kernel
from schema.arrays import Floats32

FLOOR = 1e-4
"""Added to shares before their logarithm."""
LARGEST_EVIDENCE = 12
"""No value gets more log odds than this, for or against."""
NEIGHBOURS, CENTROIDS = "neighbours", "centroids"
KINDS = (NEIGHBOURS, CENTROIDS)
FAR = 1e3
"""Coordinate of the centre of a value that no reference item of a fold has: no item comes near it."""


@dataclass(frozen=True, slots=True)
class KnnScorer:
    """A subspace ``basis`` [p, r] over plain features, its reference items, and the centroid [v, r] and share [v] of
    each value."""

    basis: Floats32
    reference: ReferenceSet
    kernel: Kernel
    centroids: Floats32
    shares: Floats32
    multi_label: bool
    kinds: tuple[str, ...] = KINDS

    def projection(self) -> Floats32:
        """Return the basis of the subspace [p, r]."""
        return self.basis

    def score(self, coordinates: Floats32, count_support: bool = True) -> tuple[Floats32, VoteResult]:
        """Return evidence float32 [kinds, n, v] on items at coordinates [n, r], and how the reference items voted."""
        votes = vote(coordinates, self.reference, self.kernel, count_support)
        distance = ((self.centroids**2).sum(axis=1) - 2 * coordinates @ self.centroids.T).astype(np.float32)
        if self.multi_label:
            neighbours = np.log(votes.shares + FLOOR) - np.log1p(FLOOR - votes.shares)
            centroids = self._against_the_rest(coordinates, distance)
        else:
            neighbours = np.log(votes.shares + FLOOR)
            centroids = np.log(self.shares + FLOOR) - distance / 2
            centroids -= centroids.max(axis=1, keepdims=True)
            centroids -= np.log(np.exp(centroids).sum(axis=1, keepdims=True))
        clipped = np.clip(centroids, -LARGEST_EVIDENCE, LARGEST_EVIDENCE)
        both = np.stack([neighbours, clipped]).astype(np.float32)
        return both[[kind in self.kinds for kind in KINDS]], votes

    def _against_the_rest(self, coordinates: Floats32, distance: Floats32) -> Floats32:
        """Return log odds [n, v] of being at the centroid of a value rather than at that of all other items."""
        total = (self.shares[:, None] * self.centroids).sum(axis=0)
        others = (total - self.shares[:, None] * self.centroids) / np.maximum(1 - self.shares, 1e-6)[:, None]
        away = (others**2).sum(axis=1) - 2 * coordinates @ others.T
        odds = np.log((self.shares + FLOOR) / (1 - self.shares + FLOOR))
        return np.asarray(odds - (distance - away) / 2)


def fit_knn(basis: Floats32, points: LabelledPoints, multi_label: bool, options: FitOptions) -> KnnScorer:
    """Return the scorer of labelled items at their coordinates [m, r] under ``basis``."""
    weights, targets = points.weights, points.targets
    reference = build_reference_set(points, options.kernel, options.seed)
    mass = weights @ targets
    centroids = (targets * weights[:, None]).T @ points.coordinates / np.maximum(mass, 1e-9)[:, None]
    centroids[mass <= 0] = FAR
    shares = (mass / max(float(weights.sum()), 1e-9)).astype(np.float32)
    return KnnScorer(basis, reference, options.kernel, centroids.astype(np.float32), shares, multi_label)
