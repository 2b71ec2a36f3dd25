"""The items that labelling learns from and labels, as arrays, and what is known of single items besides."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from label.observed.labels import ObservedLabels
from schema.arrays import Bools, Floats16, Floats32, Ints, Ints32, Rows
from schema.tags.conflicts import Conflict


@dataclass(slots=True)
class Dataset:
    """Items of a store, all of them or some, as arrays by place.

    ``rows`` int64 [n] ascending are their row numbers; for a whole store the place of an item is its row. ``single``
    bool [n] tells which show one character, so that it is clear whose attributes these are; ``tag_counts`` [n] how
    many tags each has, ``folds`` [n] which scorers have not seen it (-1: none assigned yet).
    """

    rows: Rows
    observed: dict[str, ObservedLabels]
    single: Bools
    tag_counts: Ints32
    folds: Ints
    vector_rows: Rows
    """The rows of the items that have a vector, int64 [m] ascending."""
    vectors: Floats16
    """Their vectors, [m, d]."""
    duplicate_groups: Ints | None = None
    """Duplicate group of each item [n], -1 for none; the copies of one picture count as one item."""
    prompts: dict[str, dict[str, Floats32]] = field(default_factory=dict)
    """Unit vectors [d] of zero-shot prompts, by attribute and value."""
    vector_place: Ints = field(init=False)
    """Where the vector of each item lies in ``vectors`` [n], -1 for an item without one."""

    def __post_init__(self) -> None:
        self.vector_place = np.full(len(self.rows), -1, np.int64)
        self.vector_place[self.places(self.vector_rows)] = np.arange(len(self.vector_rows))

    def __len__(self) -> int:
        return len(self.rows)

    def places(self, rows: Rows) -> Ints:
        """Return the places of items that the data set has, int64."""
        n = len(self.rows)
        whole = not n or self.rows[-1] == n - 1
        return np.asarray(rows if whole else np.searchsorted(self.rows, rows), np.int64)

    def vectors_of(self, places: Ints) -> Floats16:
        """Return the vectors of items that have one, [k, d]."""
        return self.vectors[self.vector_place[places]]


@dataclass(slots=True)
class LabelInputs:
    """A data set, and what only the labels table needs of it.

    ``ambiguous`` says by row why it is open whose attributes are meant, ``conflicts`` what contradicts itself.
    ``rejected`` holds by attribute and row the values that reviewers ruled out, ``closed`` the rows whose values
    reviewers gave in full: nothing may be added to them.
    """

    dataset: Dataset
    item_ids: list[str]
    ambiguous: dict[int, str] = field(default_factory=dict)
    conflicts: dict[int, tuple[Conflict, ...]] = field(default_factory=dict)
    rejected: dict[str, dict[int, set[str]]] = field(default_factory=dict)
    closed: dict[str, set[int]] = field(default_factory=dict)
    review_position: int = 0
    """Number of the last review decision that was read."""
    notes: list[str] = field(default_factory=list)
