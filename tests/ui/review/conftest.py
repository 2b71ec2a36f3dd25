"""What tests of the review share: taking a decision, and what an item then shows."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ui.review import actions
from ui.review.actions import Action
from ui.review.duplicates import actions as group_actions
from ui.review.items import Label
from ui.review.workspace import Workspace


@pytest.fixture
def decide() -> Callable[..., str]:
    """Takes a decision on some rows as a reviewer does, and returns its batch."""

    def take(
        workspace: Workspace,
        rows: list[int],
        kind: str,
        value: str = "",
        name: str = "hair_color",
        who: str = "Ann",
    ) -> str:
        attribute = workspace.attribute(name)
        made = actions.label_decisions(workspace.items(rows, [name]), attribute, Action(kind, value))
        return actions.write(workspace, made, who, workspace.log.position(), kind).batch

    return take


@pytest.fixture
def shown() -> Callable[..., Label]:
    """Returns the label that an item shows."""

    def label(workspace: Workspace, row: int, name: str = "hair_color") -> Label:
        return workspace.items([row], [name])[0].labels[name]

    return label


@pytest.fixture
def decide_group() -> Callable[..., str]:
    """Takes a decision on the groups of some rows, and returns its batch."""

    def take(workspace: Workspace, rows: list[int], action: str, who: str = "Ann") -> str:
        items = workspace.items(rows, [])
        mates = workspace.group_mates(item.group_id for item in items)
        made = group_actions.group_decisions(items, action, mates)
        return actions.write(workspace, made, who, workspace.log.position(), action).batch

    return take
