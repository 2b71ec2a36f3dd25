"""Why a label stands, or why there is none: who voted with which weight, and what the calibrator made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from index.store import Store
from label.data.load import Found, collect
from label.learn.fit_all import Learned
from label.learn.knn import weigh
from label.learn.model import AttributeModel
from label.observed.labels import STATED
from label.stage import encoder_key
from label.update.changes import load_learned
from schema.arrays import Bools
from schema.settings import Settings
from schema.vocabulary import load_vocabulary

SHOWN = 10
"""Voters named in an explanation; the others are counted."""


@dataclass(frozen=True, slots=True)
class Voter:
    """A donor, its share of the whole vote, and what it states."""

    row: int
    item_id: str
    weight: float
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """The evidence for one attribute of one item."""

    row: int
    item_id: str
    attribute: str
    label: tuple[str, ...] = ()
    source: str | None = None
    confidence: float | None = None
    stated: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    asked: float | None = None
    voters: tuple[Voter, ...] = ()
    others: int = 0
    effective: float = 0.0
    kinds: tuple[tuple[str, float], ...] = ()
    """Kinds of evidence and what each counts in the pool."""
    chances: tuple[tuple[str, float, float, str], ...] = ()
    """(value, calibrated chance, threshold, why its threshold is out of reach), likeliest first."""
    sayable: float | None = None
    notes: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        """Return the explanation as lines for a terminal."""
        head = f"{self.attribute} of item {self.row} ({self.item_id})"
        if self.label:
            sure = f", confidence {self.confidence:.3f}" if self.confidence is not None else ""
            lines = [f"{head}: {', '.join(self.label)} (from {self.source}{sure})"]
        else:
            lines = [f"{head}: no label"]
        if self.stated:
            lines.append(f"  stated: {', '.join(self.stated)}")
        lines += [f"  conflict: {text}" for text in self.conflicts]
        if self.chances:
            lines.append(f"  chances after calibration (a precision of {self.asked:g} is asked):")
            for value, chance, at, reason in self.chances[:5]:
                need = f"needs {at:.3f}" if at <= 1 else f"abstains: {reason}"
                lines.append(f"    {value:20s} {chance:.3f}  {need}")
        if self.sayable is not None:
            lines.append(f"  chance that it can be told at all: {self.sayable:.3f}")
        if self.kinds:
            lines.append(
                "  evidence counts: " + ", ".join(f"{name} x {weight:.2f}" for name, weight in self.kinds)
            )
        if self.voters:
            lines.append(f"  voters ({self.effective:.1f} effective; {self.others} more with less weight):")
            lines += [
                f"    item {v.row:<8d} {v.weight:6.1%}  {', '.join(v.values) or 'states nothing'}"
                for v in self.voters
            ]
        lines += [f"  {note}" for note in self.notes]
        return "\n".join(lines)


def explain(store: Store, settings: Settings, row: int, attribute: str) -> Explanation:
    """Return why the item at ``row`` has its label of ``attribute``, or none."""
    vocabulary = load_vocabulary(settings.tags.vocabulary or None)
    vocabulary.attribute(attribute)
    learned = load_learned(store)
    record = (store.take("labels", [row]).to_pylist() or [{}])[0]
    label = record.get(attribute)
    values = tuple(label if isinstance(label, list) else [label] if label else ())
    conflicts = tuple(text for text in record.get("conflicts") or () if text.startswith(f"{attribute}:"))
    base: dict[str, Any] = {
        "row": row,
        "item_id": str(record.get("item_id", "")),
        "attribute": attribute,
        "label": values,
        "source": record.get(f"{attribute}_source"),
        "confidence": record.get(f"{attribute}_confidence"),
        "conflicts": conflicts,
    }
    if record.get("ambiguous"):
        base["notes"] = (f"ambiguous: {record['ambiguous_reason']}",)
    model = learned.models.get(attribute)
    found = collect(store, vocabulary, settings, encoder_key(store))
    stated = found.collection.stated[attribute]
    _, codes, sources = stated.among(np.array([row]))
    base["stated"] = tuple(stated.values[code] for code in codes)
    taggers = [stated.values[code] for code in codes[sources < STATED.index("review")]]
    if model is None:
        base["notes"] = (*base.get("notes", ()), "no votes: too few items state a value")
        return Explanation(**base)
    if found.collection.at[row] < 0:
        return Explanation(**base, asked=model.asked)
    own = vocabulary.attribute(attribute).expand(taggers) if model.kind == "many" else taggers
    said = np.isin(model.values, own)[None, :]
    tagged = found.collection.tag_counts[[row]] > 0
    if model.silent(said, tagged)[0]:
        left_out = "its own tags or text leave values out: their chances are what is left after that"
        base["notes"] = (*base.get("notes", ()), left_out)
    return Explanation(**base, **_votes(found, learned, model, row, said, tagged))


def _votes(
    found: Found, learned: Learned, model: AttributeModel, row: int, stated: Bools, tagged: Bools
) -> dict[str, Any]:
    collection = found.collection
    vector = collection.vectors[collection.at[[row]]]
    fold = int(collection.folds[row])
    plain = learned.features.plain(vector)
    heard = learned.hear(plain, fold, {model.name: model})[model.name]
    chances = model.beside(model.chances(heard), stated, tagged)[0]
    needs = model.needs(stated, tagged)[0]
    order = np.argsort(-chances)
    evidence: dict[str, Any] = {
        "asked": model.asked,
        "effective": float(heard.support[0]),
        "kinds": tuple(zip(model.kinds, (round(float(w), 3) for w in model.pool.weights), strict=True)),
        "chances": tuple(
            (model.values[at], float(chances[at]), float(needs[at]), model.thresholds[at].reason)
            for at in order.tolist()
        ),
    }
    if model.presence is not None:
        evidence["sayable"] = float(model.sayable(heard)[0])
    electors = model.benches[fold].which
    if electors is not None and len(electors.electorate.rows):
        electorate = electors.electorate
        coordinates = plain @ electors.basis
        asked = electorate.asked[int(heard.cells[0, 0])]
        weights = (
            weigh(coordinates, electorate.coordinates[asked], electors.kernel)[0] * electorate.weights[asked]
        )
        weights = weights / (weights.sum() + electors.kernel.doubt)
        top = np.argsort(-weights, kind="stable")[:SHOWN]
        evidence["voters"] = tuple(
            Voter(
                int(electorate.rows[asked[at]]),
                found.item_ids[int(electorate.rows[asked[at]])],
                float(weights[at]),
                tuple(model.values[code] for code in np.flatnonzero(electorate.targets[asked[at]])),
            )
            for at in top.tolist()
        )
        evidence["others"] = len(asked) - len(top)
    return evidence
