"""The review log as lines of words."""

from __future__ import annotations

from collections.abc import Callable

from ui.review.history import batches, details
from ui.review.workspace import Workspace


def test_history_tells_batches(small_workspace: Workspace, decide: Callable[..., str]) -> None:
    batch = decide(small_workspace, [1, 2], "set", "red")
    small_workspace.log.undo(batch, "Bob")
    newest, oldest = batches(small_workspace)
    assert oldest.text == "2 pictures: Hair color: red"
    assert not oldest.counts
    assert newest.text == "undo of: 2 pictures: Hair color: red"
    lines, total = details(small_workspace, batch)
    assert total == 2 and [line.decision for line in lines] == ["Hair color: red"] * 2
