"""Groups in the gallery: a section each, a page of them at a time, label or group actions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from schema.arrays import Ints, Rows
from ui.review import actions, tiles
from ui.review.actions import Action, Preview, Written
from ui.review.duplicates.actions import GROUP_ACTIONS, group_decisions
from ui.review.duplicates.actions import preview as group_preview
from ui.review.duplicates.groups import Groups
from ui.review.items import Item
from ui.review.tiles import Section
from ui.views import gallery, session
from ui.wording import pictures

GROUPS = 12
MEMBERS = 24
"""Members shown of one group; the heading says how many there are, and 'select all' takes them all."""


def show(
    key: str,
    groups: Callable[[], tuple[Groups, Ints]],
    attribute: str | None,
    status: Callable[[], str] | None = None,
) -> None:
    """Show a page of groups; without an attribute its buttons are about the groups themselves.

    ``groups`` returns all groups and the numbers of those to show, anew at each drawing: decisions change both.
    """
    view = gallery.View(
        key,
        np.empty(0, np.int64),
        attribute,
        actions=tiles.LABEL_ACTIONS if attribute else GROUP_ACTIONS,
        size=GROUPS,
        live=lambda: _leaders(*groups()),
        expand=lambda leaders: _sections(*groups(), leaders),
        status=status,
        empty="No group matches. Lower the minimum group size or the similarity, or show those that are done.",
    )
    if attribute is None:
        view.preview = _preview
        view.act = _act
    gallery.show(view)


def _leaders(groups: Groups, numbers: Ints) -> Rows:
    """Return the first row of each group to show: what stays of a group when others go."""
    return groups.rows[groups.starts[numbers]]


def _sections(groups: Groups, numbers: Ints, leaders: Rows) -> list[Section]:
    by_leader = dict(zip(_leaders(groups, numbers).tolist(), numbers.tolist(), strict=True))
    workspace = session.workspace()
    made = []
    for leader in leaders.tolist():
        number = by_leader[leader]
        rows = groups.members(number)
        places = workspace.places(rows[:MEMBERS])
        shown = sorted(
            rows[:MEMBERS].tolist(), key=lambda row: (not (row in places and places[row].keep), row)
        )
        more = f", {MEMBERS} of them shown" if len(rows) > MEMBERS else ""
        done = " · done" if groups.done[number] else ""
        made.append(
            Section(
                f"Group {number + 1}", f"{pictures(len(rows))}{more}{done}", shown, rows[MEMBERS:].tolist()
            )
        )
    return made


def _with_mates(rows: Sequence[int]) -> tuple[list[Item], list[Item]]:
    """Return the items of these rows, and all members of their groups."""
    workspace = session.workspace()
    items = workspace.items(rows, [])
    return items, workspace.group_mates(item.group_id for item in items)


def _preview(rows: Sequence[int], action: Action) -> Preview:
    items, mates = _with_mates(rows)
    return Preview(group_preview(items, action.kind, mates))


def _act(rows: Sequence[int], action: Action, as_of: int) -> Written:
    workspace = session.workspace()
    items, mates = _with_mates(rows)
    text = group_preview(items, action.kind, mates)
    made = group_decisions(items, action.kind, mates)
    return actions.write(workspace, made, session.reviewer(), as_of, text)
