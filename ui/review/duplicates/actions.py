"""What a reviewer can do to duplicate groups: the buttons, what each would change, and the decisions it writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from schema.errors import ReviewError
from schema.records import KEPT, VARIANT, Decision
from ui.wording import counted, pictures

if TYPE_CHECKING:
    from ui.review.items import Item

CONFIRM, KEEP, NOT_DUPLICATE, SPLIT, MERGE = "confirm", "keep", "not_duplicate", "split", "merge"
AS_VARIANT, AS_COPY, SEVERAL = "variant", "same_artwork", "several"
GROUP_ACTIONS = (
    {"id": CONFIRM, "key": "c", "label": "Confirm", "hint": "The group is right as it is shown", "whole": True},
    {"id": KEEP, "key": "k", "label": "Keep this", "hint": "This copy stays, the other copies are set aside"},
    {"id": NOT_DUPLICATE, "key": "d", "label": "Not a duplicate", "hint": "Never again in a group with the others"},
    {"id": SPLIT, "key": "s", "label": "Split off", "hint": "The selected pictures form a group of their own"},
    {"id": MERGE, "key": "g", "label": "Merge", "hint": "The groups of the selected pictures become one"},
    {"id": AS_VARIANT, "key": "v", "label": "Variant", "hint": "Another version of the drawing, which is kept"},
    {"id": AS_COPY, "key": "w", "label": "Same artwork", "hint": "A copy, which is set aside"},
    {"id": SEVERAL, "key": "m", "label": "Several characters", "hint": "The picture shows several characters"},
)  # fmt: skip


def group_decisions(items: Sequence[Item], action: str, mates: Sequence[Item]) -> list[Decision]:
    """Return the decisions of one action on selected items; ``mates`` are all members of their groups.

    Raises ReviewError where the action makes no sense for them.
    """
    check(items, action, mates)
    if action == SEVERAL:
        return [
            Decision(i.row, i.item_id, "subjects", None, "several", seen=i.ambiguous or "one character")
            for i in items
        ]
    if action == MERGE:
        return [_decision(item, MERGE, items[:1]) for item in items[1:]]
    if action == CONFIRM:
        return [decision for group in _groups(items, mates) for decision in _confirmed(group)]
    chosen = {item.row for item in items}
    made = []
    for item in items:
        others = [m for m in mates if m.group_id == item.group_id and m.row != item.row]
        # Who is no duplicate is none of any other; the others of a press stay with each other.
        named = others if action == NOT_DUPLICATE else [m for m in others if m.row not in chosen]
        made.append(_decision(item, action, named))
    return made


def check(items: Sequence[Item], action: str, mates: Sequence[Item]) -> None:
    """Raise ReviewError where an action makes no sense for the selected items."""
    if action == SEVERAL:
        return
    if action == MERGE:
        if len(items) < 2:
            raise ReviewError("select two or more pictures to merge")
        if len({item.group_id or item.item_id for item in items}) < 2:
            raise ReviewError("these pictures are in one group already")
        return
    if any(not item.group_id for item in items):
        raise ReviewError("a picture without a group is no duplicate already")
    if action == KEEP and len({item.group_id for item in items}) != len(items):
        raise ReviewError("only one picture of a group can be the kept one", "Select one in each group.")
    chosen = {item.row for item in items}
    if action == SPLIT and any(all(m.row in chosen for m in group) for group in _groups(items, mates)):
        raise ReviewError("the whole group is selected", "Leave at least one picture of it unselected.")


def preview(items: Sequence[Item], action: str, mates: Sequence[Item]) -> str:
    """Return what an action would change, in words; raises ReviewError where it makes no sense."""
    check(items, action, mates)
    groups = _groups(items, mates)
    n = len(items)
    if action == CONFIRM:
        members = [m for group in groups for m in group]
        kept, aside = sum(m.keep for m in members), sum(not m.keep for m in members)
        confirmed = counted(len(groups), "group confirmed|groups confirmed")
        return f"{confirmed}: {pictures(kept)} kept, {aside} set aside"
    if action == KEEP:
        others = sum(len([m for m in group if m.verdict != VARIANT]) for group in groups) - n
        return f"{counted(n, 'picture is|pictures are')} kept, {counted(others, 'other|others')} set aside"
    if action == NOT_DUPLICATE or (action == SPLIT and _alone(items)):
        return f"{pictures(n)} will no longer count as {'a duplicate' if n == 1 else 'duplicates'}"
    if action == SPLIT:
        new = len(groups)
        return f"{counted(n, 'picture moves|pictures move')} to {'a new group' if new == 1 else f'{new} new groups'}"
    if action == MERGE:
        loose = sum(not item.group_id for item in items)
        size = sum(len(group) for group in groups) + loose
        return f"one group of {pictures(size)} from {len(groups) + loose} parts"
    return {
        AS_VARIANT: f"{counted(n, 'picture is kept as a variant|pictures are kept as variants')}",
        AS_COPY: f"{counted(n, 'picture is set aside as a copy|pictures are set aside as copies')}",
        SEVERAL: f"{pictures(n)} marked as showing several characters",
    }[action]


def _groups(items: Sequence[Item], mates: Sequence[Item]) -> list[list[Item]]:
    """Return the groups of the selected items, each with all its members."""
    wanted = dict.fromkeys(item.group_id for item in items if item.group_id)
    members: dict[str, dict[int, Item]] = {group_id: {} for group_id in wanted}
    for item in (*mates, *items):
        if item.group_id in members:
            members[item.group_id][item.row] = item
    return [list(group.values()) for group in members.values()]


def _alone(items: Sequence[Item]) -> bool:
    """Tell whether each selected item would be the only one of its new group."""
    return len({item.group_id for item in items}) == len(items)


def _confirmed(group: Sequence[Item]) -> list[Decision]:
    """Return decisions that say of every member of a group what is shown of it."""
    kept = [item for item in group if item.verdict == KEPT][:1]
    made = [_decision(item, KEEP, [m for m in group if m.row != item.row]) for item in kept]
    for item in group:
        if item not in kept:
            made.append(_decision(item, AS_VARIANT if item.keep else AS_COPY, kept))
    return made


def _decision(item: Item, value: str, others: Sequence[Item]) -> Decision:
    seen = f"{item.verdict or 'no group'}{' kept' if item.keep and item.verdict else ''}"
    named = tuple(other.item_id for other in others)
    return Decision(item.row, item.item_id, "group", None, value, "set", item.group_id or None, named, seen)
