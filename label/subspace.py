"""The subspace in which one attribute looks for its neighbours: a shrunken linear discriminant of its donors.

In the raw embedding neighbours agree on style and pose; after whitening by the scatter inside the values, and
keeping only the directions in which the values differ, they agree on the attribute. For attributes of many values
at once the same algebra is canonical correlation with the indicator matrix.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Subspace:
    """An affine map from vectors [n, d] to coordinates [n, r] in which Euclidean distance is the attribute's own."""

    mean: Floats
    basis: Floats

    @property
    def size(self) -> int:
        """Number of coordinates r."""
        return int(self.basis.shape[1])

    def project(self, vectors: npt.NDArray[np.floating]) -> Floats:
        """Return coordinates float32 [n, r] of vectors [n, d], any float type."""
        offset = self.mean @ self.basis
        found: Floats = vectors.astype(np.float32, copy=False) @ self.basis - offset
        return found


def fit_subspace(
    vectors: npt.NDArray[np.floating],
    targets: Floats,
    shrinkage: float,
    size: int,
    weights: Floats | None = None,
) -> Subspace:
    """Return the subspace learned from vectors [m, d] and indicator targets [m, v] (one-hot or several-hot).

    ``shrinkage`` in (0, 1) blends the within scatter with a sphere of the same trace; ``size`` caps the number of
    coordinates. Distances are scaled so that the within scatter of one coordinate is 1.
    """
    x = vectors.astype(np.float32)
    w = np.ones(len(x), np.float32) if weights is None else weights.astype(np.float32)
    w = w / w.sum()
    mean = w @ x
    x = x - mean
    y = targets - w @ targets
    counts = w @ targets
    # Fitted values of the indicators explain the between scatter; what they leave is the within scatter.
    gram = (y * w[:, None]).T @ y
    cross = (x * w[:, None]).T @ y
    ridge = 1e-6 * max(float(np.trace(gram)), 1e-12) / max(len(gram), 1)
    slope = np.linalg.solve(gram + ridge * np.eye(len(gram), dtype=np.float32), cross.T)
    within = (x * w[:, None]).T @ x - cross @ slope
    within = (within + within.T) / 2
    d = len(within)
    sphere = float(np.trace(within)) / d
    within = (1 - shrinkage) * within + shrinkage * sphere * np.eye(d, dtype=np.float32)
    values, directions = np.linalg.eigh(within.astype(np.float64))
    values = np.maximum(values, 1e-3 * shrinkage * sphere + 1e-12)
    white = directions / np.sqrt(values)
    seen = counts > 0
    spread = white.T @ (cross[:, seen] / np.sqrt(counts[seen]))
    left, _, _ = np.linalg.svd(spread, full_matrices=False)
    rank = max(1, min(size, int(seen.sum()) - 1 if _is_one_hot(targets) else int(seen.sum()), left.shape[1]))
    basis = white @ left[:, :rank]
    # The sign of a singular vector is arbitrary: fixed, so that two runs write the same bytes.
    signs = np.sign(basis[np.abs(basis).argmax(axis=0), np.arange(rank)])
    return Subspace(mean.astype(np.float32), np.ascontiguousarray(basis * signs, dtype=np.float32))


def _is_one_hot(targets: Floats) -> bool:
    return bool(np.all(targets.sum(axis=1) == 1))
