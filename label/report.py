"""The report on labels: one HTML page with plots drawn in place, and the same figures as JSON beside it."""

from __future__ import annotations

import html
import json
from collections import Counter
from pathlib import Path
from typing import Any

from index.store import Store
from index.store.files import replace_text
from schema.errors import StoreError
from schema.settings import Settings
from schema.vocabulary import load_vocabulary

LISTED = 25
"""Entries of each list on the page; the JSON and the tables have them all."""


def write_report(store: Store, settings: Settings, folder: str | Path) -> Path:
    """Write labels.html and labels.json into ``folder`` and return the path of the page.

    Raises StoreError when the items were not labelled yet.
    """
    figures = gather(store, settings)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    replace_text(folder / "labels.json", json.dumps(figures, indent=1, sort_keys=True))
    path = folder / "labels.html"
    replace_text(path, page(figures))
    return path


def gather(store: Store, settings: Settings) -> dict[str, Any]:
    """Return all figures of the report."""
    if not store.has("labels"):
        raise StoreError("the store holds no labels yet", "Run: likeness label --store ...")
    vocabulary = load_vocabulary(settings.tags.vocabulary or None)
    held: dict[str, Any] = {}
    for batch in store.scan("label_models", ["name", "blob"]):
        for record in batch.to_pylist():
            if record["name"] == "report":
                held = json.loads(record["blob"])
    attributes: dict[str, dict[str, Any]] = {
        each.name: {"title": each.title, "held_out": held.get(each.name, {}), "sources": {}, "labels": {}}
        for each in vocabulary.attributes
    }
    sources = {name: Counter[str]() for name in attributes}
    values = {name: Counter[str]() for name in attributes}
    conflicts: list[dict[str, Any]] = []
    counts = Counter[str]()
    wanted = ["row", "item_id", "ambiguous", "conflicts"]
    wanted += [name for each in attributes for name in (each, f"{each}_source")]
    for batch in store.scan("labels", wanted):
        counts["items"] += batch.num_rows
        counts["ambiguous"] += sum(batch.column(2).to_pylist())
        for row, item_id, found in zip(
            batch.column(0).to_pylist(), batch.column(1).to_pylist(), batch.column(3).to_pylist(), strict=True
        ):
            counts["conflicts"] += len(found or ())
            if found and len(conflicts) < 10_000:
                conflicts += [{"row": row, "item_id": item_id, "conflict": text} for text in found]
        for name in attributes:
            column = batch.column(batch.schema.get_field_index(name))
            flat = column.flatten() if hasattr(column, "flatten") and column.type.num_fields else column
            values[name].update(value for value in flat.to_pylist() if value)
            sources[name].update(
                word
                for word in batch.column(batch.schema.get_field_index(f"{name}_source")).to_pylist()
                if word
            )
    noise: list[dict[str, Any]] = []
    for batch in store.scan("label_noise"):
        noise += batch.to_pylist()
    for name, each in attributes.items():
        each["sources"], each["labels"] = dict(sources[name]), dict(values[name].most_common())
    return {"counts": dict(counts), "attributes": attributes, "conflicts": conflicts, "noise": noise}


def page(figures: dict[str, Any]) -> str:
    """Return the HTML page of the figures."""
    counts = figures["counts"]
    parts = [
        f"<h1>Labels</h1><p>{counts.get('items', 0):,} items, {counts.get('ambiguous', 0):,} ambiguous, "
        f"{counts.get('conflicts', 0):,} conflicts between tags.</p>"
        "<p>Precision, coverage and calibration are of tagged items held out with their families, from pools, curves "
        "and thresholds fitted on other items. Precision is read against the tags, slips and omissions of the "
        "taggers accounted for.</p>",
        _overview(figures["attributes"]),
    ]
    for name, each in figures["attributes"].items():
        parts.append(_attribute(name, each))
    parts.append(_conflicts(figures["conflicts"]))
    parts.append(_noise(figures["noise"], "wrong", "Tags that the votes contradict"))
    parts.append(_noise(figures["noise"], "missing", "Tags that are probably missing"))
    return f"<!doctype html><html lang=en><meta charset=utf-8><title>Labels</title><style>{STYLE}</style>{''.join(parts)}</html>"  # noqa: E501


STYLE = (
    "body{font:14px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;margin:.5rem 0}td,th{padding:.15rem .6rem;border-bottom:1px solid #ddd;"
    "text-align:right}td:first-child,th:first-child{text-align:left}svg{margin-right:2rem}"
    ".silent{color:#888}h2{margin-top:2.5rem}"
)


