"""Votes of donors in a subspace: pure functions from coordinates to weighted shares, memory-bounded.

Donors lie in cells; an item asks the donors nearest to the centre of its cell. Weights fall with the squared
distance per coordinate, relative to the closest donor, which scales the kernel to how densely the donors lie round
the item; ``doubt`` is the mass of a vote for the prior, so that three who agree are less sure than three hundred.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from schema.arrays import Floats32, Ints, Ints32

# Items weighed at one time: 1024 x 256 weights of 4 bytes stay in the cache of a core.
STEP = 1024


@dataclass(frozen=True, slots=True)
class Kernel:
    """How weights fall: ``temperature`` per coordinate, at most ``reach`` donors asked, ``doubt`` of the prior."""

    temperature: float = 0.3
    reach: int = 256
    doubt: float = 1.0


@dataclass(frozen=True, slots=True)
class Electorate:
    """Donors in their subspace: item ``rows`` int64 [m], ``coordinates`` [m, r], ``targets`` [m, v],
    ``weights`` [m], ``prior`` [v], ``centres`` [c, r] of the cells and ``asked`` int32 [c, reach] donors of each."""

    rows: Ints
    coordinates: Floats32
    targets: Floats32
    weights: Floats32
    prior: Floats32
    centres: Floats32
    asked: Ints32


@dataclass(frozen=True, slots=True)
class Tally:
    """What the donors said of n items: ``shares`` float32 [n, v], ``support`` float32 [n] effective voters, and the
    ``cell`` int16 [n] of each item."""

    shares: Floats32
    support: Floats32
    cell: npt.NDArray[np.int16]


def gather(
    rows: Ints, coordinates: Floats32, targets: Floats32, weights: Floats32, kernel: Kernel, seed: int
) -> Electorate:
    """Return donors sorted into cells of some 64 each, every cell with its ``reach`` nearest donors."""
    m = len(coordinates)
    mass = max(float(weights.sum()), 1e-9)
    prior = (weights @ targets / mass).astype(np.float32)
    if m <= 2 * kernel.reach:
        centres = coordinates.sum(axis=0, keepdims=True) / max(m, 1)
        asked = np.arange(m, dtype=np.int32)[None]
    else:
        centres = _centres(coordinates, max(2, m // 64), seed)
        closeness = centres @ coordinates.T - (coordinates**2).sum(axis=1) / 2
        asked = np.argpartition(-closeness, kernel.reach - 1, axis=1)[:, : kernel.reach].astype(np.int32)
        asked.sort(axis=1)
    return Electorate(rows, coordinates, targets, weights, prior, centres, asked)


def _centres(coordinates: Floats32, count: int, seed: int) -> Floats32:
    random = np.random.default_rng(seed)
    centres = coordinates[np.sort(random.choice(len(coordinates), count, replace=False))].copy()
    for _ in range(5):
        nearest = _nearest(coordinates, centres)
        mass = np.bincount(nearest, minlength=count)
        for axis in range(coordinates.shape[1]):
            total = np.bincount(nearest, weights=coordinates[:, axis], minlength=count)
            centres[:, axis] = np.where(mass > 0, total / np.maximum(mass, 1), centres[:, axis])
    return centres


def _nearest(coordinates: Floats32, centres: Floats32) -> Ints:
    if len(centres) == 1:
        return np.zeros(len(coordinates), np.int64)
    found = np.empty(len(coordinates), np.int64)
    half = (centres**2).sum(axis=1) / 2
    for start in range(0, len(coordinates), 1 << 14):
        part = coordinates[start : start + (1 << 14)]
        found[start : start + len(part)] = (part @ centres.T - half).argmax(axis=1)
    return found


def vote(coordinates: Floats32, electorate: Electorate, kernel: Kernel, counted: bool = True) -> Tally:
    """Return the tally of items at coordinates [n, r]; with no donors at all the shares are the prior.

    Unless ``counted``, effective voters are not, and the support is 0.
    """
    n, v = len(coordinates), electorate.targets.shape[1]
    shares = np.empty((n, v), np.float32)
    support = np.zeros(n, np.float32)
    if not len(electorate.coordinates):
        shares[:] = electorate.prior
        return Tally(shares, support, np.zeros(n, np.int16))
    cell = _nearest(coordinates, electorate.centres)
    order = np.argsort(cell, kind="stable")
    bounds = np.searchsorted(cell[order], np.arange(len(electorate.centres) + 1))
    # Side by side, items of a cell are read and written once.
    places = coordinates[order]
    found, sure = np.empty((n, v), np.float32), np.zeros(n, np.float32)
    for at in np.flatnonzero(np.diff(bounds)).tolist():
        asked = electorate.asked[at]
        donors, mass = electorate.coordinates[asked], electorate.weights[asked]
        # One product gives the votes for each value and, in the last column, all votes.
        says = np.concatenate([electorate.targets[asked] * mass[:, None], mass[:, None]], axis=1)
        for start in range(bounds[at], bounds[at + 1], STEP):
            pick = slice(start, min(start + STEP, bounds[at + 1]))
            weights = weigh(places[pick], donors, kernel)
            votes = weights @ says
            total = votes[:, -1:]
            found[pick] = (votes[:, :-1] + kernel.doubt * electorate.prior) / (total + kernel.doubt)
            if counted:
                np.square(weights, out=weights)
                sure[pick] = total[:, 0] ** 2 / np.maximum(weights @ (mass * mass), 1e-12)
    shares[order], support[order] = found, sure
    return Tally(shares, support, cell.astype(np.int16))


def weigh(coordinates: Floats32, donors: Floats32, kernel: Kernel) -> Floats32:
    """Return the weight of each donor [m, r] for each item [n, r], float32 [n, m]; the closest weighs 1."""
    scale = 1.0 / (kernel.temperature * donors.shape[1])
    # The item's own square would be taken off again with the closest.
    weights: Floats32 = np.matmul(coordinates, donors.T * np.float32(2 * scale))
    weights -= (donors**2).sum(axis=1) * np.float32(scale)
    weights -= weights.max(axis=1, keepdims=True)
    np.exp(weights, out=weights)
    return weights
