"""The step to format 4: labels name the model as their source, conflicts are records, noise lists have today's names.

What earlier versions wrote as sentences is read here, once; nothing else reads them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from index.store.database import Database
from schema import tables

_MODEL_WORDS = ("fused", "vote", "probe", "prompt")
"""What earlier versions called the source of a value that nobody stated."""
_RESOLVED = re.compile(r"the neighbours say (.+) \(([\d.]+)\)")
_VALUE = re.compile(r"(.+?)(?: \((.*)\))?")
_NOISE_KINDS = {"wrong": "contradicted"}


def migrate_labels(database: Database) -> None:
    """Bring the labels and the noise lists to format 4; a table that has it already stays as it is."""
    if database.has("labels"):
        old = database.schema("labels")
        place = old.get_field_index("conflicts")
        if place >= 0 and pa.types.is_string(old.field(place).type.value_type):
            new = old.set(place, pa.field("conflicts", pa.list_(tables.CONFLICT)))
            database.replace("labels", _labels(database, new), new)
    if database.has("label_noise") and "chance" in database.schema("label_noise").names:
        database.replace("label_noise", _noise(database), tables.LABEL_NOISE)


def _labels(database: Database, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for batch in database.scan("labels"):
        columns = []
        for field in schema:
            column = batch[field.name]
            if field.name == "conflicts":
                column = pa.array([conflicts_of(texts or ()) for texts in column.to_pylist()], field.type)
            elif field.name.endswith("_source"):
                column = _renamed(column)
            elif field.name.endswith("_sources"):
                column = pa.ListArray.from_arrays(
                    column.offsets, _renamed(column.values), mask=column.is_null()
                )
            columns.append(column.cast(field.type))
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _renamed(sources: pa.Array) -> pa.Array:
    from_model = pc.is_in(sources, pa.array(_MODEL_WORDS))
    return pc.if_else(from_model, pa.scalar("model"), sources)


def _noise(database: Database) -> Iterator[pa.RecordBatch]:
    for batch in database.scan("label_noise"):
        records = batch.to_pylist()
        for record in records:
            record["probability"] = record.pop("chance")
            record["kind"] = _NOISE_KINDS.get(record["kind"], record["kind"])
        yield pa.RecordBatch.from_pylist(records, tables.LABEL_NOISE)


def conflicts_of(texts: list[str] | tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the conflicts of one item as records, from sentences such as 'hair_color: black (black_hair) or red'."""
    records: list[dict[str, Any]] = []
    for text in texts:
        attribute, _, said = text.partition(": ")
        resolved = _RESOLVED.fullmatch(said)
        if resolved is None:
            records.append(
                {"attribute": attribute, **_contradiction(said), "resolved": None, "confidence": None}
            )
            continue
        outcome = {"resolved": resolved[1], "confidence": float(resolved[2])}
        open_ones = [r for r in records if r["attribute"] == attribute and r["kind"] == "disagree"]
        if open_ones:
            open_ones[0].update(outcome)
        else:
            records.append(
                {"attribute": attribute, "kind": "disagree", "values": [], "evidence": [], **outcome}
            )
    return records


def _contradiction(said: str) -> dict[str, Any]:
    denied = said.endswith(", yet denied")
    parts = said.removesuffix(", yet denied").split(" or ")
    pairs = [match.groups() for part in parts if (match := _VALUE.fullmatch(part))]
    if not denied and len(pairs) == 1:
        # Contradicting numbers are listed by their tags alone: '1girl, 2girls'.
        return {"kind": "count", "values": [], "evidence": said.split(", ")}
    return {
        "kind": "denied" if denied else "disagree",
        "values": [value for value, _ in pairs],
        "evidence": [words or "" for _, words in pairs],
    }
