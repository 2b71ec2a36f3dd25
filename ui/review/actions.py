"""From what a reviewer presses to decisions in the log: what would change, what was written, what is taken back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schema.errors import ReviewError
from schema.records import Decision
from schema.vocabulary import Attribute
from ui.review.items import Item, Label
from ui.review.workspace import Workspace

UNKNOWN, ACCEPT, REJECT, SEVERAL, ONE, TAKE = "unknown", "accept", "reject", "several", "one", "take"


@dataclass(frozen=True, slots=True)
class Written:
    """A batch that stands in the log: its id, how many items, and what to tell the reviewer."""

    batch: str
    items: int
    text: str


def label_decisions(
    items: Sequence[Item],
    attribute: Attribute,
    action: str,
    value: str = "",
    suggested: Mapping[int, str] | None = None,
) -> list[Decision]:
    """Return the decisions of one press over some items; items it does not touch are left out.

    ``action`` is 'set' (one-of: this value; many-of: add it), 'remove' (many-of), 'unknown', 'accept' (what is shown
    is right), 'reject' (what is shown is wrong), 'take' (set what is ``suggested`` for the row), 'several' or 'one'
    (characters in the picture). Raises ReviewError when the vocabulary has no such value.
    """
    if action == TAKE:
        taken = suggested or {}
        return [
            decision
            for item in items
            if item.row in taken
            for decision in label_decisions([item], attribute, "set", taken[item.row])
        ]
    if action in ("set", "remove") and not attribute.holds(value):
        raise ReviewError(
            f"{attribute.title} has no value {value!r}",
            f"There are: {', '.join(v.name for v in attribute.values[:40])}",
        )
    made: list[Decision] = []
    for item in items:
        made += _of_item(item, attribute, action, value)
    return made


def _of_item(item: Item, attribute: Attribute, action: str, value: str) -> list[Decision]:
    label = item.labels.get(attribute.name, Label())
    name, seen = attribute.name, label.seen

    def one(said: str | None, how: str = "set") -> Decision:
        return Decision(item.row, item.item_id, "label", name, said, how, seen=seen)

    if action == "set":
        return [one(value, "add" if attribute.kind == "many" else "set")]
    if action == "remove":
        return [one(value, "remove")] if value in label.values else []
    if action == UNKNOWN:
        return [one(None)]
    if action == ACCEPT:
        return [one(said) for said in label.values]
    if action == REJECT:
        return [one(said, "reject") for said in label.values]
    if action in (SEVERAL, ONE):
        return [
            Decision(item.row, item.item_id, "subjects", None, action, seen=item.ambiguous or "one character")
        ]
    raise ReviewError(f"unknown action {action!r}")


def changes(items: Sequence[Item], attribute: Attribute, action: str, value: str = "") -> int:
    """Return how many items would show another label than now."""
    count = 0
    for item in items:
        label = item.labels.get(attribute.name, Label())
        if action == "set":
            count += value not in label.values if attribute.kind == "many" else label.values != (value,)
        elif action == "remove":
            count += value in label.values
        elif action in (UNKNOWN, REJECT):
            count += bool(label.values)
        elif action == SEVERAL:
            count += not item.ambiguous
        elif action == ONE:
            count += bool(item.ambiguous)
    return count


def preview_text(
    workspace: Workspace,
    rows: Sequence[int],
    attribute: Attribute,
    action: str,
    value: str = "",
    suggested: Mapping[int, str] | None = None,
) -> str:
    """Say what a press would change, before it does: labels of the items themselves, and votes of others."""
    items = workspace.items(rows, [attribute.name])
    if action == TAKE:
        return _preview_taken(workspace, items, attribute, suggested or {})
    changed = changes(items, attribute, action, value)
    same = len(items) - changed
    parts = [f"{_items(changed)} {_verb(action, value)}" if changed else "no label changes"]
    if action == ACCEPT:
        with_label = sum(bool(i.labels[attribute.name].values) for i in items)
        parts = [f"{_items(with_label)} confirmed"]
        same = len(items) - with_label
        parts += [f"{same} without a label left out"] if same else []
    elif same:
        parts.append(f"{same} as {'it is' if same == 1 else 'they are'}")
    if action in ("set", UNKNOWN, ACCEPT):
        parts += _consequences_text(workspace, label_decisions(items, attribute, action, value), attribute)
    return ", ".join(parts)


def _preview_taken(
    workspace: Workspace, items: Sequence[Item], attribute: Attribute, suggested: Mapping[int, str]
) -> str:
    taken = [item for item in items if item.row in suggested]
    changed = sum(changes([item], attribute, "set", suggested[item.row]) for item in taken)
    parts = [f"{_items(changed)} relabelled as suggested"]
    parts += [f"{len(taken) - changed} confirmed"] if len(taken) > changed else []
    parts += [f"{len(items) - len(taken)} without a suggestion left out"] if len(taken) < len(items) else []
    decisions = label_decisions(taken, attribute, TAKE, suggested=suggested)
    return ", ".join([*parts, *_consequences_text(workspace, decisions, attribute)])


def _consequences_text(
    workspace: Workspace, decisions: Sequence[Decision], attribute: Attribute
) -> list[str]:
    looked_at, follow, left_out = consequences(workspace, decisions, attribute)
    parts = [f"{looked_at} votes move"]
    parts += [f"{follow} more {'label follows' if follow == 1 else 'labels follow'}"] if follow else []
    parts += [f"{left_out} farther items wait for the next label run"] if left_out else []
    return parts


def consequences(
    workspace: Workspace, decisions: Sequence[Decision], attribute: Attribute
) -> tuple[int, int, int]:
    """Return how many items around the decided ones were looked at, how many of their labels would change, and how many
    more lie around them."""
    if not decisions:
        return 0, 0, 0
    known = workspace.revoted(attribute.name)
    found = workspace.suppose(decisions, attribute.name)
    changed = found.labels.get(attribute.name, {})
    fresh = [
        row for row, label in changed.items() if known.get(row) is None or known[row].values != label.values
    ]
    return found.looked_at, len(fresh), found.left_out


def write(
    workspace: Workspace, decisions: Sequence[Decision], reviewer: str, as_of: int | None, what: str
) -> Written:
    """Write one batch durably; raises ReviewConflict when another reviewer was quicker."""
    if workspace.readonly:
        raise ReviewError("this page is open for reading only")
    batch = workspace.log.append(decisions, reviewer, as_of=as_of)
    count = len({d.row for d in decisions})
    return Written(batch, count, f"{_items(count)} {what}")


def undo_last(workspace: Workspace, reviewer: str, batches: Sequence[str]) -> Written | None:
    """Take back the latest batch of these that still counts; None when there is none."""
    from index.reviews.log import live_batches

    live = live_batches(workspace.reviews())
    for batch in reversed(batches):
        if live.get(batch):
            count = len({r.row for r in workspace.reviews() if r.batch == batch})
            return Written(workspace.log.undo(batch, reviewer), count, f"undone: {_items(count)} as before")
    return None


def _items(count: int) -> str:
    return f"{count} item" if count == 1 else f"{count} items"


def _verb(action: str, value: str) -> str:
    return {
        "set": f"relabelled as {value}",
        "remove": f"without {value}",
        UNKNOWN: "become unknown",
        REJECT: "lose a wrong label",
        SEVERAL: "flagged as several characters",
        ONE: "no longer flagged",
    }.get(action, action)
