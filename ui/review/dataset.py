"""Writing an export from the page: always inside the store's own ``exports`` folder, decisions worked in first."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from index.store import Store
from index.store.runs import Runs
from schema.errors import ExportError
from schema.records import Summary
from ui import flow
from ui.review.search import filter_expression
from ui.review.workspace import Workspace


@dataclass(frozen=True, slots=True)
class ExportForm:
    """What a reviewer chose: name and format, whether copies go out too, the attributes needed, a condition."""

    name: str
    format: str
    everything: bool = False
    needed: tuple[str, ...] = ()
    condition: str = ""

    def where(self, workspace: Workspace) -> str:
        """Return the filter that the form stands for."""
        condition = filter_expression(workspace, {}, expert=self.condition)
        parts = [condition, *(f"{name} IS NOT NULL" for name in self.needed)]
        return " AND ".join(part for part in parts if part)


def preview_counts(workspace: Workspace, form: ExportForm) -> dict[str, int]:
    """Return how many items an export would hold, and how many it leaves out and why."""
    if workspace.store.has("selection") and not form.everything and not form.where(workspace):
        chosen = workspace.store.count("selection", "selected")
        return {"Items of the selection": chosen, "Left out": workspace.store.n_items() - chosen}
    rows = workspace.rows(form.where(workspace))
    aside, several = np.empty(0, np.int64), np.empty(0, np.int64)
    if workspace.store.has("groups"):
        aside = np.intersect1d(rows, workspace.rows("keep = false"), assume_unique=True)
    if workspace.store.has("labels"):
        several = np.intersect1d(rows, workspace.rows("ambiguous"), assume_unique=True)
    out = np.union1d(aside, several)
    return {
        "Pictures written": len(rows) if form.everything else len(rows) - len(out),
        "Copies set aside": len(aside),
        "Several characters": len(several),
    }


def pending(workspace: Workspace) -> int:
    """Return how many decisions the last runs of dedupe and label have not taken in, by their place in the log."""
    runs = Runs(workspace.store)
    label, dedupe = runs.last("label"), runs.last("dedupe")
    reviews, groups = workspace.reviews(), workspace.reviewed().groups
    seen = int(label["facts"].get("reviews", 0)) if label else 0
    late = {review.decision for review in reviews if review.decision > seen}
    taken = dedupe["settings"] if dedupe else {}
    if (len(groups), groups[-1].decision if groups else 0) != (taken.get("reviews", 0), taken.get("last", 0)):
        grouped = [review.decision for review in reviews if review.kind in ("group", "undo")]
        late.update(decision for decision in grouped if decision > taken.get("last", 0))
    return len(late)


def write_export(workspace: Workspace, form: ExportForm) -> tuple[Path, Summary]:
    """Work in the decisions, write the data set, return its folder and what was written.

    Raises ExportError when the name is not a plain one: a reviewer writes nowhere else.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}", form.name):
        raise ExportError(
            f"{form.name!r} is not a plain name", "Use letters, digits, dots, dashes and underscores."
        )
    if workspace.store.folder is None:
        raise ExportError(
            "this store lies behind an object-store URI", "Use: likeness export OUT --store URI"
        )
    out = workspace.store.folder / "exports" / form.name
    if pending(workspace):
        with Store.open(workspace.store.uri, write=True) as store:
            flow.run_stage("dedupe", store, workspace.settings)
            flow.run_stage("label", store, workspace.settings)
            if store.has("selection"):
                from curate.select.stored import with_stored

                flow.run_stage("select", store, with_stored(store, workspace.settings))
    done = flow.run_stage(
        "export",
        workspace.store,
        workspace.settings,
        out=str(out),
        format=form.format,
        everything=form.everything,
        where=form.where(workspace) or None,
    )
    return out, done
