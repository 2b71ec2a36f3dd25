"""What is asked of one attribute, who may answer, and the folds that keep an answer from leaking to itself.

Every item belongs to one fold by a hash of its family, and is only ever judged by models that saw no donor of that
fold: tagged and untagged items are treated alike, so what is measured on the tagged holds for the others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from schema.arrays import Bools, Floats32, Ints


@dataclass(frozen=True, slots=True)
class Question:
    """One attribute with its donors.

    ``targets`` float32 [m, v]: one-hot or several-hot for donors that state a value, zero for those that, tagged as
    deeply, state none. ``weights`` [m] undo the balancing of a capped sample and share one voice among copies,
    ``folds`` int64 [m].
    """

    name: str
    kind: str
    values: tuple[str, ...]
    rows: Ints
    targets: Floats32
    weights: Floats32
    folds: Ints
    witness: Floats32
    """What each donor [m] counts for as evidence: the copies of one picture are one witness together."""
    absent: bool = False
    """Whether a character may have nothing of the kind: then an item that states nothing counts against a value."""

    @property
    def stated(self) -> Bools:
        """Which donors state a value, bool [m]."""
        found: Bools = self.targets.sum(axis=1) > 0
        return found


def folds_of(rows: Ints, families: Ints, folds: int, seed: int) -> Ints:
    """Return the fold of each row, int64 [n]; ``families`` int64 [n], -1 for an item that stands alone."""
    # A lone item stands under its row number, shifted clear of the family numbers.
    key = np.where(families < 0, rows + (1 << 40), families).astype(np.uint64)
    with np.errstate(over="ignore"):
        key = (key + np.uint64(seed)) * np.uint64(0x9E3779B97F4A7C15)
        key ^= key >> np.uint64(29)
        key *= np.uint64(0xBF58476D1CE4E5B9)
        key ^= key >> np.uint64(32)
    return (key % np.uint64(folds)).astype(np.int64)


def witness_of(groups: Ints) -> Floats32:
    """Return what each item counts for, float32 [m]: one over the items of its group [m], -1 for one that is alone."""
    found = np.ones(len(groups), np.float32)
    grouped = groups >= 0
    _, place, sizes = np.unique(groups[grouped], return_inverse=True, return_counts=True)
    found[grouped] = 1 / sizes[place]
    return found


def sample_donors(targets: Floats32, cap: int, seed: int) -> tuple[Ints, Floats32]:
    """Return the places of at most ``cap`` donors and the weights [m] that stand for those left out.

    Rare values are kept whole and frequent ones are cut to one common size, so that no value is lost; donors that
    state nothing are one more class.
    """
    m, v = targets.shape
    if m <= cap:
        return np.arange(m), np.ones(m, np.float32)
    counts = targets.sum(axis=0)
    # A donor of several values counts under its rarest one.
    rarity = np.where(targets > 0, counts, np.inf)
    group = np.where(targets.sum(axis=1) > 0, rarity.argmin(axis=1), v)
    sizes = np.bincount(group, minlength=v + 1)
    level = _water_level(sizes, cap)
    random = np.random.default_rng(seed)
    shuffled = random.permutation(m)
    rank = np.empty(m, np.int64)
    by_group = shuffled[np.argsort(group[shuffled], kind="stable")]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    rank[by_group] = np.arange(m) - starts[group[by_group]]
    kept = np.flatnonzero(rank < level)
    weights = np.maximum(sizes / max(level, 1), 1.0)[group[kept]]
    return kept, weights.astype(np.float32)


def _water_level(sizes: Ints, cap: int) -> int:
    low, high = 0, int(sizes.max())
    while low < high:
        middle = (low + high + 1) // 2
        if int(np.minimum(sizes, middle).sum()) <= cap:
            low = middle
        else:
            high = middle - 1
    return low
