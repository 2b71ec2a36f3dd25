"""The task of one attribute: which labelled items may be learned from, and in which fold each is held out.

Every item belongs to one fold by a hash of its leakage group, and is only ever scored by models that saw no labelled
item of that fold. Tagged and untagged items are treated alike, so what is measured on the tagged holds for the others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from label.data.dataset import Dataset
from schema.arrays import Bools, Floats32, Ints, Rows
from schema.numbers.hashing import mix64
from schema.settings import LabelSettings
from schema.vocabulary import Attribute

MIN_LABELLED = 5
"""A value that fewer items have is not learned at all: each of five folds must see it."""


@dataclass(frozen=True, slots=True)
class AttributeTask:
    """One attribute with its labelled items.

    ``targets`` float32 [m, v]: one-hot or multi-hot for items with observed values, all zero for items that were
    tagged as thoroughly and have none. ``weights`` [m] undo the balancing of a capped sample and share one weight
    among copies; ``folds`` int64 [m].
    """

    name: str
    multi_label: bool
    values: tuple[str, ...]
    rows: Rows
    targets: Floats32
    weights: Floats32
    folds: Ints
    duplicate_weights: Floats32
    """What each item [m] counts for as evidence: the copies of one picture count as one item."""
    may_be_absent: bool = False
    """Whether a character may have nothing of the kind: then an item without a value counts against every value."""

    @property
    def labelled(self) -> Bools:
        """Which items have an observed value, bool [m]."""
        return np.asarray(self.targets.sum(axis=1) > 0)


@dataclass(frozen=True, slots=True)
class Shortage:
    """Why nothing can be learned of an attribute, and how many more labelled ``items`` it needs at the least."""

    reason: str
    items: int


def build_task(attribute: Attribute, dataset: Dataset, settings: LabelSettings) -> AttributeTask | Shortage:
    """Return the task of an attribute over a whole store, or what it lacks."""
    observed = dataset.observed[attribute.name]
    multi_label = attribute.multi_label
    values = list(observed.values)
    if not values:
        return Shortage("no item states a value", settings.min_support)
    usable = dataset.vector_place >= 0
    # How many characters a picture shows is learned from pictures of several, too.
    if not attribute.ambiguous:
        usable &= dataset.single
    counts = observed.counts(dataset.rows)
    stated = usable & (counts > 0 if multi_label else counts == 1)
    if stated.sum() < settings.min_support:
        known = int(stated.sum())
        return Shortage(
            f"{known} items with a vector state a value, {settings.min_support} needed",
            settings.min_support - known,
        )
    # A missing tag says something only where the tagger went as deep as those who did state a value.
    depth = max(float(np.quantile(dataset.tag_counts[stated], 0.25)), 1.0)
    # It says nothing of what no tag could say, such as an attribute that reviewers alone answer.
    unstated = usable & (counts == 0) & (dataset.tag_counts >= depth) & attribute.is_tagged
    rows = dataset.rows[stated | unstated]
    counts = counts[stated | unstated]
    if multi_label:
        values += [value for value in attribute.expand(values) if value not in observed.codes]
    targets = observed.matrix(rows, values, expand=multi_label)
    support = targets.sum(axis=0)
    kept = np.flatnonzero(support >= MIN_LABELLED)
    if len(kept) < (1 if multi_label else 2):
        most = np.sort(np.append(support, [0, 0]))[-1 if multi_label else -2 :]
        return Shortage(
            f"fewer than two values are stated by {MIN_LABELLED} items",
            int(np.ceil(np.maximum(MIN_LABELLED - most, 0).sum())),
        )
    targets = targets[:, kept]
    inside = (targets.sum(axis=1) > 0) | (counts == 0)
    rows, targets = rows[inside], targets[inside]
    chosen, weights = sample_items(targets, settings.max_reference_items, settings.seed)
    rows, targets = rows[chosen], targets[chosen]
    places = dataset.places(rows)
    groups = dataset.duplicate_groups
    shared = np.ones(len(rows), np.float32) if groups is None else duplicate_weights(groups[places])
    return AttributeTask(
        attribute.name,
        multi_label,
        tuple(values[code] for code in kept),
        rows,
        np.ascontiguousarray(targets),
        weights * shared,
        dataset.folds[places],
        shared,
        attribute.absent is not None,
    )


def assign_folds(rows: Rows, groups: Ints, folds: int, seed: int) -> Ints:
    """Return the fold of each row, int64 [n]; ``groups`` int64 [n] are leakage groups, -1 for an item that is alone."""
    # A lone item is hashed by its row number, shifted clear of the group numbers.
    key = np.where(groups < 0, rows + (1 << 40), groups).astype(np.uint64) + np.uint64(seed)
    return (mix64(key) % np.uint64(folds)).astype(np.int64)


def duplicate_weights(groups: Ints) -> Floats32:
    """Return what each item counts for, float32 [m]: one over the items of its group [m], -1 for an item alone."""
    weights = np.ones(len(groups), np.float32)
    grouped = groups >= 0
    _, group, sizes = np.unique(groups[grouped], return_inverse=True, return_counts=True)
    weights[grouped] = 1 / sizes[group]
    return weights


def sample_items(targets: Floats32, cap: int, seed: int) -> tuple[Ints, Floats32]:
    """Return the places of at most ``cap`` labelled items, and the weights [k] that stand for those left out.

    Rare values are kept whole and frequent ones are cut to one common size, so that no value is lost; items without
    a value are one more class.
    """
    m, v = targets.shape
    if m <= cap:
        return np.arange(m), np.ones(m, np.float32)
    counts = targets.sum(axis=0)
    # An item of several values counts under its rarest one.
    rarity = np.where(targets > 0, counts, np.inf)
    group = np.where(targets.sum(axis=1) > 0, rarity.argmin(axis=1), v)
    sizes = np.bincount(group, minlength=v + 1)
    level = _common_size(sizes, cap)
    shuffled = np.random.default_rng(seed).permutation(m)
    by_group = shuffled[np.argsort(group[shuffled], kind="stable")]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    rank = np.empty(m, np.int64)
    rank[by_group] = np.arange(m) - starts[group[by_group]]
    kept = np.flatnonzero(rank < level)
    weights = np.maximum(sizes / max(level, 1), 1.0)[group[kept]]
    return kept, weights.astype(np.float32)


def _common_size(sizes: Ints, cap: int) -> int:
    """Return the largest size to which classes can be cut so that together they hold at most ``cap`` items."""
    low, high = 0, int(sizes.max())
    while low < high:
        middle = (low + high + 1) // 2
        if int(np.minimum(sizes, middle).sum()) <= cap:
            low = middle
        else:
            high = middle - 1
    return low
