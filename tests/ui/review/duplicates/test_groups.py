"""Duplicate groups and look-alikes, with decisions laid over them."""

from __future__ import annotations

from collections.abc import Callable

from ui.review.duplicates import groups
from ui.review.workspace import Workspace


def members(workspace: Workspace) -> list[list[int]]:
    found = groups.duplicate_groups(workspace)
    return [found.members(n).tolist() for n in range(found.count)]


def test_groups_and_look_alikes(small_workspace: Workspace) -> None:
    stored = groups.duplicate_groups(small_workspace)
    assert members(small_workspace) == [[0, 1], [2, 3]]
    assert groups.chosen_groups(stored, "copies").tolist() == [0, 1]
    assert groups.chosen_groups(stored, "variants only").tolist() == []
    stars = groups.look_alikes(small_workspace, 0.5)
    flat = stars.rows.tolist()
    assert len(flat) == len(set(flat)), "an item stands in one cluster"
    graph = small_workspace.store.graph(small_workspace.store.encoder_key())
    for n in range(stars.count):
        star = stars.members(n)
        for row in star[1:]:
            close = graph.ids[row][graph.similarity[row] >= 0.5]
            assert star[0] in close


def test_groups_follow_decisions_and_undo(
    small_workspace: Workspace, decide_group: Callable[..., str]
) -> None:
    first = decide_group(small_workspace, [1], "not_duplicate")
    assert members(small_workspace) == [[2, 3]]
    merged = decide_group(small_workspace, [0, 2], "merge")
    assert members(small_workspace) == [[0, 2, 3]]
    decide_group(small_workspace, [3, 2], "split")
    assert members(small_workspace) == [[2, 3]]
    for batch in (merged, first):
        small_workspace.log.undo(batch, "Ann")
    assert members(small_workspace) == [[0, 1], [2, 3]], "together after all, as one press split them off"


def test_the_count_of_what_is_left_falls(
    small_workspace: Workspace, decide_group: Callable[..., str]
) -> None:
    decide_group(small_workspace, [0], "confirm")
    found = groups.duplicate_groups(small_workspace)
    assert found.done.tolist() == [True, False]
    assert groups.chosen_groups(found, done=False).tolist() == [1]
    decide_group(small_workspace, [3], "variant")
    assert groups.duplicate_groups(small_workspace).done.tolist() == [True, False], "one of two is judged"
    decide_group(small_workspace, [2], "keep")
    found = groups.duplicate_groups(small_workspace)
    assert found.done.tolist() == [True, True]
    assert groups.chosen_groups(found, "variants only").tolist() == [1]
