"""Labels that a caller gives some of his vectors, brought into the form in which the label stage has them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from label.data.dataset import Dataset, LabelInputs
from label.data.leakage import leakage_groups, links_by_key
from label.data.load import COPY_SIMILARITY, FOLDS
from label.data.task import assign_folds
from label.observed.labels import ObservedLabels
from likeness.graph import knn_graph
from likeness.inputs import is_missing
from schema.arrays import Floats16, Ints
from schema.attributes import Attribute, Value
from schema.errors import InputError
from schema.settings import LabelSettings
from schema.vocabulary import Vocabulary

NAME = "label"
"""What the attribute is called that these labels become."""
COPIES_AMONG = 8
"""Nearest neighbours in which copies are looked for; more copies than that are still one chain of links."""


@dataclass(frozen=True, slots=True)
class GivenLabels:
    """Labels as given: of each item a list, and whether there can be several."""

    by_item: list[list[Hashable]]
    multi_label: bool

    @classmethod
    def of(cls, labels: Iterable[Any]) -> GivenLabels:
        """Read labels; raises InputError where lists and single labels are mixed, or a label cannot be compared."""
        entries = [None if _missing(each) else each for each in labels]
        several = {
            isinstance(each, list | tuple | set | frozenset | np.ndarray)
            for each in entries
            if each is not None
        }
        if len(several) > 1:
            raise InputError(
                "labels: some entries are lists and some are not; an item has one label, or all have lists"
            )
        multi_label = several == {True}
        by_item: list[list[Hashable]] = []
        for place, entry in enumerate(entries):
            values = list(entry) if multi_label and entry is not None else [] if entry is None else [entry]
            if any(
                not isinstance(each, str | int | float | np.generic) or is_missing(each) for each in values
            ):
                raise InputError(f"labels: entry {place} is neither text nor a number: {entry!r}")
            by_item.append(
                list(dict.fromkeys(each.item() if isinstance(each, np.generic) else each for each in values))
            )
        return cls(by_item, multi_label)

    @property
    def values(self) -> list[Hashable]:
        """The different labels, in the order of first appearance."""
        return list(dict.fromkeys(value for values in self.by_item for value in values))


def _missing(entry: object) -> bool:
    return not isinstance(entry, np.ndarray) and is_missing(entry)


@dataclass(frozen=True, slots=True)
class LabelledVectors:
    """What the label stage would read from a store, ``class_of`` each name of a value the label as it was given, and
    how many vectors are ``labelled``."""

    inputs: LabelInputs
    vocabulary: Vocabulary
    class_of: dict[str, Hashable]
    multi_label: bool
    labelled: int
    settings: LabelSettings

    @property
    def dataset(self) -> Dataset:
        """The vectors and labels as arrays."""
        return self.inputs.dataset

    def at(self, settings: LabelSettings) -> LabelledVectors:
        """Return the same under other settings."""
        return LabelledVectors(
            self.inputs, self.vocabulary, self.class_of, self.multi_label, self.labelled, settings
        )


def prepare(vectors: Floats16, labels: GivenLabels, groups: Ints, settings: LabelSettings) -> LabelledVectors:
    """Return vectors and labels in the form in which the label stage has them."""
    n = len(vectors)
    rows = np.arange(n)
    values = labels.values
    # Labels are named as text; 1 and '1' get different names.
    texts = [str(value) for value in values]
    names = texts if len(set(texts)) == len(texts) else [repr(value) for value in values]
    name_of = dict(zip(values, names, strict=True))
    attribute = Attribute(
        name=NAME,
        title="Label",
        kind="multi-label" if labels.multi_label else "single-label",
        values=tuple(Value(name=name) for name in names),
    )
    observed = ObservedLabels(attribute)
    for row, given in enumerate(labels.by_item):
        observed.add(row, [name_of[value] for value in given], "tag")
    graph = knn_graph(vectors, min(COPIES_AMONG, max(1, n - 1)))
    place, column = np.nonzero((graph.similarity >= COPY_SIMILARITY) & (graph.ids >= 0))
    copies = (place.astype(np.int64), graph.ids[place, column])
    grouped = np.flatnonzero(groups >= 0)
    links = [copies, links_by_key(grouped, groups[grouped].astype(str).astype(object))]
    tagged = np.array([len(given) for given in labels.by_item], np.int32)
    dataset = Dataset(
        rows,
        {NAME: observed},
        np.ones(n, bool),
        tagged,
        assign_folds(rows, leakage_groups(n, links), FOLDS, settings.seed),
        rows,
        vectors,
        leakage_groups(n, [copies]),
    )
    vocabulary = Vocabulary(attributes=(attribute,))
    inputs = LabelInputs(dataset, [""] * n)
    class_of = {name: value for value, name in name_of.items()}
    return LabelledVectors(
        inputs, vocabulary, class_of, labels.multi_label, int((tagged > 0).sum()), settings
    )
