"""From a store to ``report.html`` and ``report.json``: one page that can be mailed, and every figure in it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from curate.audit import audits
from dedupe import report as dedupe_report
from index.store import Store
from index.store.files import replace_text
from index.store.runs import Runs
from label import report as label_report
from label.measured import CALIBRATION_ITEMS, told_calibration_error
from label.predict.columns import ConflictRecord
from label.predict.noise import CONTRADICTED, MISSING
from schema.errors import StoreError
from schema.numbers.statistics import interval
from schema.settings import Settings
from schema.version import __version__
from ui.report import charts
from ui.report.advice import Step, next_steps
from ui.report.arrivals import Arrivals, arrivals
from ui.report.pictures import Pictures
from ui.terminal.summary import knows_avatars_alone
from ui.terminal.tables import clean, seconds

GROUPS_SHOWN, MEMBERS_SHOWN, LISTED = 24, 8, 20
STATED = ("review", "tag", "text", "detector")
KINDS = ("Reviews", "Tags and texts", "Inferred by the model")
TEMPLATE = "report.html.j2"


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that the report says, in numbers and texts; the JSON beside the page."""

    store: str
    made: str
    version: str
    arrivals: Arrivals
    duplicates: dict[str, Any]
    labels: dict[str, Any]
    unknown_words: list[dict[str, Any]]
    curation: dict[str, Any]
    steps: list[Step]


def write_report(store: Store, settings: Settings, out: str | Path, given: str) -> tuple[Path, Path]:
    """Write the page and the JSON into the folder ``out``, and return their paths; ``given`` is the store's name.

    Raises StoreError when nothing was ingested yet.
    """
    if not store.has("items"):
        raise StoreError("the store holds no items yet", "Run: likeness run --store ... --source ...")
    figures = gather(store, settings, given)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    html, data = folder / "report.html", folder / "report.json"
    replace_text(data, json.dumps(asdict(figures), indent=1, sort_keys=True))
    replace_text(html, page(store, settings, figures))
    return html, data


def gather(store: Store, settings: Settings, given: str) -> Figures:
    """Return all figures of the report."""
    came = arrivals(store)
    labels = label_report.figures(store, settings)
    duplicates = dedupe_report.figures(store, settings)
    last = Runs(store).last("label")
    return Figures(
        given,
        datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        __version__,
        came,
        duplicates,
        labels,
        last["facts"].get("unknown_words", []) if last else [],
        curation(store),
        next_steps(given, came, labels, duplicates, knows_avatars_alone(store)),
    )


def curation(store: Store) -> dict[str, Any]:
    """Return gates, funnel, splits, audits and what each gate costs by class; nothing where nothing is selected."""
    runs = Runs(store)
    gates, chosen = runs.last("gates"), runs.last("select")
    if chosen is None or not store.has("selection"):
        return {}
    return {
        **{name: chosen["facts"].get(name) for name in ("funnel", "splits", "asked", "cost", "by")},
        "shortfalls": chosen["facts"].get("shortfalls", []),
        "gates": gates["facts"]["gates"] if gates else [],
        "audits": [{**audit.as_record(), "text": audit.text} for audit in audits(store)],
    }


def page(store: Store, settings: Settings, figures: Figures) -> str:
    """Return the page; whatever comes from files, tags and texts is escaped."""
    pictures = Pictures(store)
    groups, borderline = _groups(store, pictures), _borderline(store, settings, pictures)
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    templates.filters |= {
        "count": lambda value: f"{value:,}",
        "share": lambda value: "–" if value is None else f"{value:.1%}",
        "number": lambda value: "–" if value is None else f"{value:.3f}",
        "conflict": lambda record: str(_conflict(record)),
        "line": lambda text: clean(str(text)),
        "took": seconds,
    }
    return templates.get_template(TEMPLATE).render(
        figures=figures,
        charts=charts,
        pictures=pictures,
        groups=groups,
        borderline=borderline,
        shares=_shares(figures),
        kinds=KINDS,
        attributes=_attributes(figures),
        listed=LISTED,
        calibration_items=CALIBRATION_ITEMS,
        noise=[
            (CONTRADICTED, "Tags that the model contradicts", _noise(figures, CONTRADICTED)),
            (MISSING, "Tags that are probably missing", _noise(figures, MISSING)),
        ],
    )


