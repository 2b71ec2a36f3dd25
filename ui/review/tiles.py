"""What the gallery shows: tiles from items, buttons from the vocabulary. Plain data; the component only draws it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schema.vocabulary import Attribute
from ui.review.items import Item, Label
from ui.wording import counted, heading, labelled

DIGITS = "123456789"
LABEL_ACTIONS = (
    {"id": "accept", "key": "y", "label": "Correct", "hint": "The label shown is correct"},
    {"id": "reject", "key": "x", "label": "Incorrect", "hint": "The label shown is incorrect"},
    {"id": "unknown", "key": "0", "label": "Unknown", "hint": "It cannot be known from the picture"},
    {"id": "several", "key": "m", "label": "Several characters", "hint": "The picture shows several characters"},
)  # fmt: skip
ACCEPT_SUGGESTION = {
    "id": "suggested", "key": "t", "label": "Accept suggestion", "hint": "Each picture gets the value its badge names"
}  # fmt: skip
UNSURE = 0.8
"""Machine labels of less confidence are drawn in another colour."""
PEOPLE = ("review", "tag", "text")
SOURCE_WORDS = {"model": "votes"}
"""Names of sources as a reviewer reads them; the others are told as they stand in the table."""


@dataclass(frozen=True, slots=True)
class Section:
    """Tiles under one heading; ``hidden`` members are not shown, but 'select all' means them, too."""

    title: str
    note: str
    rows: Sequence[int]
    hidden: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class GalleryState:
    """Everything that the component draws, but for the items.

    ``page`` tells one page of tiles from another, ``as_of`` is the position of the review log it shows. ``locked``
    says why nothing can be changed; empty: it can. ``status`` is the line of numbers, ``owns_keys`` makes this gallery
    the one that keys go to when the page opens. ``acted`` is what came of the last action.
    """

    page: str
    as_of: int
    attribute: Attribute | None = None
    actions: Sequence[Mapping[str, Any]] = LABEL_ACTIONS
    sections: Sequence[Section] | None = None
    notes: Mapping[int, str] = field(default_factory=dict)
    locked: str = ""
    can_undo: bool = False
    alert: str = ""
    preview: Mapping[str, Any] | None = None
    acted: Mapping[str, Any] | None = None
    status: str = ""
    empty: str = ""
    more: bool = False
    less: bool = False
    owns_keys: bool = True


def gallery_data(
    items: Sequence[Item], pictures: Callable[[int], str | None], state: GalleryState
) -> dict[str, Any]:
    """Return what the component is given: the state, and a tile for each item."""
    attribute = state.attribute
    tiles = [tile(item, attribute, pictures(item.row)) for item in items]
    for each in tiles:
        each["badge"] = state.notes.get(each["row"], each["badge"])
    return {
        "page": state.page,
        "asOf": state.as_of,
        "items": tiles,
        "sections": None
        if state.sections is None
        else [_section(*pair) for pair in enumerate(state.sections)],
        "attribute": {"name": attribute.name, "title": heading(attribute)} if attribute else None,
        "values": value_buttons(attribute) if attribute else [],
        "words": words(attribute) if attribute else None,
        "actions": [dict(action) for action in state.actions],
        "locked": state.locked,
        "canUndo": state.can_undo,
        "alert": state.alert,
        "preview": state.preview,
        "acted": state.acted,
        "status": state.status,
        "empty": state.empty,
        "more": state.more,
        "less": state.less,
        "ownsKeys": state.owns_keys,
    }


def _section(number: int, section: Section) -> dict[str, Any]:
    return {
        "id": str(number),
        "title": section.title,
        "note": section.note,
        "items": [int(row) for row in section.rows],
        "hidden": [int(row) for row in section.hidden],
    }


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
        "alt": description(item, attribute),
    }


def description(item: Item, attribute: Attribute | None) -> str:
    """Return what a screen reader says of a tile: the label and how it is known, or what is known of the picture."""
    if attribute is not None:
        label = item.labels.get(attribute.name, Label())
        said = labelled(attribute, label.text or "unknown")
        return f"{said}, {how(label)}" if label.values else said
    known = shown(item, None)
    if item.verdict:
        known = ", ".join(part for part in (item.verdict, known, item.size) if part)
    return known or item.size or "picture without labels"


def shown(item: Item, attribute: Attribute | None) -> str:
    """Return the headline of a tile: the label asked for, or the few that describe the character."""
    if attribute:
        return item.labels.get(attribute.name, Label()).text
    values = [label.values[0] for name, label in item.labels.items() if label.values and name != "subjects"]
    return ", ".join(values[:3])


def how(label: Label) -> str:
    """Return how a label is known, in a few words."""
    if not label.values:
        if label.rejected:
            return f"not {', '.join(label.rejected)}"
        return "cannot be known" if label.known else "no label"
    if label.source == "review":
        return "review"
    sure = f" {label.confidence:.2f}" if label.confidence is not None else ""
    counted_support = (
        f" · {counted(label.support, 'reference item|reference items')}" if label.support else ""
    )
    return f"{source_word(label.source)}{sure}{counted_support if label.source not in PEOPLE else ''}"


def source_word(source: str) -> str:
    """Return the name of a source as a reviewer reads it."""
    return SOURCE_WORDS.get(source, source)


def tone(label: Label) -> str:
    """Return the colour class of a label's source."""
    if not label.values:
        return "none"
    if label.source in PEOPLE:
        return label.source
    return "unsure" if (label.confidence or 0) < UNSURE else "machine"


def badge(item: Item) -> str:
    """Return the corner badge of a tile."""
    return "several characters" if item.ambiguous else item.verdict


def hint(item: Item) -> str:
    """Return the tooltip of a tile."""
    parts = [
        item.name,
        *([item.why] if item.why else []),
        *(f"{name}: {label.seen}" for name, label in item.labels.items() if label.values),
    ]
    return "\n".join(parts[:12])


def value_buttons(attribute: Attribute) -> list[dict[str, Any]]:
    """Return the buttons of the nine values that have number keys, the first of the vocabulary.

    The keys are the same in every store; a reviewer can give them to other values, which the browser remembers.
    """
    return [
        {"id": f"set:{value.name}", "key": key, "label": value.name}
        for value, key in zip(attribute.values, DIGITS, strict=False)
    ]


def words(attribute: Attribute) -> list[str]:
    """Return all values for the box where one is typed; colours only where the value takes one."""
    coloured = [f"{colour} {v.name}" for v in attribute.values if v.colored for colour in attribute.colors]
    return [*(v.name for v in attribute.values), *coloured]
