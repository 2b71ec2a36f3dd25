"""Votes of reference items in a subspace: pure functions from coordinates to vote shares, in bounded memory.

Reference items lie in cells; an item asks those nearest to the centre of its cell. Weights fall with the squared
distance per coordinate, relative to the closest reference item, which scales the kernel to how densely they lie round
the item.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from label.learn.options import Kernel
from schema.arrays import Floats32, Ints, Ints32, Rows

STEP = 1024
"""Items weighed at one time: 1024 x 256 weights of 4 bytes stay in the cache of a core."""
CELL_SIZE = 64
"""Reference items of a cell, roughly."""


@dataclass(frozen=True, slots=True)
class ReferenceSet:
    """Labelled items in their subspace: item ``rows`` int64 [m], ``coordinates`` [m, r], ``targets`` [m, v],
    ``weights`` [m], ``prior`` [v]; ``centres`` [c, r] of the cells and ``members`` int32 [c, reach], which of the
    items each cell asks."""

    rows: Rows
    coordinates: Floats32
    targets: Floats32
    weights: Floats32
    prior: Floats32
    centres: Floats32
    members: Ints32


@dataclass(frozen=True, slots=True)
class VoteResult:
    """How the reference items voted on n items: ``shares`` float32 [n, v], ``support`` float32 [n], the effective
    number of reference items, and the ``cell`` int16 [n] that each item asked."""

    shares: Floats32
    support: Floats32
    cell: npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class LabelledPoints:
    """Labelled items at coordinates [m, r]: item ``rows`` [m], ``targets`` [m, v], ``weights`` [m]."""

    rows: Rows
    coordinates: Floats32
    targets: Floats32
    weights: Floats32


def build_reference_set(points: LabelledPoints, kernel: Kernel, seed: int) -> ReferenceSet:
    """Return labelled items sorted into cells, every cell with its ``reach`` nearest items."""
    coordinates, weights = points.coordinates, points.weights
    m = len(coordinates)
    mass = max(float(weights.sum()), 1e-9)
    prior = (weights @ points.targets / mass).astype(np.float32)
    if m <= 2 * kernel.reach:
        centres = coordinates.sum(axis=0, keepdims=True) / max(m, 1)
        members = np.arange(m, dtype=np.int32)[None]
    else:
        centres = _centres(coordinates, max(2, m // CELL_SIZE), seed)
        closeness = centres @ coordinates.T - (coordinates**2).sum(axis=1) / 2
        members = np.argpartition(-closeness, kernel.reach - 1, axis=1)[:, : kernel.reach].astype(np.int32)
        members.sort(axis=1)
    return ReferenceSet(points.rows, coordinates, points.targets, weights, prior, centres, members)


def _centres(coordinates: Floats32, count: int, seed: int) -> Floats32:
    """Return the centres of ``count`` cells: five steps of k-means."""
    random = np.random.default_rng(seed)
    centres = coordinates[np.sort(random.choice(len(coordinates), count, replace=False))].copy()
    for _ in range(5):
        cell = nearest_cell(coordinates, centres)
        mass = np.bincount(cell, minlength=count)
        for axis in range(coordinates.shape[1]):
            total = np.bincount(cell, weights=coordinates[:, axis], minlength=count)
            centres[:, axis] = np.where(mass > 0, total / np.maximum(mass, 1), centres[:, axis])
    return centres


def nearest_cell(coordinates: Floats32, centres: Floats32) -> Ints:
    """Return the cell of each item at coordinates [n, r], int64 [n]."""
    if len(centres) == 1:
        return np.zeros(len(coordinates), np.int64)
    cell = np.empty(len(coordinates), np.int64)
    half = (centres**2).sum(axis=1) / 2
    for start in range(0, len(coordinates), 1 << 14):
        part = coordinates[start : start + (1 << 14)]
        cell[start : start + len(part)] = (part @ centres.T - half).argmax(axis=1)
    return cell


def vote(
    coordinates: Floats32, reference: ReferenceSet, kernel: Kernel, count_support: bool = True
) -> VoteResult:
    """Return the votes on items at coordinates [n, r]; without any reference item the shares are the prior.

    Unless ``count_support``, effective reference items are not counted, and the support is 0.
    """
    n, v = len(coordinates), reference.targets.shape[1]
    shares = np.empty((n, v), np.float32)
    support = np.zeros(n, np.float32)
    if not len(reference.coordinates):
        shares[:] = reference.prior
        return VoteResult(shares, support, np.zeros(n, np.int16))
    cell = nearest_cell(coordinates, reference.centres)
    order = np.argsort(cell, kind="stable")
    bounds = np.searchsorted(cell[order], np.arange(len(reference.centres) + 1))
    # Side by side, items of a cell are read and written once.
    sorted_items = coordinates[order]
    sorted_shares, sorted_support = np.empty((n, v), np.float32), np.zeros(n, np.float32)
    for occupied in np.flatnonzero(np.diff(bounds)).tolist():
        members = reference.members[occupied]
        references, mass = reference.coordinates[members], reference.weights[members]
        # One product gives the votes for each value and, in the last column, all votes.
        ballots = np.concatenate([reference.targets[members] * mass[:, None], mass[:, None]], axis=1)
        for start in range(bounds[occupied], bounds[occupied + 1], STEP):
            part = slice(start, min(start + STEP, bounds[occupied + 1]))
            weights = neighbour_weights(sorted_items[part], references, kernel)
            votes = weights @ ballots
            total = votes[:, -1:]
            prior = kernel.prior_weight * reference.prior
            sorted_shares[part] = (votes[:, :-1] + prior) / (total + kernel.prior_weight)
            if count_support:
                np.square(weights, out=weights)
                sorted_support[part] = total[:, 0] ** 2 / np.maximum(weights @ (mass * mass), 1e-12)
    shares[order], support[order] = sorted_shares, sorted_support
    return VoteResult(shares, support, cell.astype(np.int16))


def neighbour_weights(coordinates: Floats32, references: Floats32, kernel: Kernel) -> Floats32:
    """Return the weight of each reference item [m, r] for each item [n, r], float32 [n, m]; the closest weighs 1."""
    scale = 1.0 / (kernel.temperature * references.shape[1])
    # The item's own square would be taken off again with the closest.
    weights: Floats32 = np.matmul(coordinates, references.T * np.float32(2 * scale))
    weights -= (references**2).sum(axis=1) * np.float32(scale)
    weights -= weights.max(axis=1, keepdims=True)
    np.exp(weights, out=weights)
    return weights