def _conflict(record: dict[str, Any]) -> ConflictRecord:
    return ConflictRecord.read({name: record[name] for name in ConflictRecord.__dataclass_fields__})


def _noise(figures: Figures, kind: str) -> list[dict[str, Any]]:
    return [record for record in figures.labels.get("noise", ()) if record["kind"] == kind][:LISTED]


def _shares(figures: Figures) -> list[tuple[str, list[int]]]:
    """Return per attribute how many pictures are labelled by reviews, by tags and texts, and by the model."""
    rows = []
    for each in figures.labels.get("attributes", {}).values():
        sources = each["sources"]
        stated = sum(sources.get(name, 0) for name in STATED[1:])
        reviews = sources.get("review", 0)
        rows.append((each["title"], [reviews, stated, sum(sources.values()) - stated - reviews]))
    return rows


def _attributes(figures: Figures) -> list[dict[str, Any]]:
    """Return the attributes with what the page shows of their measurement."""
    shown = []
    total = max(figures.arrivals.funnel.pictures, 1)
    for name, each in figures.labels.get("attributes", {}).items():
        held, sources = each["held_out"], each["sources"]
        stated = sum(sources.get(source, 0) for source in STATED)
        values = [{**value, "interval": _interval(value)} for value in held.get("values", ())]
        shown.append(
            {
                "name": name,
                "title": each["title"],
                "held": held,
                "stated": stated,
                "inferred": sum(sources.values()) - stated,
                "labelled": sum(sources.values()) / total,
                "labels": each["labels"],
                "values": sorted(values, key=lambda value: -value["labelled_items"]),
                "calibration_error": told_calibration_error(held),
                "accepted": _accepted(held),
                "predictions": sum(each["items"] for each in held.get("reliability", ())),
            }
        )
    return shown


def _accepted(held: dict[str, Any]) -> tuple[int, float] | None:
    count, precision = held.get("calibration_items"), held.get("precision")
    return (count, precision) if count and precision is not None else None


def _interval(value: dict[str, Any]) -> tuple[float, float] | None:
    if value["precision"] is None:
        return None
    return interval(round(value["precision"] * value["accepted"]), value["accepted"])


def _groups(store: Store, pictures: Pictures) -> list[dict[str, Any]]:
    """Return groups as before and after, the reason for the kept copy with each."""
    if not store.has("groups"):
        return []
    chosen = dedupe_report.example_groups(store.read("groups").to_pylist(), GROUPS_SHOWN)
    pictures.fetch(record["row"] for members in chosen for record in members[:MEMBERS_SHOWN])
    sizes = _sizes(store, [record["row"] for members in chosen for record in members[:MEMBERS_SHOWN]])
    return [
        {
            "id": members[0]["group_id"],
            "members": [{**record, **sizes.get(record["row"], {})} for record in members[:MEMBERS_SHOWN]],
            "more": max(0, len(members) - MEMBERS_SHOWN),
            "kept": [record for record in members if record["keep"]],
            "aside": sum(not record["keep"] for record in members),
        }
        for members in chosen
    ]


def _sizes(store: Store, rows: list[int]) -> dict[int, dict[str, Any]]:
    if not rows:
        return {}
    found = store.take("items", rows, ["row", "width", "height", "format", "keys"]).to_pylist()
    return {
        each["row"]: {
            "size": f"{each['width']} x {each['height']}" if each["width"] else "",
            "format": each["format"] or "",
            "key": (each["keys"] or [""])[0],
        }
        for each in found
    }


def _borderline(store: Store, settings: Settings, pictures: Pictures) -> list[dict[str, Any]]:
    if not store.has("groups"):
        return []
    found = dedupe_report.borderline(store, settings)
    pictures.fetch(row for each in found for pair, _ in each.pairs for row in pair)
    return [
        {
            "title": each.title,
            "pairs": [{"rows": pair, "measures": measures} for pair, measures in each.pairs],
        }
        for each in found
    ]
