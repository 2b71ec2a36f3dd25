"""The audit of the result on the page: what is next in a sample, and the answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from curate.audit import Audit, audits, rows_in, sample, strata
from curate.select.stored import with_stored
from schema.arrays import Rows
from schema.errors import ReviewError
from schema.near import did_you_mean
from ui.review.curation.gates import decisions_on
from ui.review.workspace import Workspace


def auditable(workspace: Workspace) -> list[str]:
    """Return what can be audited: 'selection' and gates that put something out; empty where nothing is selected."""
    return workspace.cached("strata", ("selection",), lambda: strata(workspace.store))


def audit_queue(workspace: Workspace, of: str) -> Rows:
    """Return what of a sample is not answered yet, in its order."""

    def draw() -> Rows:
        options = with_stored(workspace.store, workspace.settings).select
        return sample(rows_in(workspace.store, of), options.audit, options.seed)

    drawn = workspace.cached(f"audit of {of}", ("selection",), draw)
    answered = workspace.reviewed().audits
    return np.array([row for row in drawn.tolist() if (row, of) not in answered], np.int64)


def answer(workspace: Workspace, of: str, rows: Sequence[int], value: str | None, reviewer: str) -> str:
    """Write good, doubtful or bad (None takes it back) on items of a sample; return the batch.

    Raises ReviewError for what cannot be audited.
    """
    known = auditable(workspace)
    if of not in known:
        raise ReviewError(f"there is no audit of {of!r}{did_you_mean(of, known)}")
    return workspace.log.append(decisions_on(workspace, "audit", of, rows, value), reviewer)


def findings(workspace: Workspace) -> list[Audit]:
    """Return what the audits have found so far."""
    return audits(workspace.store, workspace.reviewed())
