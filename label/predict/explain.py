"""Why an item has its label of one attribute, or none, in words for a terminal."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from label.data.load import ItemLoader
from label.learn.fit_all import LabelModels
from label.predict.columns import ConflictRecord
from label.predict.evidence import Evidence, evidence

REFERENCES_SHOWN = 10
"""Reference items named in an explanation; the others are counted."""
VALUES_SHOWN = 5
OMITS = "its own tags or text leave values out: their probabilities are what is left after that"


@dataclass(frozen=True, slots=True)
class Explanation:
    """One attribute of one item: its label as it stands in the table, and the evidence (None: there is no model, or
    the item has no vector)."""

    row: int
    item_id: str
    attribute: str
    label: tuple[str, ...] = ()
    source: str | None = None
    confidence: float | None = None
    conflicts: tuple[ConflictRecord, ...] = ()
    evidence: Evidence | None = None
    notes: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        """Return the explanation as lines for a terminal."""
        head = f"{self.attribute} of item {self.row} ({self.item_id})"
        if self.label:
            certainty = f", confidence {self.confidence:.3f}" if self.confidence is not None else ""
            lines = [f"{head}: {', '.join(self.label)} (from {self.source}{certainty})"]
        else:
            lines = [f"{head}: no label"]
        if self.evidence is not None and self.evidence.stated:
            lines.append(f"  stated: {', '.join(self.evidence.stated)}")
        lines += [f"  conflict: {conflict}" for conflict in self.conflicts]
        if self.evidence is not None:
            lines += _evidence_lines(self.evidence)
        lines += [f"  {note}" for note in self.notes]
        return "\n".join(lines)


def _evidence_lines(found: Evidence) -> list[str]:
    lines = [f"  probabilities (target precision {found.target_precision:g}):"]
    for value in found.values[:VALUES_SHOWN]:
        need = f"abstains: {value.reason}" if value.required is None else f"needs {value.required:.3f}"
        lines.append(f"    {value.value:20s} {value.probability:.3f}  {need}")
    if found.applicability is not None:
        lines.append(f"  probability that it can be told at all: {found.applicability:.3f}")
    if found.weights:
        weights = ", ".join(f"{kind} x {weight:.2f}" for kind, weight in found.weights)
        lines.append(f"  weights of the evidence: {weights}")
    references = found.references
    if len(references.rows):
        more = max(len(references.rows) - REFERENCES_SHOWN, 0)
        lines.append(f"  reference items ({references.support:.1f} effective; {more} more with less weight):")
        shown = zip(references.rows.tolist(), references.shares.tolist(), references.values, strict=True)
        for row, share, values in list(shown)[:REFERENCES_SHOWN]:
            lines.append(f"    item {row:<8d} {share:6.1%}  {', '.join(values) or 'no value stated'}")
    return lines


def explain(loader: ItemLoader, models: LabelModels, row: int, attribute: str) -> Explanation:
    """Return why the item at ``row`` has its label of ``attribute``, or none.

    ``models`` are those that the last run labelled with. Raises VocabularyError for an unknown attribute.
    """
    loader.vocabulary.attribute(attribute)
    record: dict[str, Any] = (loader.store.take("labels", [row]).to_pylist() or [{}])[0]
    label = record.get(attribute)
    notes = [f"ambiguous: {record['ambiguous_reason']}"] if record.get("ambiguous") else []
    found = evidence(loader, models, row, attribute)
    if attribute not in models.models:
        notes.append("no model: too few items state a value")
    elif found is not None and found.omits:
        notes.append(OMITS)
    conflicts = [ConflictRecord.read(each) for each in record.get("conflicts") or ()]
    return Explanation(
        row,
        str(record.get("item_id", "")),
        attribute,
        tuple(label if isinstance(label, list) else [label] if label else ()),
        record.get(f"{attribute}_source"),
        record.get(f"{attribute}_confidence"),
        tuple(conflict for conflict in conflicts if conflict.attribute == attribute),
        found,
        tuple(notes),
    )
