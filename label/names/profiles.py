"""Characters as a whole: how many pictures each has, the usual value of each attribute, and who is unlike the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from index.store import Store
from schema.arrays import Bools, Ints, Rows
from schema.vocabulary import Vocabulary

ENOUGH = 5
"""Pictures with a known value that a usual value needs."""
USUAL = 0.6
"""Share of them that have the usual value at least; attributes that change from picture to picture have none."""


@dataclass(frozen=True, slots=True)
class UsualValue:
    """The value of an attribute that most pictures of a character have: how many of how many."""

    value: str
    agree: int
    known: int

    @property
    def share(self) -> float:
        """Return the share of pictures with a known value that have it."""
        return self.agree / max(self.known, 1)


@dataclass(slots=True)
class Profile:
    """One character: its pictures by who named them, and its usual values by attribute."""

    name: str
    stated: int = 0
    inferred: int = 0
    usual: dict[str, UsualValue] = field(default_factory=dict)

    @property
    def pictures(self) -> int:
        """Return how many pictures of it there are."""
        return self.stated + self.inferred


@dataclass(frozen=True, slots=True)
class Unlike:
    """A picture whose value of an attribute is not the usual one of its character: a recolour, another costume, a
    wrong name or a wrong tag."""

    row: int
    name: str
    attribute: str
    value: str
    usual: UsualValue


@dataclass(frozen=True, slots=True)
class _Named:
    """The pictures with exactly one name: rows ascending, the number of the name of each, and the names."""

    rows: Rows
    numbers: Ints
    inferred: Bools
    names: list[str]


def profiles(store: Store, vocabulary: Vocabulary) -> list[Profile]:
    """Return all characters of a store, those of most pictures first; usual values for single-label attributes."""
    named = _named(store)
    stated = np.bincount(named.numbers[~named.inferred], minlength=len(named.names))
    inferred = np.bincount(named.numbers[named.inferred], minlength=len(named.names))
    found = [
        Profile(name, int(stated[number]), int(inferred[number])) for number, name in enumerate(named.names)
    ]
    for attribute, usual in _usual_values(store, vocabulary, named):
        for number, value in usual.items():
            found[number].usual[attribute] = value
    return sorted(found, key=lambda each: (-each.pictures, each.name))


def unlike(store: Store, vocabulary: Vocabulary) -> list[Unlike]:
    """Return the pictures that are unlike the rest of their character, the surest characters first."""
    named = _named(store)
    found = []
    for attribute, usual in _usual_values(store, vocabulary, named):
        rows, values = _values(store, attribute, named)
        for place, row in enumerate(rows.tolist()):
            number = int(named.numbers[np.searchsorted(named.rows, row)])
            expected = usual.get(number)
            if expected is not None and values[place] != expected.value:
                found.append(Unlike(row, named.names[number], attribute, values[place], expected))
    return sorted(found, key=lambda each: (-each.usual.share, -each.usual.known, each.name, each.row))


def _named(store: Store) -> _Named:
    rows, names, inferred = [np.empty(0, np.int64)], [], [np.empty(0, bool)]
    if store.has("names"):
        for batch in store.scan("names", ["row", "character", "character_source"]):
            one = batch.filter(pc.equal(pc.list_value_length(batch["character"]), 1))
            rows.append(one["row"].to_numpy())
            names += pc.list_flatten(one["character"]).to_pylist()
            model = pc.fill_null(pc.equal(one["character_source"], "model"), False)
            inferred.append(model.to_numpy(zero_copy_only=False))
    shown, numbers = (
        np.unique(np.array(names, object).astype(str), return_inverse=True) if names else ((), ())
    )
    return _Named(
        np.concatenate(rows),
        np.asarray(numbers, np.int64),
        np.concatenate(inferred),
        [str(each) for each in shown],
    )


def _usual_values(
    store: Store, vocabulary: Vocabulary, named: _Named
) -> Iterator[tuple[str, dict[int, UsualValue]]]:
    """Yield for each single-label attribute the usual value of each character that has one, by its number."""
    for attribute in vocabulary.attributes:
        if attribute.kind == "multi-label":
            continue
        rows, values = _values(store, attribute.name, named)
        if not len(rows):
            continue
        characters = named.numbers[np.searchsorted(named.rows, rows)]
        kinds, codes = np.unique(np.array(values, object).astype(str), return_inverse=True)
        pairs, counts = np.unique(characters * len(kinds) + codes, return_counts=True)
        known = np.bincount(characters, minlength=len(named.names))
        usual: dict[int, UsualValue] = {}
        for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
            number, code = divmod(pair, len(kinds))
            total = int(known[number])
            if total >= ENOUGH and count >= USUAL * total:
                usual[number] = UsualValue(str(kinds[code]), count, total)
        yield attribute.name, usual


def _values(store: Store, attribute: str, named: _Named) -> tuple[Rows, list[str]]:
    """Return the named rows for which the value of an attribute is known, and the values."""
    rows, values = [np.empty(0, np.int64)], []
    if store.has("labels") and attribute in store.schema("labels").names:
        for batch in store.scan("labels", ["row", attribute]):
            kept = batch.filter(
                pc.and_(pc.is_valid(batch[attribute]), pa.array(np.isin(batch["row"].to_numpy(), named.rows)))
            )
            rows.append(kept["row"].to_numpy())
            values += kept[attribute].to_pylist()
    return np.concatenate(rows), values
