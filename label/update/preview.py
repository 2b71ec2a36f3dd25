"""What a correction changes at once: the votes of the items around it, judged again with it among the donors.

Models, calibration and thresholds stay as the last label run froze them; only the electorate grows. An item changes
when its verdict with the corrections differs from its verdict without them, so that nothing but the corrections is
felt. The next ``likeness label`` learns from them in full; until then these labels live in the page alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from index.reviews.effective import ReviewedLabel
from index.store import Store
from label.learn.fit_all import Learned
from label.learn.model import AttributeModel
from label.observed.labels import STATED
from label.update.donors import grow_electors
from schema.arrays import Bools, Floats32, Floats64, Rows
from schema.vocabulary import Attribute

FOLD = 0
"""The judges asked. Each fold has its own; a verdict is only ever compared with another one of the same judges."""


@dataclass(frozen=True, slots=True)
class Predicted:
    """What the models give one item: values (none: they abstain), the least of their chances, effective voters."""

    values: tuple[str, ...] = ()
    confidence: float | None = None
    support: int = 0


@dataclass(frozen=True, slots=True)
class Ripple:
    """Items that were judged again, and the labels that changed."""

    judged: int
    labels: dict[int, Predicted]


def ripple(
    store: Store, learned: Learned, attribute: Attribute, reviewed: Mapping[int, ReviewedLabel], rows: Rows
) -> Ripple:
    """Judge the items ``rows`` again with the reviewed ones among the donors of one attribute.

    Items on which people have spoken (tag, text, review) and those of several characters are left alone.
    """
    judged = learned.models.get(attribute.name)
    if judged is None or judged.benches[FOLD].which is None or not len(rows) or not reviewed:
        return Ripple(0, {})
    items = [row for row in _open(store, attribute, rows) if row not in reviewed]
    key = store.encoder_key()
    stored = store.take(f"vectors_{key}", items, ["row", "vector"])
    if not stored.num_rows:
        return Ripple(0, {})
    vectors = _matrix(stored["vector"])
    places = {row: at for at, row in enumerate(stored["row"].to_pylist())}
    donors = _donors(store, key, attribute, judged, learned, reviewed)
    if donors is None:
        return Ripple(len(places), {})
    before = _accepted(learned, judged, vectors)
    after = _accepted(learned, _with(judged, *donors), vectors)
    changed = np.flatnonzero((before[0] != after[0]).any(axis=1))
    labels = {}
    for row in items:
        at = places.get(row)
        if at is not None and at in changed:
            labels[row] = _label(judged.values, after, at, attribute)
    return Ripple(len(places), labels)


def _open(store: Store, attribute: Attribute, rows: Rows) -> list[int]:
    """Return which of the items show one character and state no value themselves, beside what was voted."""
    many = attribute.kind == "many"
    sources = f"{attribute.name}_sources" if many else f"{attribute.name}_source"
    stated = set(STATED)
    found = []
    for record in store.take("labels", rows.tolist(), ["row", "ambiguous", sources]).to_pylist():
        said = record[sources] if many else [record[sources]]
        if not record["ambiguous"] and not stated & set(said or ()):
            found.append(record["row"])
    return found


def _matrix(column: object) -> Floats32:
    chunk = column.combine_chunks()  # type: ignore[attr-defined]
    width = chunk.type.list_size
    found: Floats32 = chunk.flatten().to_numpy().reshape(-1, width).astype(np.float32)
    return found


def _donors(
    store: Store,
    key: str,
    attribute: Attribute,
    model: AttributeModel,
    learned: Learned,
    reviewed: Mapping[int, ReviewedLabel],
) -> tuple[Rows, Floats32, Floats32] | None:
    """Return rows, plain features and targets of the reviewed items that state a value the model knows."""
    which = model.benches[FOLD].which
    assert which is not None
    width = which.electorate.targets.shape[1]
    wanted, targets = [], []
    for row, label in reviewed.items():
        said = set(attribute.expand(label.values)) if attribute.kind == "many" else set(label.values)
        target = np.zeros(width, np.float32)
        target[[at for at, value in enumerate(model.values) if value in said]] = 1
        if target.any() or (label.exact and not label.values):
            wanted.append(row)
            targets.append(target)
    stored = store.take(f"vectors_{key}", wanted, ["row", "vector"])
    if not stored.num_rows:
        return None
    by_row = dict(zip(wanted, targets, strict=True))
    rows = np.array(stored["row"].to_pylist(), np.int64)
    return (
        rows,
        learned.features.plain(_matrix(stored["vector"])),
        np.stack([by_row[r] for r in rows.tolist()]),
    )


def _with(model: AttributeModel, rows: Rows, plain: Floats32, targets: Floats32) -> AttributeModel:
    """Return the model with these donors among its judges of one fold, each with the full weight of one."""
    bench = model.benches[FOLD]
    which = bench.which
    assert which is not None
    speaks = targets.any(axis=1)
    grown = grow_electors(which, rows, rows[speaks], plain[speaks], targets[speaks])
    benches = list(model.benches)
    benches[FOLD] = replace(bench, judges=tuple(grown if judge is which else judge for judge in bench.judges))
    return replace(model, benches=tuple(benches))


Verdict = tuple[Bools, Floats64, Floats32]


def _accepted(learned: Learned, model: AttributeModel, vectors: Floats32) -> Verdict:
    """Return which values stand bool [n, v], their chances [n, v], and effective voters [n]."""
    heard = learned.hear(learned.features.plain(vectors), FOLD, {model.name: model})[model.name]
    chances = model.chances(heard)
    return model.accept(heard, chances), chances, heard.support


def _label(values: Sequence[str], verdict: Verdict, at: int, attribute: Attribute) -> Predicted:
    accepted, chances, support = verdict
    codes = np.flatnonzero(accepted[at])
    names = [values[code] for code in codes.tolist()]
    if attribute.kind == "many":
        names = attribute.specific(names)
    if not names:
        return Predicted()
    return Predicted(tuple(names), float(chances[at, codes].min()), round(float(support[at])))
