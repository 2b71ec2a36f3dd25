"""Characters as a whole: how many pictures each has, the usual value of each attribute, and who is unlike the rest."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from index.store import Store
from schema.arrays import Bools, Ints, Rows
from schema.columns.names import MODEL
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


def profiles(store: Store, vocabulary: Vocabulary) -> tuple[list[Profile], list[Unlike]]:
    """Return all characters of a store, those of most pictures first, with usual values of single-label attributes; and
    the pictures that are unlike the rest of their character, the surest characters first."""
    named = _named(store)
    stated = np.bincount(named.numbers[~named.inferred], minlength=len(named.names))
    inferred = np.bincount(named.numbers[named.inferred], minlength=len(named.names))
    found = [
        Profile(name, int(stated[number]), int(inferred[number])) for number, name in enumerate(named.names)
    ]
    odd = []
    for attribute in vocabulary.attributes:
        if attribute.kind == "multi-label":
            continue
        rows, values = _values(store, attribute.name, named)
        characters = named.numbers[np.searchsorted(named.rows, rows)]
        usual = _usual_values(characters, values, len(named.names))
        for number, value in usual.items():
            found[number].usual[attribute.name] = value
        for row, number, own in zip(rows.tolist(), characters.tolist(), values, strict=True):
            if number in usual and own != usual[number].value:
                odd.append(Unlike(row, named.names[number], attribute.name, own, usual[number]))
    return (
        sorted(found, key=lambda each: (-each.pictures, each.name)),
        sorted(odd, key=lambda each: (-each.usual.share, -each.usual.known, each.name, each.row)),
    )


def _named(store: Store) -> _Named:
    rows, names, inferred = [np.empty(0, np.int64)], [], [np.empty(0, bool)]
    if store.has("names"):
        for batch in store.scan("names", ["row", "character", "character_source"]):
            one = batch.filter(pc.equal(pc.list_value_length(batch["character"]), 1))
            rows.append(one["row"].to_numpy())
            names += pc.list_flatten(one["character"]).to_pylist()
            model = pc.fill_null(pc.equal(one["character_source"], MODEL), False)
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


def _usual_values(characters: Ints, values: list[str], names: int) -> dict[int, UsualValue]:
    """Return the usual value of each character that has one, by its number below ``names``; ``characters`` [n] and
    ``values`` are those of the pictures with a known value."""
    kinds, codes = np.unique(np.array(values, object).astype(str), return_inverse=True)
    pairs, counts = np.unique(characters * len(kinds) + codes, return_counts=True)
    known = np.bincount(characters, minlength=names)
    usual: dict[int, UsualValue] = {}
    for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
        number, code = divmod(pair, len(kinds))
        total = int(known[number])
        if total >= ENOUGH and count >= USUAL * total:
            usual[number] = UsualValue(str(kinds[code]), count, total)
    return usual


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
