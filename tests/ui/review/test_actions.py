"""Every action on labels reads its rows back; its preview says what it does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from schema.errors import ReviewConflict, ReviewError
from ui.review import actions
from ui.review.actions import Action, Preview, parse_action
from ui.review.items import Label
from ui.review.workspace import Workspace


@pytest.mark.parametrize(
    ("action", "value", "expected"),
    [("set", "red", ("red",)), ("unknown", "", ()), ("reject", "", ()), ("accept", "", ("blonde",))],
)  # fmt: skip
def test_one_of_actions_read_back(
    small_workspace: Workspace,
    action: str,
    value: str,
    expected: tuple[str, ...],
    decide: Callable[..., str],
    shown: Callable[..., Label],
) -> None:
    assert shown(small_workspace, 1).values == ("blonde",)
    decide(small_workspace, [1, 5], action, value)
    label = shown(small_workspace, 1)
    assert label.values == expected
    if action == "reject":
        assert label.rejected == ("blonde",)
    elif action == "unknown":
        assert label.known
    else:
        assert label.source == "review"
    assert shown(small_workspace, 2).source == "tag"


def test_many_of_actions_read_back(
    small_workspace: Workspace, decide: Callable[..., str], shown: Callable[..., Label]
) -> None:
    decide(small_workspace, [5], "set", "hoodie", "dress")
    assert shown(small_workspace, 5, "dress").values == ("green yukata", "hoodie")
    decide(small_workspace, [5], "remove", "green yukata", "dress")
    assert shown(small_workspace, 5, "dress").values == ("hoodie",)
    decide(small_workspace, [5], "unknown", "", "dress")
    assert shown(small_workspace, 5, "dress").values == ()


def test_several_characters_reads_back(small_workspace: Workspace, decide: Callable[..., str]) -> None:
    decide(small_workspace, [2], "several")
    decide(small_workspace, [20], "one")
    assert [bool(i.ambiguous) for i in small_workspace.items([2, 20])] == [True, False]


def test_values_outside_the_vocabulary_are_refused(
    small_workspace: Workspace, decide: Callable[..., str]
) -> None:
    with pytest.raises(ReviewError, match="no value 'octarine'"):
        decide(small_workspace, [1], "set", "octarine")


def test_preview_counts_what_would_change(small_workspace: Workspace) -> None:
    hair = small_workspace.attribute("hair_color")
    found = actions.preview(small_workspace, [1, 5, 2], hair, Action("set", "blonde"))
    assert found == Preview("Hair color: blonde for 1 picture, 2 are so already")
    assert small_workspace.log.position() == 0, "a preview writes nothing"


def test_two_reviewers_never_overwrite_silently(
    small_workspace: Workspace, decide: Callable[..., str], shown: Callable[..., Label]
) -> None:
    drawn = small_workspace.log.position()
    decide(small_workspace, [1], "set", "red")
    made = actions.label_decisions(
        small_workspace.items([1]), small_workspace.attribute("hair_color"), Action("set", "blue")
    )
    with pytest.raises(ReviewConflict):
        actions.write(small_workspace, made, "Bob", drawn, "blue")
    assert shown(small_workspace, 1).values == ("red",)


def test_undo_takes_the_last_own_batch(
    small_workspace: Workspace, decide: Callable[..., str], shown: Callable[..., Label]
) -> None:
    mine = [decide(small_workspace, [1], "set", "red"), decide(small_workspace, [2], "set", "green")]
    decide(small_workspace, [4], "set", "green", who="Bob")
    done = actions.undo_last(small_workspace, "Ann", mine)
    assert done and done.items == 1
    assert shown(small_workspace, 2).values == ("red",)
    actions.undo_last(small_workspace, "Ann", mine)
    assert shown(small_workspace, 1).values == ("blonde",)
    assert actions.undo_last(small_workspace, "Ann", mine) is None
    assert shown(small_workspace, 4).values == ("green",)


def test_ids_of_buttons_are_actions() -> None:
    assert parse_action(None) is None
    assert (
        parse_action("set:green yukata") == parse_action("word:green yukata") == Action("set", "green yukata")
    )
    assert parse_action("word:-green yukata") == Action("remove", "green yukata")
    assert parse_action("reject") == Action("reject")


@pytest.mark.parametrize(
    ("name", "action", "text"),
    [
        ("dress", Action("set", "hoodie"), "hoodie added to 2 pictures"),
        ("dress", Action("remove", "green yukata"), "green yukata removed from 1 picture, 1 is so already"),
        ("hair_color", Action("unknown"), "Hair color: unknown for 2 pictures"),
        ("hair_color", Action("accept"), "2 labels confirmed"),
        ("hair_color", Action("reject"), "2 labels marked incorrect"),
        ("hair_color", Action("several"), "2 pictures marked as showing several characters"),
    ],
    ids=lambda value: str(getattr(value, "kind", "")),
)
def test_what_an_action_would_do_is_said_in_words(
    small_workspace: Workspace, name: str, action: Action, text: str
) -> None:
    assert actions.preview(small_workspace, [1, 5], small_workspace.attribute(name), action) == Preview(text)


@pytest.mark.parametrize(
    ("rows", "action"),
    [
        ([1], Action("set", "blond")),
        ([0], Action("accept")),
        ([0], Action("reject")),
        ([1], Action("remove", "red")),
    ],
    ids=["a mistyped value", "no label to confirm", "no label to reject", "a value it has not"],
)
def test_what_cannot_be_done_does_not_preview_as_if_it_could(
    small_workspace: Workspace, rows: list[int], action: Action
) -> None:
    found = actions.preview(small_workspace, rows, small_workspace.attribute("hair_color"), action)
    assert not found.valid
    if action.value == "blond":
        assert "no value 'blond'" in found.text and "blonde" in found.text
