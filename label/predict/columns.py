"""Labels as columns of the labels table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from label.predict.predict import SOURCE_NAMES, LabelColumn, ResolvedConflict
from schema.tags.conflicts import DISAGREE, Conflict

MODEL_SOURCE = SOURCE_NAMES[-1]


@dataclass(frozen=True, slots=True)
class ConflictRecord:
    """A conflict as the labels table has it; ``resolved`` is what the model gives, if anything."""

    attribute: str
    kind: str
    values: tuple[str, ...]
    evidence: tuple[str, ...]
    resolved: str | None = None
    confidence: float | None = None

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> ConflictRecord:
        """Return a conflict from its record in the table."""
        values, evidence = tuple(record["values"] or ()), tuple(record["evidence"] or ())
        outcome = record["resolved"], record["confidence"]
        return cls(record["attribute"], record["kind"], values, evidence, *outcome)

    def __str__(self) -> str:
        """Return the conflict as a phrase: 'black (black_hair) or red (red_hair); the model gives red (0.97)'."""
        said = str(Conflict(self.attribute, self.kind, self.values, self.evidence))
        if self.resolved is None:
            return said
        return f"{said}{'; ' if said else ''}the model gives {self.resolved} ({self.confidence:.2f})"


def label_columns(column: LabelColumn) -> dict[str, pa.Array]:
    """Return the Arrow columns of one attribute, by name."""
    name = column.attribute.name
    source_names = pa.array(SOURCE_NAMES, pa.string())
    values = pa.array(column.values, pa.string())
    offsets = column.offsets().astype(np.int32)
    empty = offsets[1:] == offsets[:-1]
    found = {
        f"{name}_confidence": pa.array(column.confidences(), pa.float32(), mask=empty),
        f"{name}_source": source_names.take(pa.array(column.sources(), mask=empty)),
        f"{name}_support": pa.array(column.support, pa.int32(), mask=empty),
    }
    if not column.attribute.multi_label:
        first = np.minimum(offsets[:-1], max(len(column.code) - 1, 0))
        codes = column.code[first] if len(column.code) else np.zeros(column.n, np.int32)
        found[name] = values.take(pa.array(codes, mask=empty))
        return found
    bounds = pa.array(np.append(offsets[:-1], offsets[-1]), mask=np.append(empty, False))
    found[name] = pa.ListArray.from_arrays(bounds, values.take(pa.array(column.code)))
    found[f"{name}_confidences"] = pa.ListArray.from_arrays(bounds, pa.array(column.confidence, pa.float32()))
    found[f"{name}_sources"] = pa.ListArray.from_arrays(bounds, source_names.take(pa.array(column.source)))
    return found


def with_resolved(
    conflicts: Sequence[Conflict], resolved: Mapping[str, ResolvedConflict]
) -> list[ConflictRecord]:
    """Return the conflicts of one item with what the model made of them, by attribute.

    A conflict that a reviewer's other decision on the attribute hides is listed all the same once it is resolved.
    """
    records = []
    left = dict(resolved)
    for conflict in conflicts:
        found = left.pop(conflict.attribute, None) if conflict.kind == DISAGREE else None
        outcome = (found.value, found.confidence) if found else (None, None)
        records.append(ConflictRecord(**asdict(conflict), resolved=outcome[0], confidence=outcome[1]))
    records += [
        ConflictRecord(name, DISAGREE, (), (), found.value, found.confidence) for name, found in left.items()
    ]
    return records


def conflict_column(n: int, conflicts: Mapping[int, Sequence[ConflictRecord]], kind: pa.DataType) -> pa.Array:
    """Return the conflicts of n items as an array of lists of records, empty but for those by item."""
    sizes = np.zeros(n + 1, np.int32)
    for item, records in conflicts.items():
        sizes[item + 1] = len(records)
    flat = [asdict(record) for item in sorted(conflicts) for record in conflicts[item]]
    bounds = pa.array(np.cumsum(sizes, dtype=np.int32))
    return pa.ListArray.from_arrays(bounds, pa.array(flat, kind.value_type))
