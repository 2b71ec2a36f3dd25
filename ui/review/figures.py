"""The numbers and plots of the Overview page, counted by the store and kept until a table changes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow.compute as pc

from index.store.runs import Runs
from ui.review.audits import audited, estimate
from ui.review.tiles import PEOPLE
from ui.review.workspace import Workspace
from ui.terminal.quality import held_out
from ui.terminal.summary import numbers_line
from ui.terminal.tables import seconds
from ui.wording import heading

KINDS = {"Reviews": ("review",), "Tags": ("tag",), "Texts": ("text",)}
MACHINE = "Inferred"
SIZES = ((2, 2), (3, 3), (4, 4), (5, 9), (10, 19), (20, 10**9))


def counts(workspace: Workspace) -> dict[str, int]:
    """Return the headline counts."""
    store = workspace.store

    def made() -> dict[str, int]:
        return {
            "Pictures": store.count("items", "status = 'ok'"),
            "Refused files": store.count("items", "status = 'failed'"),
            "Copies set aside": store.count("groups", "keep = false") if store.has("groups") else 0,
            "Several characters": store.count("labels", "ambiguous") if store.has("labels") else 0,
        }

    return {
        **workspace.cached("counts", ("items", "groups", "labels"), made),
        "Reviewed labels": len(workspace.reviewed().labels),
    }


def sources(workspace: Workspace) -> dict[str, Counter[str]]:
    """Return per attribute how many labels each source gave; one pass over the columns of sources."""

    def made() -> dict[str, Counter[str]]:
        present = set(workspace.store.schema("labels").names)
        names = [a.name for a in workspace.attributes if a.name in present]
        found: dict[str, Counter[str]] = {name: Counter() for name in names}
        for batch in workspace.store.scan("labels", [f"{name}_source" for name in names]):
            for name, column in zip(names, batch.columns, strict=True):
                for record in pc.value_counts(column).to_pylist():
                    if record["values"]:
                        found[name][record["values"]] += record["counts"]
        return found

    return workspace.cached("sources", ("labels",), made) if workspace.store.has("labels") else {}


def attribute_table(workspace: Workspace) -> list[dict[str, Any]]:
    """Return per attribute its coverage in percent and, as measured, its precision; empty before the first labels."""
    total = max(1, counts(workspace)["Pictures"])
    measured = measurements(workspace)
    reviewed = Counter(name for _, name in workspace.reviewed().labels)
    checked = {a.name: estimate(workspace, a) for a in audited(workspace)}
    made = []
    for name, found in sources(workspace).items():
        labelled = sum(found.values())
        held = measured.get(name, {})
        precision, target = held.get("precision"), held.get("target_precision")
        made.append(
            {
                "Attribute": heading(workspace.attribute(name)),
                "Coverage": 100 * labelled / total,
                "Labelled": labelled,
                "Inferred": sum(n for source, n in found.items() if source not in PEOPLE),
                "Reviewed": reviewed[name],
                "Target": None if target is None else 100 * float(target),
                "Precision": None if precision is None else 100 * float(precision),
                "Audited": checked[name].text if name in checked else None,
            }
        )
    return made


def measurements(workspace: Workspace) -> dict[str, dict[str, Any]]:
    """Return what the last label run measured per attribute on held-out items."""
    return workspace.cached("held out", ("label_models",), lambda: held_out(workspace.store))


def source_shares(workspace: Workspace) -> dict[str, list[Any]]:
    """Return columns of a stacked plot: per attribute, the percent of all pictures labelled by each kind of source."""
    total = max(1, counts(workspace)["Pictures"])
    found = sources(workspace)
    columns: dict[str, list[Any]] = {"Attribute": [heading(workspace.attribute(name)) for name in found]}
    for kind, words in KINDS.items():
        columns[kind] = [100 * sum(each[word] for word in words) / total for each in found.values()]
    columns[MACHINE] = [
        100 * sum(n for source, n in each.items() if source not in PEOPLE) / total for each in found.values()
    ]
    return columns


def precisions(workspace: Workspace) -> dict[str, list[Any]]:
    """Return columns of a plot: per attribute, precision of inferred labels on held-out items, and the target."""
    measured = {n: f for n, f in measurements(workspace).items() if f.get("precision") is not None}
    titles = {a.name: heading(a) for a in workspace.attributes}
    named = [name for name in titles if name in measured]
    return {
        "Attribute": [titles[name] for name in named],
        "Measured": [100 * float(measured[name]["precision"]) for name in named],
        "Target": [100 * float(measured[name]["target_precision"]) for name in named],
    }


def reliability(workspace: Workspace, name: str) -> dict[str, list[float]]:
    """Return columns of a plot: confidence of inferred labels, the share that is correct, and what it would be if the
    confidence were exact; in percent, bins of equal counts. Empty lists where nothing was measured."""
    bins = measurements(workspace).get(name, {}).get("reliability") or []
    return {
        "Confidence": [100 * each["probability"] for each in bins],
        "Correct": [100 * each["precision"] for each in bins],
        "Ideal": [100 * each["probability"] for each in bins],
    }


def measured_names(workspace: Workspace) -> list[str]:
    """Return the attributes that have a reliability curve."""
    measured = measurements(workspace)
    return [a.name for a in workspace.attributes if measured.get(a.name, {}).get("reliability")]


def group_sizes(workspace: Workspace) -> dict[str, list[Any]]:
    """Return columns of a plot: how many duplicate groups have how many members."""
    from ui.review.duplicates.groups import duplicate_groups

    if not workspace.store.has("groups"):
        return {"Pictures": [], "Groups": []}
    sizes = np.diff(duplicate_groups(workspace).starts)
    made: dict[str, list[Any]] = {"Pictures": [], "Groups": []}
    for low, high in SIZES:
        found = int(((sizes >= low) & (sizes <= high)).sum())
        made["Pictures"].append(
            str(low) if low == high else f"{low} to {high}" if high < 10**9 else f"{low}+"
        )
        made["Groups"].append(found)
    return made


def run_rows(workspace: Workspace) -> list[dict[str, str]]:
    """Return the last runs, newest first."""
    return [
        {
            "Stage": run["stage"],
            "Finished (UTC)": str(run["finished"])[:16].replace("T", " "),
            "Took": seconds(run["seconds"]),
            "What it did": numbers_line(run["stage"], run["counts"]),
        }
        for run in reversed(Runs(workspace.store).all(settings=False)[-30:])
    ]
