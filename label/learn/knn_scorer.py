"""Donors of one fold as judges: they vote one by one by closeness, and as bodies by the centre of each value.

Both look at the same subspace. The single votes follow the odd shapes of a value, the bodies are steadier where
donors are few; which of them to believe is weighed on held-out donors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from label.data.task import Question
from label.learn.knn import Electorate, Kernel, Tally, gather, vote
from label.learn.subspace import Moments, discriminant
from schema.arrays import Bools, Floats32, Floats64

FLOOR = 1e-4
KINDS = ("votes", "value centres")


@dataclass(frozen=True, slots=True)
class Electors:
    """A subspace ``basis`` [p, r] over plain features, its donors, and the centre [v, r] and mass [v] of each value."""

    basis: Floats32
    electorate: Electorate
    kernel: Kernel
    centres: Floats32
    mass: Floats32
    many: bool
    kinds: tuple[str, ...] = KINDS
    """Which kinds of evidence they give."""

    def judge(self, coordinates: Floats32, counted: bool = True) -> tuple[Floats32, Tally]:
        """Return evidence float32 [kinds, n, v] (log odds of several-of values, log shares of one-of), and a tally,
        with its voters ``counted`` or not."""
        tally = vote(coordinates, self.electorate, self.kernel, counted)
        distance = ((self.centres**2).sum(axis=1) - 2 * coordinates @ self.centres.T).astype(np.float32)
        if self.many:
            singles = np.log(tally.shares + FLOOR) - np.log1p(FLOOR - tally.shares)
            total = (self.mass[:, None] * self.centres).sum(axis=0)
            rest = (total - self.mass[:, None] * self.centres) / np.maximum(1 - self.mass, 1e-6)[:, None]
            away = (rest**2).sum(axis=1) - 2 * coordinates @ rest.T
            odds = np.log((self.mass + FLOOR) / (1 - self.mass + FLOOR))
            bodies = odds - (distance - away) / 2
        else:
            singles = np.log(tally.shares + FLOOR)
            bodies = np.log(self.mass + FLOOR) - distance / 2
            bodies -= bodies.max(axis=1, keepdims=True)
            bodies -= np.log(np.exp(bodies).sum(axis=1, keepdims=True))
        both = np.stack([singles, np.clip(bodies, -12, 12)]).astype(np.float32)
        return both[[kind in self.kinds for kind in KINDS]], tally


def elect(
    question: Question,
    targets: Floats32,
    features: Floats32,
    sums: Moments,
    pick: Bools,
    shrinkage: float,
    size: int,
    kernel: Kernel,
    seed: int,
) -> tuple[Floats32, Electors]:
    """Return (white basis, electors) of the donors ``pick`` of a question; the caller unfolds the basis.

    ``targets`` may hold one more column than the question has values: 'states nothing'.
    """
    basis = discriminant(sums, shrinkage, size)
    places = np.flatnonzero(pick)
    coordinates = (features[places] @ basis).astype(np.float32)
    chosen, weights = targets[places], question.weights[places]
    electorate = gather(question.rows[places], coordinates, chosen, weights, kernel, seed)
    mass = weights @ chosen
    centres = (chosen * weights[:, None]).T @ coordinates / np.maximum(mass, 1e-9)[:, None]
    share = (mass / max(float(weights.sum()), 1e-9)).astype(np.float32)
    # A value that no donor of this fold states lies where no item comes.
    centres[mass <= 0] = 1e3
    many = question.kind == "many"
    return basis, Electors(basis, electorate, kernel, centres.astype(np.float32), share, many)


def logit(p: npt.NDArray[np.floating]) -> Floats64:
    """Return log odds, clipped so that none is infinite."""
    q = np.clip(p, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(q) - np.log1p(-q), np.float64)
