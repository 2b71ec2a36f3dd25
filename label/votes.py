"""Votes of donors: pure functions from coordinates to weighted shares, in chunks of bounded memory.

A donor's weight is a softmax over minus its squared distance per coordinate: only the order and the gaps of the
distances to one item matter, which scales the kernel to how densely the donors lie round it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
CHUNK_CELLS = 1 << 23
"""Cells of one block of distances: 32 MiB of float32."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What the donors said of n items: ``shares`` float32 [n, v] of the vote for each value, ``nearest`` float32 [n]
    squared distance per coordinate to the closest donor, ``support`` int32 [n] effective number of voters."""

    shares: Floats
    nearest: Floats
    support: npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Donors:
    """Those who vote: ``rows`` int64 [m], ``coordinates`` [m, r], ``targets`` [m, v], ``families`` int64 [m],
    ``weights`` [m] that undo the balancing of a capped sample."""

    rows: Ints
    coordinates: Floats
    targets: Floats
    families: Ints
    weights: Floats


def vote(items: Floats, families: Ints, donors: Donors, k: int, temperature: float) -> Tally:
    """Return the tally of the ``k`` nearest donors for items [n, r], members of an item's own family barred.

    An item whose donors are all barred has shares of zero and a nearest distance of infinity.
    """
    n = len(items)
    shares = np.zeros((n, donors.targets.shape[1]), np.float32)
    nearest = np.full(n, np.inf, np.float32)
    support = np.zeros(n, np.int32)
    for start, weights, picked, best in weigh(items, families, donors, k, temperature):
        stop = start + len(weights)
        nearest[start:stop] = best
        total = weights.sum(axis=1, keepdims=True)
        weights = weights / np.maximum(total, 1e-30)
        targets = donors.targets[picked]
        shares[start:stop] = np.einsum("nk,nkv->nv", weights, targets, optimize=True)
        # Effective number of voters: weights that one donor dominates are the word of one donor.
        support[start:stop] = np.rint(1.0 / np.maximum((weights**2).sum(axis=1), 1e-9))
        support[start:stop][~np.isfinite(best)] = 0
    return Tally(shares, nearest, support)


def weigh(
    items: Floats, families: Ints, donors: Donors, k: int, temperature: float
) -> Iterator[tuple[int, Floats, npt.NDArray[np.int64], Floats]]:
    """Yield (first item, weights [c, k], donor places [c, k], nearest distance [c]) for chunks of items."""
    m, size = donors.coordinates.shape
    if m == 0:
        return
    k = min(k, m)
    own = (donors.coordinates**2).sum(axis=1)
    order = np.argsort(donors.families, kind="stable")
    sorted_families = donors.families[order]
    step = max(1, CHUNK_CELLS // m)
    for start in range(0, len(items), step):
        block = items[start : start + step]
        distance = block @ donors.coordinates.T
        distance *= -2
        distance += own
        distance += (block**2).sum(axis=1, keepdims=True)
        distance /= size
        bar(distance, families[start : start + step], order, sorted_families)
        if k < m:
            picked = np.argpartition(distance, k - 1, axis=1)[:, :k]
            distance = np.take_along_axis(distance, picked, axis=1)
        else:
            picked = np.broadcast_to(np.arange(m), distance.shape)
        np.maximum(distance, 0, out=distance)
        best = distance.min(axis=1)
        with np.errstate(invalid="ignore"):
            weights = np.exp((best[:, None] - distance) / temperature)
        weights[~np.isfinite(distance)] = 0
        weights *= donors.weights[picked]
        yield start, weights, picked, best


def bar(distance: Floats, families: Ints, order: Ints, sorted_families: Ints) -> None:
    """Put members of an item's own family at infinity, in place; a family of -1 bars no one."""
    low = np.searchsorted(sorted_families, families, "left")
    high = np.searchsorted(sorted_families, families, "right")
    counts = np.where(families < 0, 0, high - low)
    total = int(counts.sum())
    if not total:
        return
    at = np.repeat(np.arange(len(families)), counts)
    within = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
    distance[at, order[np.repeat(low, counts) + within]] = np.inf
