"""From what a reviewer presses to decisions in the log: what would change, what was written, what is taken back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from index.reviews.log import live_batches
from schema.errors import ReviewError
from schema.near import nearest
from schema.records import Decision
from schema.vocabulary import Attribute
from ui.review.items import Item, Label
from ui.review.workspace import Workspace
from ui.wording import counted, heading, labelled, pictures

SET, REMOVE, UNKNOWN, ACCEPT, REJECT, SUGGESTED = "set", "remove", "unknown", "accept", "reject", "suggested"
SEVERAL, ONE = "several", "one"
NO_SUGGESTIONS: Mapping[int, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Action:
    """What a reviewer chose: a kind, and a value where it has one.

    *set* (single-label: this value; multi-label: add it), *remove* (multi-label), *unknown* (it cannot be known),
    *accept* (what is shown is correct), *reject* (it is incorrect), *suggested* (each item gets the value that was
    suggested for it), *several* and *one* (characters in the picture). Group actions have kinds of their own.
    """

    kind: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """What an action would change, in words; not ``valid``: why it cannot be done."""

    text: str
    valid: bool = True


@dataclass(frozen=True, slots=True)
class Written:
    """A batch in the log: its id, how many items, and what to tell the reviewer."""

    batch: str
    items: int
    text: str


def parse_action(chosen: str | None) -> Action | None:
    """Return what the id of a button says: 'set:blonde', 'word:green yukata', 'word:-hat', 'reject'."""
    if not chosen:
        return None
    kind, _, value = chosen.partition(":")
    if kind == "word" and value.startswith("-"):
        return Action(REMOVE, value[1:].strip())
    return Action(SET, value) if kind in ("set", "word") else Action(kind, value)


def label_decisions(
    items: Sequence[Item], attribute: Attribute, action: Action, suggested: Mapping[int, str] = NO_SUGGESTIONS
) -> list[Decision]:
    """Return the decisions of one action on some items; items it does not touch are left out.

    Raises ReviewError, with the nearest values, when the attribute has no such value.
    """
    check(attribute, action)
    made: list[Decision] = []
    for item in items:
        if action.kind != SUGGESTED:
            made += _of_item(item, attribute, action)
        elif item.row in suggested:
            made += _of_item(item, attribute, Action(SET, suggested[item.row]))
    return made


def check(attribute: Attribute, action: Action) -> None:
    """Raise ReviewError for a value that the attribute does not have."""
    if action.kind not in (SET, REMOVE) or attribute.holds(action.value):
        return
    names = [value.name for value in attribute.values]
    near = nearest(action.value, names)
    raise ReviewError(
        f"{heading(attribute)} has no value {action.value!r}",
        f"Near: {', '.join(near)}" if near else f"Values: {', '.join(names[:12])}, ...",
    )


def _of_item(item: Item, attribute: Attribute, action: Action) -> list[Decision]:
    label = item.labels.get(attribute.name, Label())

    def one(value: str | None, how: str = "set") -> Decision:
        return Decision(
            item.row, item.item_id, "label", attribute.name, value, how, seen=label.seen, shown=label.values
        )

    match action.kind:
        case "set":
            return [one(action.value, "add" if attribute.multi_label else "set")]
        case "remove":
            return [one(action.value, "remove")] if action.value in label.values else []
        case "unknown":
            return [one(None)]
        case "accept":
            return [one(value) for value in label.values]
        case "reject":
            return [one(value, "reject") for value in label.values]
        case "several" | "one":
            seen = item.ambiguous or "one character"
            return [Decision(item.row, item.item_id, "subjects", None, action.kind, seen=seen)]
    raise ReviewError(f"unknown action {action.kind!r}")


def changes(item: Item, attribute: Attribute, action: Action) -> bool:
    """Tell whether an item would show another label than now."""
    values = item.labels.get(attribute.name, Label()).values
    match action.kind:
        case "set":
            return action.value not in values if attribute.multi_label else values != (action.value,)
        case "remove":
            return action.value in values
        case "unknown" | "reject":
            return bool(values)
        case "several":
            return not item.ambiguous
        case "one":
            return bool(item.ambiguous)
    return False


def preview(
    workspace: Workspace,
    rows: Sequence[int],
    attribute: Attribute,
    action: Action,
    suggested: Mapping[int, str] = NO_SUGGESTIONS,
) -> Preview:
    """Say what an action would change before it does: labels of the items themselves, and of those around them."""
    try:
        check(attribute, action)
    except ReviewError as error:
        return Preview(f"{error.message}. {error.hint}", valid=False)
    items = workspace.items(rows, [attribute.name])
    decisions = label_decisions(items, attribute, action, suggested)
    parts = [_own_part(items, attribute, action, suggested)]
    if decisions:
        parts += _others_part(workspace, attribute, decisions)
    return Preview(", ".join(parts), valid=bool(decisions))


def _own_part(
    items: Sequence[Item], attribute: Attribute, action: Action, suggested: Mapping[int, str]
) -> str:
    """Return what changes of the selected items themselves."""
    if action.kind == SUGGESTED:
        taken = [item for item in items if item.row in suggested]
        changed = sum(changes(i, attribute, Action(SET, suggested[i.row])) for i in taken)
        parts = [f"{counted(changed, 'picture gets|pictures get')} the suggested value"]
        parts += [f"{len(taken) - changed} confirmed"] if len(taken) > changed else []
        parts += (
            [f"{len(items) - len(taken)} without a suggestion left out"] if len(taken) < len(items) else []
        )
        return ", ".join(parts)
    if action.kind == ACCEPT:
        having = sum(bool(item.labels[attribute.name].values) for item in items)
        without = len(items) - having
        said = counted(having, "label confirmed|labels confirmed")
        return said + (f", {without} without a label left out" if without else "")
    changed = sum(changes(item, attribute, action) for item in items)
    same = len(items) - changed
    said = outcome(changed, attribute, action) if changed else "no label changes"
    return said + (f", {same} {'is' if same == 1 else 'are'} so already" if same and changed else "")


def outcome(count: int, attribute: Attribute, action: Action) -> str:
    """Return in words what an action does to ``count`` items: 'Hair color: blonde for 3 pictures'."""
    some = pictures(count)
    if action.kind == SET and attribute.multi_label:
        return f"{action.value} added to {some}"
    return {
        SET: f"{labelled(attribute, action.value)} for {some}",
        REMOVE: f"{action.value} removed from {some}",
        UNKNOWN: f"{labelled(attribute, 'unknown')} for {some}",
        ACCEPT: counted(count, "label confirmed|labels confirmed"),
        REJECT: counted(count, "label marked incorrect|labels marked incorrect"),
        SUGGESTED: f"suggested value accepted for {some}",
        SEVERAL: f"{some} marked as showing several characters",
        ONE: f"{some} marked as showing one character",
    }.get(action.kind, action.kind)


def _others_part(workspace: Workspace, attribute: Attribute, decisions: Sequence[Decision]) -> list[str]:
    """Return how many labels of other items would change, and how many items a limit left unlooked at."""
    if workspace.models() is None:
        return []
    known = workspace.revoted(attribute.name)
    found = workspace.suppose(decisions, attribute.name)
    own = {decision.row for decision in decisions}
    fresh = sum(
        row not in known or known[row].values != label.values
        for row, label in found.labels.get(attribute.name, {}).items()
        if row not in own
    )
    said = [
        counted(fresh, "other label will change|other labels will change")
        if fresh
        else "no other label changes"
    ]
    return said + ([f"{found.left_out:,} further pictures not looked at"] if found.left_out else [])


def write(
    workspace: Workspace, decisions: Sequence[Decision], reviewer: str, as_of: int | None, text: str
) -> Written:
    """Write one batch durably; raises ReviewConflict when another reviewer was quicker."""
    if workspace.readonly:
        raise ReviewError("this page is open for reading only")
    batch = workspace.log.append(decisions, reviewer, as_of=as_of)
    return Written(batch, len({d.row for d in decisions}), text)


def undo_last(workspace: Workspace, reviewer: str, batches: Sequence[str]) -> Written | None:
    """Take back the latest of these batches that still counts; None when there is none."""
    live = live_batches(workspace.reviews())
    for batch in reversed(batches):
        if live.get(batch):
            count = len({r.row for r in workspace.reviews() if r.batch == batch})
            return Written(workspace.log.undo(batch, reviewer), count, f"undone: {pictures(count)} as before")
    return None
