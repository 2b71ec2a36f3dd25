"""Writing an export from the page: always inside the store's own ``exports`` folder, decisions worked in first."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from index.store import Store
from index.store.runs import Runs
from schema.errors import ExportError
from schema.records import Summary
from ui import flow
from ui.review.workspace import Workspace


def preview_counts(workspace: Workspace, where: str, everything: bool) -> dict[str, int]:
    """Return how many items an export would hold, and how many it leaves out and why."""
    rows = workspace.rows(where)
    aside, several = np.empty(0, np.int64), np.empty(0, np.int64)
    if workspace.store.has("groups"):
        aside = np.intersect1d(rows, workspace.rows("keep = false"), assume_unique=True)
    if workspace.store.has("labels"):
        several = np.intersect1d(rows, workspace.rows("ambiguous"), assume_unique=True)
    out = np.union1d(aside, several)
    return {
        "Items written": len(rows) if everything else len(rows) - len(out),
        "Duplicates set aside": len(aside),
        "Several characters": len(several),
    }


def pending(workspace: Workspace) -> int:
    """Return how many decisions came after the last label run."""
    last = Runs(workspace.store).last("label")
    if last is None:
        return len(workspace.reviews())
    return sum(r.time[:23] > str(last["started"])[:23] for r in workspace.reviews())


def write_export(
    workspace: Workspace, name: str, kind: str, everything: bool, where: str
) -> tuple[Path, Summary]:
    """Work in the decisions, write the data set, return its folder and what was written.

    Raises ExportError when the name is not a plain one: a reviewer writes nowhere else.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}", name):
        raise ExportError(
            f"{name!r} is not a plain name", "Use letters, digits, dots, dashes and underscores."
        )
    if workspace.store.folder is None:
        raise ExportError(
            "this store lies behind an object-store URI", "Use: likeness export OUT --store URI"
        )
    out = workspace.store.folder / "exports" / name
    if pending(workspace):
        with Store.open(workspace.store.uri, write=True) as store:
            flow.run_stage("dedupe", store, workspace.settings)
            flow.run_stage("label", store, workspace.settings)
    done = flow.run_stage(
        "export",
        workspace.store,
        workspace.settings,
        out=str(out),
        format=kind,
        everything=everything,
        where=where or None,
    )
    return out, done
