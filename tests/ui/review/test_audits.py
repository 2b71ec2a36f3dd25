"""The audit: precision with its exact interval."""

from __future__ import annotations

from dataclasses import replace

from index.reviews.records import AUDIT
from schema.numbers.statistics import interval
from ui.review import actions, audits, queues
from ui.review.actions import Action
from ui.review.workspace import Workspace


def test_audit_estimates_precision(small_workspace: Workspace) -> None:

    hair = small_workspace.attribute("hair_color")
    rows = queues.queue(small_workspace, "Audit", hair).tolist()

    def audited(row: int, action: str, value: str = "") -> None:
        made = actions.label_decisions(small_workspace.items([row]), hair, Action(action, value))
        actions.write(small_workspace, [replace(d, queue=AUDIT) for d in made], "Ann", None, "")

    audited(rows[0], "accept")
    audited(rows[1], "accept")
    audited(rows[2], "set", "white")
    found = audits.estimate(small_workspace, hair)
    assert (found.decided, found.correct) == (3, 2)
    assert found.low < 2 / 3 < found.high


def test_interval_is_clopper_pearson() -> None:
    low, high = interval(95, 100)
    assert (round(low, 4), round(high, 4)) == (0.8872, 0.9836)
    assert interval(0, 0) == (0.0, 1.0)
