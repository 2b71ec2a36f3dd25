"""The numbers of the Overview page, counted by the store and kept until a table changes."""

from __future__ import annotations

from typing import Any

from index.runs import Runs
from ui.desk import Desk
from ui.quality import held_out
from ui.summary import cell, seconds


def counts(desk: Desk) -> dict[str, int]:
    """Return the headline counts."""
    store = desk.store
    effect = desk.effect()
    return {
        "Pictures": store.count("items", "status = 'ok'"),
        "Refused files": store.count("items", "status = 'failed'"),
        "Duplicates set aside": store.count("groups", "keep = false") if store.has("groups") else 0,
        "Several characters": store.count("labels", "ambiguous") if store.has("labels") else 0,
        "Reviewed labels": len(effect.labels),
    }


def attribute_table(desk: Desk) -> list[dict[str, Any]]:
    """Return per attribute its coverage and, as the last label run measured it, its precision."""
    store = desk.store
    if not store.has("labels"):
        return []
    total = max(1, store.count("items", "status = 'ok'"))
    present = set(store.schema("labels").names)
    measured = held_out(store)
    reviewed: dict[str, int] = {}
    for _, name in desk.effect().labels:
        reviewed[name] = reviewed.get(name, 0) + 1
    made = []
    for attribute in desk.attributes:
        if attribute.name not in present:
            continue
        known = f"{attribute.name} IS NOT NULL"
        if attribute.kind == "many":
            known += f" AND array_length({attribute.name}) > 0"
        labelled = store.count("labels", known)
        voted = store.count("labels", f"{known} AND {attribute.name}_source NOT IN ('tag', 'text', 'review')")
        row: dict[str, Any] = {
            "Attribute": attribute.title,
            "Coverage": labelled / total,
            "Labelled": labelled,
            "By machine": voted,
            "Reviewed": reviewed.get(attribute.name, 0),
        }
        found = measured.get(attribute.name, {})
        if found.get("precision") is not None:
            row["Precision"] = float(found["precision"])
            row["Asked"] = float(found["asked"])
        made.append(row)
    return made


def run_rows(desk: Desk) -> list[dict[str, str]]:
    """Return the last runs, newest first."""
    return [
        {
            "stage": run["stage"],
            "finished (UTC)": str(run["finished"])[:16].replace("T", " "),
            "took": seconds(run["seconds"]),
            "counts": ", ".join(f"{name} {cell(value)}" for name, value in list(run["counts"].items())[:5]),
        }
        for run in reversed(Runs(desk.store).all()[-30:])
    ]
