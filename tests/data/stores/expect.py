"""What must be found again in a packed store, as JSON with one entry a line; used by ``make.py`` alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any

from index.review_log import COLUMNS
from index.runs import Runs

from index.reviews import effective_reviews, open_log
from index.store import Store
from schema import tables

COMMIT = "ab78517"
PARTS = ("", "_confidence", "_source", "_support", "_confidences", "_sources")
"""Endings of the columns of one attribute in the labels table; the last two of multi-label attributes alone."""


def record(path: Path, store: Store, settings: Sequence[str]) -> None:
    """Write what the store holds as JSON, one entry a line."""
    log = open_log(store, readonly=True)
    reviews = [list(astuple(review)) for review in log.scan()]
    log.close()
    effect = effective_reviews(store)
    found: dict[str, Any] = {
        "commit": COMMIT,
        "settings": list(settings),
        "tables": {table: store.count(table) for table in store.tables()},
        "runs": [[run["stage"], run["counts"]] for run in Runs(store).all()],
        "items": _items(store),
        "failures": store.read("failures").to_pylist() if store.has("failures") else [],
        "vectors": {
            table: hashlib.sha256(store.column(table, "vector").tobytes()).hexdigest()
            for table in store.tables()
            if table.startswith("vectors_")
        },
        "neighbours": {
            table: hashlib.sha256(store.column(table, "ids").tobytes()).hexdigest()
            for table in store.tables()
            if table.startswith("neighbours_")
        },
        "labels": _labels(store),
        "groups": _groups(store),
        "label columns": list(PARTS),
        "review columns": list(COLUMNS),
        "reviews": reviews,
        "effective": {
            "position": effect.position,
            "labels": [
                {k: v for k, v in asdict(each).items() if k not in ("row", "time", "decision")}
                for each in effect.labels.values()
            ],
            "subjects": {str(row): value for row, value in effect.subjects.items()},
            "groups": [review.decision for review in effect.groups],
        },
    }
    path.write_text(_lines(found), encoding="utf-8")


def _items(store: Store) -> dict[str, Any]:
    """Return by id what the items table says, copies folded in; what is empty is left out, as is where files were."""
    names = [
        name for name in tables.ITEMS.names if name not in ("uri", "commit", "sharpness", "border", "bytes")
    ]
    return {
        each.pop("item_id"): {name: value for name, value in each.items() if value not in (None, [], "")}
        for batch in store.items(names)
        for each in batch.to_pylist()
    }


def _groups(store: Store) -> dict[str, Any]:
    return {
        each.pop("item_id"): {name: _short(value) for name, value in each.items()}
        for batch in store.scan("groups")
        for each in batch.to_pylist()
    }


def _labels(store: Store) -> dict[str, Any]:
    """Return labels by item id, by attribute what stands in its columns, in the order of PARTS."""
    found = {}
    for each in (record for batch in store.scan("labels") for record in batch.to_pylist()):
        attributes = {}
        for name in (key.removesuffix("_confidence") for key in each if key.endswith("_confidence")):
            label = [_short(each[f"{name}{part}"]) for part in PARTS if f"{name}{part}" in each]
            if any(value not in (None, []) for value in label):
                attributes[name] = label
        plain = {key: each[key] for key in ("row", "ambiguous", "ambiguous_reason", "conflicts")}
        found[each["item_id"]] = plain | {"attributes": attributes}
    return found


def _short(value: Any) -> Any:
    if isinstance(value, list):
        return [_short(each) for each in value]
    return round(value, 6) if isinstance(value, float) else value


def _lines(found: dict[str, Any]) -> str:
    """JSON with one line for each entry of each section."""
    dump = lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":"))  # noqa: E731
    sections = []
    for key, value in found.items():
        if isinstance(value, dict) and value:
            body = ",\n".join(f"{dump(str(name))}:{dump(each)}" for name, each in value.items())
            sections.append(f"{dump(key)}:{{\n{body}\n}}")
        elif isinstance(value, list) and value:
            sections.append(f"{dump(key)}:[\n" + ",\n".join(map(dump, value)) + "\n]")
        else:
            sections.append(f"{dump(key)}:{dump(value)}")
    return "{\n" + ",\n".join(sections) + "\n}\n"
