"""The figures of the labels for a report: where they come from, what they are worth, which tags look wrong."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from index.store import Store
from label.measured import load_report
from label.predict.columns import ConflictRecord
from schema.settings import Settings
from schema.vocabulary import load_vocabulary

LISTED = 10_000
"""Entries of each list at most; the tables have all, and the counts say how many that is."""


def figures(store: Store, settings: Settings) -> dict[str, Any]:
    """Return all figures; {} before the first label run."""
    if not store.has("labels"):
        return {}
    vocabulary = load_vocabulary(settings.tags.vocabulary or None)
    held_out = load_report(store)
    present = set(store.schema("labels").names)
    names = [name for name in vocabulary.names if name in present]
    sources = {name: Counter[str]() for name in vocabulary.names}
    values = {name: Counter[str]() for name in vocabulary.names}
    conflicts: list[dict[str, Any]] = []
    counts = Counter[str]()
    columns = ["row", "item_id", "ambiguous", "conflicts"]
    columns += [column for name in names for column in (name, f"{name}_source")]
    for batch in store.scan("labels", columns):
        counts["items"] += batch.num_rows
        counts["ambiguous"] += batch["ambiguous"].true_count
        rows = zip(*(batch[name].to_pylist() for name in ("row", "item_id", "conflicts")), strict=True)
        for row, item_id, records in rows:
            counts["conflicts"] += len(records or ())
            if len(conflicts) < LISTED:
                found = (ConflictRecord.read(record) for record in records or ())
                conflicts += [{"row": row, "item_id": item_id, **asdict(conflict)} for conflict in found]
        for name in names:
            column = batch[name]
            flat = column.flatten() if pa.types.is_list(column.type) else column
            values[name].update(value for value in flat.to_pylist() if value)
            sources[name].update(source for source in batch[f"{name}_source"].to_pylist() if source)
    attributes = {
        each.name: {
            "title": each.title,
            "held_out": held_out.get(each.name, {}),
            "sources": dict(sources[each.name]),
            "labels": dict(values[each.name].most_common()),
        }
        for each in vocabulary.attributes
    }
    noise = store.read("label_noise").to_pylist() if store.has("label_noise") else []
    noise.sort(key=lambda record: -record["score"])
    counts["noise"] = len(noise)
    return {"counts": dict(counts), "attributes": attributes, "conflicts": conflicts, "noise": noise[:LISTED]}
