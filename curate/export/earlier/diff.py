"""What changed between two exports: items, labels, captions and splits, and why: settings, filter, tables, reviews."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.export.about import ABOUT, LEFT_OUT, ROWS
from curate.export.folder import MANIFEST, UNFINISHED
from schema.errors import ExportError

STEP = 65_536
NOT_THERE = "not in the store, or barred from leaving it"


@dataclass(slots=True)
class LabelChange:
    """What changed of one attribute on items that both exports have, and who says the new values."""

    gained: int = 0
    lost: int = 0
    other: int = 0
    sources: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """How many labels changed."""
        return self.gained + self.lost + self.other


@dataclass(slots=True)
class Difference:
    """The difference between two exports.

    ``gone`` and ``new`` count items by the reason that the other export's ledger has for not holding them; ``moved``
    counts changes of split; ``examples`` has some item ids for each kind of change. ``why`` lists what differs in
    what the exports were made from, as (what, before, after).
    """

    items: tuple[int, int] = (0, 0)
    gone: Counter[str] = field(default_factory=Counter)
    new: Counter[str] = field(default_factory=Counter)
    moved: Counter[tuple[str, str]] = field(default_factory=Counter)
    captions: int = 0
    labels: dict[str, LabelChange] = field(default_factory=dict)
    why: list[tuple[str, str, str]] = field(default_factory=list)
    examples: dict[str, list[str]] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Tell whether both exports hold the same items with the same labels, captions and splits."""
        changed = any(each.total for each in self.labels.values())
        return not (self.gone or self.new or self.moved or self.captions or changed)

    def note(self, kind: str, item: str, most: int = 5) -> None:
        """Keep an item as an example of a kind of change."""
        kept = self.examples.setdefault(kind, [])
        if len(kept) < most:
            kept.append(item)

    def as_record(self) -> dict[str, Any]:
        """Return the difference as plain values for JSON."""
        return {
            "items": list(self.items),
            "gone": dict(self.gone),
            "new": dict(self.new),
            "moved": [{"from": a, "to": b, "items": count} for (a, b), count in sorted(self.moved.items())],
            "captions": self.captions,
            "labels": {
                name: {
                    "gained": each.gained, "lost": each.lost, "other": each.other, "sources": dict(each.sources),
                }
                for name, each in self.labels.items()
            },
            "why": [{"what": what, "before": before, "after": after} for what, before, after in self.why],
            "examples": self.examples,
        }  # fmt: skip


def compare_exports(before: str | Path, after: str | Path) -> Difference:
    """Return what changed from one export to another, of any formats. Raises ExportError for what is no export."""
    first, second = _Export(Path(before)), _Export(Path(after))
    found = Difference((first.rows.num_rows, second.rows.num_rows))
    place = pc.index_in(second.ids, value_set=first.ids)
    back = pc.index_in(first.ids, value_set=second.ids)
    for item, reason in _absent(first.ids, back, second.reasons()):
        found.gone[reason] += 1
        found.note("gone", item)
    for item, reason in _absent(second.ids, place, first.reasons()):
        found.new[reason] += 1
        found.note("new", item)
    both = np.flatnonzero(~np.asarray(place.is_null()))
    _compare_rows(found, first.rows.take(place.drop_null()), second.rows.take(pa.array(both)))
    found.why = list(_causes(first.manifest, second.manifest))
    return found


class _Export:
    """What an export says of itself."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self.manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            self.rows = pq.read_table(folder / ABOUT / ROWS)
        except (OSError, ValueError, pa.ArrowException) as error:
            raise ExportError(
                f"{folder} is not an export that can be compared: {error}",
                "It needs _manifest.json and _about/, as likeness export writes them now.",
            ) from error
        if self.manifest.get(UNFINISHED):
            raise ExportError(f"{folder} is an export that was not finished", "Export it again.")
        self.ids = self.rows.column("item_id").combine_chunks()

    def reasons(self) -> dict[str, str]:
        """Return why items are not in it."""
        table = pq.read_table(self.folder / ABOUT / LEFT_OUT)
        found = dict(zip(table.column(0).to_pylist(), table.column(1).to_pylist(), strict=True))
        failed = self.manifest.get("failures", ())
        return found | {each["item_id"]: "its picture could not be written" for each in failed}


def _absent(ids: pa.Array, place: pa.Array, reasons: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for item in ids.filter(place.is_null()).to_pylist():
        yield item, reasons.get(item, NOT_THERE)


def _compare_rows(found: Difference, old: pa.Table, new: pa.Table) -> None:
    """Compare rows of the same items, in the same order."""
    shared = [name for name in new.column_names if name in old.column_names]
    attributes = [name for name in shared if f"{name}_source" in shared]
    for start in range(0, new.num_rows, STEP):
        a, b = old.slice(start, STEP), new.slice(start, STEP)
        ids = b.column("item_id").to_pylist()
        for item, was, now in _changed(ids, a, b, "split"):
            found.moved[str(was), str(now)] += 1
            found.note("moved", item)
        for item, *_ in _changed(ids, a, b, "caption"):
            found.captions += 1
            found.note("caption", item)
        for name in attributes:
            sources = dict(zip(ids, b.column(f"{name}_source").to_pylist(), strict=True))
            for item, was, now in _changed(ids, a, b, name):
                change = found.labels.setdefault(name, LabelChange())
                if not was:
                    change.gained += 1
                elif not now:
                    change.lost += 1
                else:
                    change.other += 1
                change.sources[sources[item] or "no longer known"] += 1
                found.note(name, item)


def _changed(ids: list[str], a: pa.Table, b: pa.Table, name: str) -> Iterator[tuple[str, Any, Any]]:
    old, new = a.column(name), b.column(name)
    if old.equals(new):
        return
    for item, was, now in zip(ids, old.to_pylist(), new.to_pylist(), strict=True):
        if was != now:
            yield item, was, now


def _causes(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield what differs in what two exports were made from."""
    for name in ("likeness", "format", "filter", "everything", "caption", "reviews"):
        if a.get(name) != b.get(name):
            yield name, _text(a.get(name)), _text(b.get(name))
    was, now = dict(_flat(a.get("settings", {}))), dict(_flat(b.get("settings", {})))
    for name in sorted({*was, *now}):
        if was.get(name) != now.get(name):
            yield f"settings {name}", _text(was.get(name)), _text(now.get(name))
    tables_a, tables_b = a.get("tables", {}), b.get("tables", {})
    for name in sorted({*tables_a, *tables_b}):
        if tables_a.get(name) != tables_b.get(name):
            yield f"table {name}", f"version {tables_a.get(name, 0)}", f"version {tables_b.get(name, 0)}"


def _flat(given: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(given, Mapping) and given:
        for name, value in given.items():
            yield from _flat(value, f"{prefix}.{name}" if prefix else str(name))
    else:
        yield prefix, given


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
