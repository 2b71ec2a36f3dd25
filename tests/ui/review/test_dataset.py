"""Exports from the page: which decisions are worked in first."""

from __future__ import annotations

from dataclasses import replace

from index.reviews.log import Review
from index.store import Store
from index.store.runs import Runs
from ui.review.dataset import pending
from ui.review.workspace import Workspace


def decided(number: int, when: str, kind: str = "label", value: str = "red") -> Review:
    name = "hair_color" if kind == "label" else None
    return Review(
        0, f"batch{number}", when, "Ann", number, f"{number:032x}", kind, name, value, "set", None, None, None
    )


def test_what_is_pending_is_told_by_places_in_the_log_and_not_by_clocks(small_workspace: Workspace) -> None:
    log = small_workspace.log
    assert pending(small_workspace) == 0
    # Replayed from a log of last year, and from a machine whose clock is ahead.
    log.restore([decided(1, "2001-01-01T00:00:00+00:00")])
    log.restore([decided(2, "2999-01-01T00:00:00+00:00")])
    assert pending(small_workspace) == 2
    with (
        Store.open(small_workspace.store.uri, write=True, verify=False) as store,
        Runs(store).start("label", {}) as run,
    ):
        run.facts["reviews"] = 2
    assert pending(small_workspace) == 0
    log.restore([decided(3, "2001-01-01T00:00:00+00:00", "group", "not_duplicate")])
    assert pending(small_workspace) == 1
    # The label run has seen it, the one of dedupe has not.
    with (
        Store.open(small_workspace.store.uri, write=True, verify=False) as store,
        Runs(store).start("label", {}) as run,
    ):
        run.facts["reviews"] = 3
    assert pending(small_workspace) == 1
    with (
        Store.open(small_workspace.store.uri, write=True, verify=False) as store,
        Runs(store).start("dedupe", {"reviews": 1, "last": 3}),
    ):
        pass
    assert pending(small_workspace) == 0
    undo = replace(decided(-1, "2001-01-01T00:00:00+00:00", "undo"), batch="u", other="batch3", value=None)
    log.restore([undo])
    assert pending(small_workspace) == 1
