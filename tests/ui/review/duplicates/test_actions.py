"""Every action on groups reads its rows back; its preview says what it does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from index.reviews.effective import effective_reviews
from index.reviews.group_overrides import named_items, read_overrides
from index.store.keys import rows_of_ids
from schema.errors import ReviewError
from ui.review.duplicates import actions as group_actions
from ui.review.workspace import Workspace


def said(workspace: Workspace, rows: list[int], action: str) -> str:
    items = workspace.items(rows, [])
    return group_actions.preview(items, action, workspace.group_mates(i.group_id for i in items))


@pytest.mark.parametrize("action", ["keep", "not_duplicate", "split", "variant", "same_artwork"])
def test_group_actions_read_back(
    small_workspace: Workspace, action: str, decide_group: Callable[..., str]
) -> None:
    first = small_workspace.items([0], [])[0]
    decide_group(small_workspace, [1], action)
    found = small_workspace.reviewed().groups[-1]
    assert (found.row, found.value, found.group_id, found.others) == (
        1,
        action,
        first.group_id,
        (first.item_id,),
    )
    one, other = small_workspace.items([1, 0], [])
    if action == "keep":
        assert one.keep and not other.keep
    elif action in ("not_duplicate", "split"):
        assert not one.group_id and one.keep
        assert not other.group_id and other.keep
    else:
        assert one.verdict == action.replace("_", " ")
        assert one.keep == (action == "variant")


def test_what_makes_no_sense_is_refused(small_workspace: Workspace, decide_group: Callable[..., str]) -> None:
    with pytest.raises(ReviewError, match="two or more"):
        decide_group(small_workspace, [0], "merge")
    with pytest.raises(ReviewError, match="one group already"):
        decide_group(small_workspace, [0, 1], "merge")
    with pytest.raises(ReviewError, match="only one"):
        decide_group(small_workspace, [0, 1], "keep")
    with pytest.raises(ReviewError, match="whole group"):
        decide_group(small_workspace, [0, 1], "split")
    with pytest.raises(ReviewError, match="without a group"):
        decide_group(small_workspace, [9], "not_duplicate")
    with pytest.raises(ReviewError, match="without a group"):
        said(small_workspace, [9], "keep")


def test_the_preview_says_what_happens(small_workspace: Workspace, decide_group: Callable[..., str]) -> None:
    assert said(small_workspace, [1], "not_duplicate") == "1 picture will no longer count as a duplicate"
    assert said(small_workspace, [1], "split") == "1 picture will no longer count as a duplicate"
    assert said(small_workspace, [1], "keep") == "1 picture is kept, 1 other set aside"
    assert said(small_workspace, [0, 2], "merge") == "one group of 4 pictures from 2 parts"
    assert said(small_workspace, [0], "confirm") == "1 group confirmed: 1 picture kept, 1 set aside"
    decide_group(small_workspace, [0, 2], "merge")
    assert said(small_workspace, [2, 3], "split") == "2 pictures move to a new group"
    decide_group(small_workspace, [2, 3], "split")
    one, other = small_workspace.items([2, 3], [])
    assert one.group_id and one.group_id == other.group_id
    assert one.group_id != small_workspace.items([0], [])[0].group_id


def test_a_confirmed_group_is_what_dedupe_reads(
    small_workspace: Workspace, decide_group: Callable[..., str]
) -> None:
    decide_group(small_workspace, [2], "confirm")
    reviews = effective_reviews(small_workspace.store).groups
    found = read_overrides(reviews, rows_of_ids(small_workspace.store, named_items(reviews)))
    assert found.kept == {2: "Ann"}
    assert found.verdicts == {3: "same artwork"}
    assert found.together == {(2, 3)}
