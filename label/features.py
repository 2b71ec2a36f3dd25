"""The features in which attributes learn their subspaces: the vector itself, and its closeness to landmarks.

A linear map cannot tell 'white hair' of one art style from 'white hair' of another; closeness to a few hundred
landmarks (Nystroem features of a Gaussian kernel) makes the discriminant bend with the style. On drawn characters
this took the mean accuracy of votes from 0.796 to 0.811 and coverage at a precision of 0.95 from 0.55 to 0.63.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FeatureMap:
    """Frozen features of a collection: ``mean`` [d], ``landmarks`` [m, d], ``gamma``, ``whiten`` [m, q], scales.

    Two forms: *plain* [n, d + m] is quick to compute, *white* [n, d + q] is what subspaces are learned in, since a
    ridge there treats all directions alike; ``unfold`` turns a map of white features into one of plain ones.
    """

    mean: Floats
    scale: float
    landmarks: Floats
    gamma: float
    centre: Floats
    whiten: Floats

    def plain(self, vectors: npt.NDArray[np.floating]) -> Floats:
        """Return the centred vectors beside their closeness to each landmark, float32 [n, d + m]."""
        d, m = len(self.mean), len(self.landmarks)
        found = np.empty((len(vectors), d + m), np.float32)
        near = found[:, d:]
        x = found[:, :d]
        x[:] = vectors
        x -= self.mean
        if m:
            np.matmul(x, self.landmarks.T, out=near)
            near *= 2 * self.gamma
            near -= self.gamma * (x * x).sum(axis=1, keepdims=True)
            near -= self.gamma * (self.landmarks**2).sum(axis=1)
            np.exp(near, out=near)
            near -= self.centre
        x *= self.scale
        return found

    def white(self, plain: Floats) -> Floats:
        """Return white features of plain ones, float32 [n, d + q]."""
        d = len(self.mean)
        if not len(self.landmarks):
            return plain
        return np.concatenate([plain[:, :d], plain[:, d:] @ self.whiten], axis=1)

    def unfold(self, basis: Floats) -> Floats:
        """Return the basis [d + m, r] that does on plain features what ``basis`` [d + q, r] does on white ones."""
        d = len(self.mean)
        if not len(self.landmarks):
            return basis
        return np.concatenate([basis[:d], self.whiten @ basis[d:]])


def fit_features(vectors: npt.NDArray[np.floating], landmarks: int, width: float, seed: int) -> FeatureMap:
    """Return the features of a sample of vectors [n, d]; ``width`` in units of the median squared distance.

    ``landmarks`` of the sample are drawn at random; 0 leaves the vectors as they are.
    """
    x = vectors.astype(np.float32)
    mean = x.mean(axis=0)
    x = x - mean
    d = x.shape[1]
    scale = 1.0 / max(float(np.sqrt((x**2).sum(axis=1).mean())), 1e-9)
    m = min(landmarks, len(x) // 2)
    if m < 8:
        none = np.empty((0, d), np.float32)
        return FeatureMap(mean, scale, none, 1.0, np.empty(0, np.float32), np.empty((0, 0), np.float32))
    random = np.random.default_rng(seed)
    marks = x[np.sort(random.choice(len(x), m, replace=False))]
    squares = (marks**2).sum(axis=1)
    distance = np.maximum(squares[:, None] + squares - 2 * marks @ marks.T, 0)
    typical = float(np.median(distance[distance > 1e-6])) if (distance > 1e-6).any() else 1.0
    gamma = 1.0 / (width * typical)
    values, directions = np.linalg.eigh(np.exp(-gamma * distance).astype(np.float64))
    keep = values > 1e-5 * values[-1]
    whiten = (directions[:, keep] / np.sqrt(values[keep])).astype(np.float32)
    found = FeatureMap(mean, scale, marks, gamma, np.zeros(m, np.float32), whiten)
    sample = x[: 1 << 14] + mean
    near = found.plain(sample)[:, d:]
    centre = near.mean(axis=0)
    spread = float(np.sqrt((((near - centre) @ whiten) ** 2).sum(axis=1).mean()))
    return FeatureMap(mean, scale, marks, gamma, centre, whiten / np.float32(max(spread, 1e-9)))
