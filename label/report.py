"""The report on labels: one HTML page with plots drawn in place, and the same figures as JSON beside it.

The plots are SVG of a few lines: the page is one file that opens without a network, which a plotting library's scripts
would not.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from index.store import Store
from index.store.files import replace_text
from label.observed.labels import SOURCES
from label.predict.columns import ConflictRecord
from label.predict.noise import CONTRADICTED, MISSING
from label.update.stored import load_report
from schema.errors import StoreError
from schema.settings import Settings
from schema.vocabulary import load_vocabulary

LISTED = 25
"""Entries of each list on the page; the JSON has more of them, the tables all."""
LISTED_IN_JSON = 10_000
TEMPLATE = "report.html.j2"


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
    held_out = load_report(store)
    sources = {name: Counter[str]() for name in vocabulary.names}
    values = {name: Counter[str]() for name in vocabulary.names}
    conflicts: list[dict[str, Any]] = []
    counts = Counter[str]()
    columns = ["row", "item_id", "ambiguous", "conflicts"]
    columns += [column for name in vocabulary.names for column in (name, f"{name}_source")]
    for batch in store.scan("labels", columns):
        counts["items"] += batch.num_rows
        counts["ambiguous"] += batch["ambiguous"].true_count
        rows = zip(*(batch[name].to_pylist() for name in ("row", "item_id", "conflicts")), strict=True)
        for row, item_id, records in rows:
            counts["conflicts"] += len(records or ())
            if len(conflicts) < LISTED_IN_JSON:
                found = (ConflictRecord.read(record) for record in records or ())
                conflicts += [{"row": row, "item_id": item_id, **asdict(conflict)} for conflict in found]
        for name in vocabulary.names:
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
    noise = [record for batch in store.scan("label_noise") for record in batch.to_pylist()]
    return {"counts": dict(counts), "attributes": attributes, "conflicts": conflicts, "noise": noise}


def page(figures: dict[str, Any]) -> str:
    """Return the HTML page of the figures; whatever stands in them is escaped."""
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    templates.filters["number"] = number
    templates.filters["conflict"] = lambda record: str(ConflictRecord.read(record))
    return templates.get_template(TEMPLATE).render(
        figures=figures,
        stated=[source for source in SOURCES if source],
        reliability=reliability,
        curve=curve,
        listed=LISTED,
        lists={
            CONTRADICTED: "Tags that the model contradicts",
            MISSING: "Tags that are probably missing",
        },
    )


def number(value: float | None, digits: int = 3) -> str:
    """Return a number as words, a dash where it is not known."""
    return "–" if value is None else f"{value:.{digits}f}"


def reliability(bins: Sequence[dict[str, float]]) -> Markup:
    """Return the plot of precision over probability, a dot for each bin."""
    dots = "".join(
        f"<circle cx='{20 + 200 * each['probability']:.1f}' cy='{220 - 200 * each['precision']:.1f}' r='4' "
        f"fill='#2563eb'><title>probability {each['probability']:.3f}, precision {each['precision']:.3f}, "
        f"{each['items']} items</title></circle>"
        for each in bins
    )
    return _plot("probability → precision", f"<line x1='20' y1='220' x2='220' y2='20' stroke='#bbb'/>{dots}")


def curve(points: Sequence[Sequence[float]], target: float) -> Markup:
    """Return the plot of precision over coverage, with a line at the target precision."""
    line = " ".join(f"{20 + 200 * x:.1f},{220 - 200 * y:.1f}" for x, y in points)
    level = 220 - 200 * target
    return _plot(
        "coverage → precision",
        f"<line x1='20' y1='{level}' x2='220' y2='{level}' stroke='#bbb'/>"
        f"<polyline points='{line}' fill='none' stroke='#2563eb' stroke-width='2'/>",
    )


def _plot(title: str, inside: str) -> Markup:
    # Numbers and fixed words alone: nothing in it comes from outside.
    return Markup(  # noqa: S704
        "<svg width='240' height='250' role='img'>"
        "<rect x='20' y='20' width='200' height='200' fill='none' stroke='#ddd'/>"
        f"{inside}<text x='120' y='242' text-anchor='middle' font-size='12'>{title}</text></svg>"
    )
