"""Why one item has its label of one attribute: who voted with which weight, and what calibration made of it.

It reads the frozen models and one vector, never the whole collection, so it answers at once in a store of any size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from index.store import Store
from index.store.encoder_key import known_encoder_key
from schema.arrays import Floats32, Floats64, Rows
from schema.vocabulary import Vocabulary

if TYPE_CHECKING:
    from label.learn.fit_all import Learned
    from label.learn.model import AttributeModel, Heard

SHOWN = 12
"""Voters shown at most, the heaviest."""
LEAST = 0.005
"""A voter with less of the whole vote is not shown: it would read 0 %."""
OUTSIDE = 0
"""The fold whose judges are asked about pictures that are in no fold."""


@dataclass(frozen=True, slots=True)
class Chance:
    """One value: its calibrated chance, and the least chance at which it stands (None: it is never voted for)."""

    value: str
    chance: float
    needs: float | None
    stands: bool


@dataclass(frozen=True, slots=True)
class Vote:
    """Rows of the voters, heaviest first, the share of the whole vote of each, and the chances, likeliest first.

    ``silent``: tags or text of the item leave values out, and that counts against these.
    """

    rows: Rows
    shares: Floats64
    chances: tuple[Chance, ...]
    silent: bool = False


def vote(store: Store, learned: Learned, vocabulary: Vocabulary, row: int, name: str) -> Vote | None:
    """Return the vote on one attribute of one item; None where no model was learned or the item has no vector."""
    from label.learn.knn import weigh

    vector = _vector(store, row)
    model = learned.models.get(name)
    if vector is None or model is None:
        return None
    fold = _fold(store, row)
    plain = learned.features.plain(vector)
    own, tagged = _own(store, vocabulary, row, name), _tagged(store, row)
    chances = chances_of(learned, plain, fold, [name], {name: own}, tagged)[name]
    silent = bool(model.silent(np.isin(model.values, own)[None, :], np.array([tagged]))[0])
    electors = model.benches[fold].which
    if electors is None or not len(electors.electorate.rows):
        return Vote(np.empty(0, np.int64), np.empty(0), chances, silent)
    electorate = electors.electorate
    heard = learned.hear(plain, fold, {name: model})[name]
    asked = electorate.asked[int(heard.cells[0, 0])]
    near = weigh(plain @ electors.basis, electorate.coordinates[asked], electors.kernel)[0]
    weights = near * electorate.weights[asked]
    shares = weights / (weights.sum() + electors.kernel.doubt)
    top = np.argsort(-shares, kind="stable")[:SHOWN]
    top = top[shares[top] >= LEAST]
    rows = electorate.rows[asked[top]].astype(np.int64)
    return Vote(rows, shares[top].astype(np.float64), chances, silent)


def chances_of(
    learned: Learned,
    plain: Floats32,
    fold: int,
    names: list[str],
    own: Mapping[str, Sequence[str]] = MappingProxyType({}),
    tagged: bool = False,
) -> dict[str, tuple[Chance, ...]]:
    """Return by attribute the chances of the values of one item at plain features [1, p], likeliest first.

    ``own`` are the values that the item states itself, ``tagged`` tells whether it has tags: what these leave out is
    judged by that silence, too.
    """
    models = {name: learned.models[name] for name in names}
    heard = learned.hear(plain, fold, models)
    return {
        name: _chances(models[name], heard[name], own.get(name, ()), tagged)
        for name in names
        if name in heard
    }


def _chances(model: AttributeModel, heard: Heard, own: Sequence[str], tagged: bool) -> tuple[Chance, ...]:
    from label.learn.calibration import NEVER

    voted = model.chances(heard)
    stated, seen = np.isin(model.values, list(own))[None, :], np.array([tagged])
    chances, needed = model.beside(voted, stated, seen), model.needs(stated, seen)[0]
    stands = model.accept(heard, voted)[0] & (
        (chances[0] >= model.asked) | stated[0] | ~model.silent(stated, seen)
    )
    made = []
    for at in np.argsort(-chances[0], kind="stable").tolist():
        needs = float(needed[at])
        made.append(
            Chance(
                model.values[at], float(chances[0, at]), None if needs >= NEVER else needs, bool(stands[at])
            )
        )
    return tuple(made)


def _vector(store: Store, row: int) -> Floats32 | None:
    table = f"vectors_{known_encoder_key(store)}"
    found = store.take(table, [row], ["vector"]) if store.has(table) else None
    return np.array(found["vector"].to_pylist(), np.float32) if found is not None and found.num_rows else None


def _own(store: Store, vocabulary: Vocabulary, row: int, name: str) -> list[str]:
    """Return what tags and text of an item say of an attribute, broader ones of several values with it."""
    from label.observed.labels import STATED

    attribute = vocabulary.attribute(name)
    if not store.has("labels"):
        return []
    many = attribute.kind == "many"
    sources = f"{name}_sources" if many else f"{name}_source"
    taggers = STATED[: STATED.index("review")]
    for stored in store.take("labels", [row], [name, sources]).to_pylist():
        if many:
            pairs = zip(stored[name] or (), stored[sources] or (), strict=True)
            return attribute.expand(value for value, source in pairs if source in taggers)
        return [stored[name]] if stored[name] and stored[sources] in taggers else []
    return []


def _tagged(store: Store, row: int) -> bool:
    found = store.take("items", [row], ["tags"])["tags"].to_pylist()
    return bool(found and found[0])


def _fold(store: Store, row: int) -> int:
    """Return the fold of an item: its judges have seen neither it nor its duplicates."""
    if not store.has("label_state"):
        return OUTSIDE
    found = store.take("label_state", [row], ["fold"])["fold"].to_pylist()
    return max(int(found[0]), OUTSIDE) if found else OUTSIDE
