"""What a correction changes at once: the votes of the items around it, judged again with it among the donors.

Models, calibration and thresholds stay as the last label run froze them; only the electorate grows. An item changes
when its verdict with the corrections differs from its verdict without them, so that nothing but the corrections is
felt. The next ``likeness label`` learns from them in full; until then these labels live in the page alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from index.reviews.effective import ReviewedLabel
from schema.arrays import Bools, Floats32, Floats64, Rows
from schema.errors import StoreError
from schema.vocabulary import Attribute

if TYPE_CHECKING:
    from label.learn.fit_all import Learned
    from label.learn.model import AttributeModel
    from ui.review.desk import Desk, Label

FOLD = 0
"""The judges asked. Each fold has its own; a verdict is only ever compared with another one of the same judges."""
NEAREST = 2048
"""Items around the corrections that are judged again; the rest lie too far to be moved by them."""


@dataclass(frozen=True, slots=True)
class Ripple:
    """Items that were judged again, and the labels that changed."""

    judged: int
    labels: dict[int, Label]


def touched(desk: Desk, rows: Sequence[int]) -> Rows:
    """Return the items that have one of these among their neighbours, or are among theirs, ascending."""
    try:
        table = f"neighbours_{desk.store.encoder_key()}"
    except StoreError:
        return np.empty(0, np.int64)
    if not desk.store.has(table) or not len(rows):
        return np.empty(0, np.int64)
    ids = desk.store.take(table, rows, ["ids"])["ids"].combine_chunks().flatten().to_numpy().astype(np.int64)
    around = np.unique(ids[ids >= 0])
    # Those that list a corrected item list its neighbours too, nearly always: two steps find them without a scan.
    further = desk.store.take(table, around[:NEAREST], ["ids"])["ids"].combine_chunks().flatten().to_numpy()
    both = np.union1d(around, further[further >= 0].astype(np.int64))
    if len(both) > NEAREST:
        both = np.union1d(around, both[:: max(1, len(both) // NEAREST)])[: 2 * NEAREST]
    return np.setdiff1d(both, np.asarray(rows, np.int64))


def ripple(desk: Desk, attribute: Attribute, reviewed: Mapping[int, ReviewedLabel], rows: Rows) -> Ripple:
    """Judge the items ``rows`` again with the reviewed ones among the donors of one attribute.

    Items on which people have spoken (tag, text, review) and those of several characters are left alone.
    """
    model = _model(desk, attribute.name)
    if model is None or not len(rows) or not reviewed:
        return Ripple(0, {})
    learned, judged = model
    items = [
        item
        for item in desk.items(rows, [attribute.name], machine=True)
        if not item.ambiguous and item.labels[attribute.name].source not in ("tag", "text", "review")
    ]
    spoken = _spoken(desk, attribute, [item.row for item in items])
    items = [item for item in items if item.row not in reviewed and item.row not in spoken]
    key = desk.store.encoder_key()
    stored = desk.store.take(f"vectors_{key}", [item.row for item in items], ["row", "vector"])
    if not stored.num_rows:
        return Ripple(0, {})
    vectors = _matrix(stored["vector"])
    places = {row: at for at, row in enumerate(stored["row"].to_pylist())}
    donors = _donors(desk, key, attribute, judged, learned, reviewed)
    if donors is None:
        return Ripple(len(places), {})
    before = _accepted(learned, judged, vectors)
    after = _accepted(learned, _with(judged, *donors), vectors)
    changed = np.flatnonzero((before[0] != after[0]).any(axis=1))
    labels = {}
    for item in items:
        at = places.get(item.row)
        if at is not None and at in changed:
            labels[item.row] = _label(judged.values, after, at, attribute)
    return Ripple(len(places), labels)


def _spoken(desk: Desk, attribute: Attribute, rows: Sequence[int]) -> set[int]:
    """Return which items state some of several values themselves, beside what was voted."""
    from label.observed.labels import STATED

    if attribute.kind != "many":
        return set()
    stored = desk.store.take("labels", rows, ["row", f"{attribute.name}_sources"]).to_pylist()
    return {each["row"] for each in stored if {*STATED} & {*(each[f"{attribute.name}_sources"] or ())}}


def _model(desk: Desk, name: str) -> tuple[Learned, AttributeModel] | None:
    from label.update.changes import load_learned

    if not desk.store.has("label_models"):
        return None
    learned = desk.kept("learned", ("label_models",), lambda: load_learned(desk.store))
    model = learned.models.get(name)
    return None if model is None or model.benches[FOLD].which is None else (learned, model)


def _matrix(column: object) -> Floats32:
    chunk = column.combine_chunks()  # type: ignore[attr-defined]
    width = chunk.type.list_size
    found: Floats32 = chunk.flatten().to_numpy().reshape(-1, width).astype(np.float32)
    return found


def _donors(
    desk: Desk,
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
    stored = desk.store.take(f"vectors_{key}", wanted, ["row", "vector"])
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
    from label.update.donors import grow_electors

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


def _label(values: Sequence[str], verdict: Verdict, at: int, attribute: Attribute) -> Label:
    from ui.review.desk import Label

    accepted, chances, support = verdict
    codes = np.flatnonzero(accepted[at])
    names = [values[code] for code in codes.tolist()]
    if attribute.kind == "many":
        names = attribute.specific(names)
    if not names:
        return Label()
    return Label(tuple(names), float(chances[at, codes].min()), "vote", round(float(support[at])))