def _overview(attributes: dict[str, Any]) -> str:
    rows = []
    for each in attributes.values():
        held = each["held_out"]
        people = sum(n for word, n in each["sources"].items() if word in ("review", "tag", "text"))
        machine = sum(each["sources"].values()) - people
        rows.append(
            [
                each["title"],
                f"{people:,}",
                f"{machine:,}",
                _number(held.get("asked"), 2),
                _number(held.get("precision")),
                _number(held.get("coverage")),
                _number(held.get("calibration_error_accepted")),
                _number(held.get("calibration_error")),
                f"{held.get('donors', 0):,}",
            ]
        )
    head = [
        "attribute",
        "stated",
        "voted",
        "asked",
        "precision",
        "coverage",
        "error, accepted",
        "error, all",
        "donors",
    ]
    return _table(head, rows)


def _attribute(name: str, each: dict[str, Any]) -> str:
    held = each["held_out"]
    if not held.get("values"):
        return f"<h2 id='{name}'>{html.escape(each['title'])}</h2><p class=silent>No votes: {html.escape(held.get('reason', 'not learned'))}.</p>"  # noqa: E501
    rows = []
    for value in held["values"]:
        at = value["threshold"]
        rows.append(
            [
                value["value"],
                f"{value['donors']:,}",
                _number(value["precision"]),
                _number(value["coverage"]),
                _number(value["calibration_error"]),
                f"{at:.3f}" if at is not None else f"abstains: {value['reason']}",
                f"{each['labels'].get(value['value'], 0):,}",
            ]
        )
    head = ["value", "donors", "precision", "coverage", "error", "threshold", "labels"]
    evidence = ", ".join(f"{kind} × {weight:.2f}" for kind, weight in held["evidence"].items())
    confusion = "".join(
        f"<li>{html.escape(c['stated'])} voted as {html.escape(c['voted'])}: {c['items']} ({c['accepted']} accepted)</li>"  # noqa: E501
        for c in held["confusion"][:8]
    )
    return (
        f"<h2 id='{name}'>{html.escape(each['title'])}</h2><p>Evidence: {evidence}. Taggers state what is there in "
        f"{held['recall_of_taggers']:.0%} of cases.</p>{_reliability(held['reliability'])}{_curve(held['curve'], held['asked'])}"  # noqa: E501
        f"{_table(head, rows)}" + (f"<p>Most confused:</p><ul>{confusion}</ul>" if confusion else "")
    )


def _reliability(bins: list[dict[str, float]]) -> str:
    dots = "".join(
        f"<circle cx='{20 + 200 * b['chance']:.1f}' cy='{220 - 200 * b['precision']:.1f}' r='4' fill='#2563eb'>"
        f"<title>chance {b['chance']:.3f}, precision {b['precision']:.3f}, {b['items']} items</title></circle>"
        for b in bins
    )
    return _plot(
        "reliability: chance → precision", f"<line x1='20' y1='220' x2='220' y2='20' stroke='#bbb'/>{dots}"
    )


def _curve(points: list[list[float]], asked: float) -> str:
    line = " ".join(f"{20 + 200 * x:.1f},{220 - 200 * y:.1f}" for x, y in points)
    level = 220 - 200 * asked
    return _plot(
        "coverage → precision",
        f"<line x1='20' y1='{level}' x2='220' y2='{level}' stroke='#bbb'/>"
        f"<polyline points='{line}' fill='none' stroke='#2563eb' stroke-width='2'/>",
    )


def _plot(title: str, inside: str) -> str:
    return (
        "<svg width='240' height='250' role='img'><rect x='20' y='20' width='200' height='200' fill='none' stroke='#ddd'/>"  # noqa: E501
        f"{inside}<text x='120' y='242' text-anchor='middle' font-size='12'>{html.escape(title)}</text></svg>"
    )


def _conflicts(conflicts: list[dict[str, Any]]) -> str:
    rows = [[str(c["row"]), c["item_id"], c["conflict"]] for c in conflicts[:LISTED]]
    return f"<h2>Conflicts</h2>{_table(['item', 'id', 'conflict'], rows)}" if rows else ""


def _noise(noise: list[dict[str, Any]], kind: str, title: str) -> str:
    listed = sorted((each for each in noise if each["kind"] == kind), key=lambda each: -each["score"])[
        :LISTED
    ]
    rows = [
        [str(n["row"]), n["item_id"], n["attribute"], n["value"], f"{n['score']:.3f}", n["suggestion"] or ""]
        for n in listed
    ]
    head = ["item", "id", "attribute", "value", "score", "the votes say"]
    return f"<h2>{title}</h2>{_table(head, rows)}" if rows else ""


def _table(head: list[str], rows: list[list[str]]) -> str:
    top = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{top}</tr>{body}</table>"


def _number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
