"""Clusters in the gallery: a section each, a page of them at a time, label or group actions."""

from __future__ import annotations

from collections.abc import Sequence

from schema.arrays import Ints, Rows
from ui.review import actions, tiles
from ui.review.groups import GROUP_ACTIONS, PREVIEW, Groups, group_decisions
from ui.views import gallery
from ui.views.session import reviewer, workspace

CLUSTERS = 8
MEMBERS = 24
"""Members shown of one cluster; the heading says how many there are, and 'select all of it' takes them all."""


def show(key: str, groups: Groups, numbers: Ints, attribute: str | None) -> None:
    """Show a page of clusters; without an attribute its buttons are about the groups themselves."""
    view = gallery.View(
        key,
        numbers,
        attribute,
        actions=tiles.LABEL_ACTIONS if attribute else GROUP_ACTIONS,
        size=CLUSTERS,
        expand=lambda chosen: _sections(groups, chosen),
        empty="No cluster matches. Lower the least number of members or the similarity.",
    )
    if attribute is None:
        view.preview = _preview
        view.act = _act
    gallery.show(view)


def _sections(groups: Groups, numbers: Rows) -> list[gallery.Section]:
    made = []
    for number in numbers.tolist():
        rows = groups.members(number)
        more = f", {MEMBERS} of them shown" if len(rows) > MEMBERS else ""
        made.append(
            gallery.Section(
                f"Cluster {number + 1}", f"{len(rows)} pictures{more}", rows[:MEMBERS], rows[MEMBERS:]
            )
        )
    return made


def _preview(rows: Sequence[int], press: tiles.Press) -> str:
    items = workspace().items(rows, [])
    group_decisions(items, press.action, [])  # says what cannot be done before it is tried
    return f"{len(items)} item{'' if len(items) == 1 else 's'} {PREVIEW.get(press.action, press.action)}"


def _act(rows: Sequence[int], press: tiles.Press, as_of: int) -> actions.Written:
    here = workspace()
    items = here.items(rows, [])
    wanted = {item.group_id for item in items if item.group_id}
    mates = here.group_mates(wanted) if wanted else []
    chosen = set(rows)
    made = group_decisions(items, press.action, [m for m in mates if m.row not in chosen])
    return actions.write(here, made, reviewer(), as_of, PREVIEW.get(press.action, press.action))
