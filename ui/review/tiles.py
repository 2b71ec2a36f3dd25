"""What the gallery shows: tiles from items, buttons from the vocabulary. Plain data; the component only draws it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from schema.vocabulary import Attribute
from ui.review.items import Item, Label

DIGITS = "123456789"
LABEL_ACTIONS = (
    {"id": "accept", "key": "y", "label": "Right", "hint": "The label shown is right"},
    {"id": "reject", "key": "x", "label": "Wrong", "hint": "The label shown is wrong"},
    {"id": "unknown", "key": "0", "label": "Unknown", "hint": "It cannot be known"},
    {"id": "several", "key": "m", "label": "Several", "hint": "The picture shows several characters"},
)
TAKE = {
    "id": "take",
    "key": "t",
    "label": "Take suggestion",
    "hint": "Each item gets the value its badge names",
}
WEAK = 0.8
PEOPLE = ("review", "tag", "text")
WORDS = {"model": "votes"}
"""Names of sources as a reviewer reads them; the others are told as they stand in the table."""


@dataclass(frozen=True, slots=True)
class Press:
    """What the reviewer armed: an action, and its value where it has one."""

    action: str
    value: str = ""


def press_of(armed: str | None) -> Press | None:
    """Return what an id of a button stands for: 'set:blonde', 'word:green yukata', 'word:-hat', 'reject'."""
    if not armed:
        return None
    kind, _, value = armed.partition(":")
    if kind == "word" and value.startswith("-"):
        return Press("remove", value[1:].strip())
    return Press("set", value) if kind in ("set", "word") else Press(kind, value)


def tile(item: Item, attribute: Attribute | None, picture: str | None) -> dict[str, Any]:
    """Return one tile: the picture, the label in question, how it is known, a badge for what is special."""
    label = item.labels.get(attribute.name, Label()) if attribute else Label()
    return {
        "row": item.row,
        "src": picture,
        "none": item.reason or ("text only" if item.status == "text" else "no picture"),
        "name": item.name,
        "what": shown(item, attribute),
        "how": how(label) if attribute else " · ".join(part for part in (item.size, item.name) if part),
        "tone": tone(label) if attribute else "none",
        "badge": badge(item),
        "hint": hint(item),
    }


def shown(item: Item, attribute: Attribute | None) -> str:
    """Return the headline of a tile: the label asked for, or the few that describe the character."""
    if attribute:
        return item.labels.get(attribute.name, Label()).text
    said = [label.values[0] for name, label in item.labels.items() if label.values and name != "subjects"]
    return ", ".join(said[:3])


def how(label: Label) -> str:
    """Return how a label is known, in a few words."""
    if not label.values:
        if label.rejected:
            return f"not {', '.join(label.rejected)}"
        return "known to be unknown" if label.known else "no label"
    if label.source == "review":
        return "review"
    sure = f" {label.confidence:.2f}" if label.confidence is not None else ""
    voters = f" · {label.support} voter{'' if label.support == 1 else 's'}" if label.support else ""
    return f"{source_word(label.source)}{sure}{voters if label.source not in PEOPLE else ''}"


def source_word(source: str) -> str:
    """Return the name of a source as a reviewer reads it."""
    return WORDS.get(source, source)


def tone(label: Label) -> str:
    """Return the colour class of a label's source."""
    if not label.values:
        return "none"
    if label.source not in PEOPLE and (label.confidence or 0) < WEAK:
        return "weak"
    return label.source


def badge(item: Item) -> str:
    """Return the corner badge of a tile."""
    if item.ambiguous:
        return "several"
    return item.verdict


def hint(item: Item) -> str:
    """Return the tooltip of a tile."""
    parts = [
        item.name,
        *([item.why] if item.why else []),
        *(f"{name}: {label.seen}" for name, label in item.labels.items() if label.values),
    ]
    return "\n".join(parts[:12])


def value_buttons(attribute: Attribute, frequent: Sequence[str]) -> list[dict[str, Any]]:
    """Return a button for each value, with number keys for nine: in the vocabulary's order, or the frequent ones."""
    order = [v.name for v in attribute.values]
    if len(order) > len(DIGITS):
        order = list(frequent)[: len(DIGITS)]
    return [
        {"id": f"set:{name}", "key": key, "label": name} for name, key in zip(order, DIGITS, strict=False)
    ]


def words(attribute: Attribute) -> dict[str, Any]:
    """Return all values for the box where one is typed; colours only where the value takes one."""
    coloured = [f"{colour} {v.name}" for v in attribute.values if v.colored for colour in attribute.colors]
    return {"id": attribute.name, "all": [*(v.name for v in attribute.values), *coloured][:1500]}


def gallery_data(
    items: Sequence[Item],
    pictures: Callable[[int], str | None],
    attribute: Attribute | None,
    *,
    frequent: Sequence[str] = (),
    page: str,
    as_of: int,
    readonly: bool,
    can_undo: bool,
    alert: str = "",
    preview: dict[str, Any] | None = None,
    sections: Sequence[dict[str, Any]] | None = None,
    actions: Sequence[dict[str, Any]] = LABEL_ACTIONS,
    more: bool = False,
    less: bool = False,
    empty: str = "",
    armed: str | None = None,
) -> dict[str, Any]:
    """Return everything the component draws."""
    return {
        "page": page,
        "asOf": as_of,
        "items": [tile(item, attribute, pictures(item.row)) for item in items],
        "sections": list(sections) if sections is not None else None,
        "values": value_buttons(attribute, frequent) if attribute else [],
        "words": words(attribute) if attribute and len(attribute.values) > 9 else None,
        "actions": list(actions),
        "readonly": readonly,
        "canUndo": can_undo,
        "alert": alert,
        "preview": preview,
        "more": more,
        "less": less,
        "empty": empty,
        "armed": armed,
    }
