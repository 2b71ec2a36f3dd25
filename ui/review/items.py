"""An item and one label of it, as the pages show them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Label:
    """One attribute of one item as the page shows it; no values and ``known`` means known to be unknown."""

    values: tuple[str, ...] = ()
    confidence: float | None = None
    source: str = ""
    support: int = 0
    known: bool = False
    rejected: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The values as words."""
        return ", ".join(self.values)

    @property
    def seen(self) -> str:
        """What goes into the review log as seen: value, source, confidence."""
        if not self.values:
            return "unknown (review)" if self.known else "no label"
        sure = f" {self.confidence:.2f}" if self.confidence is not None else ""
        return f"{self.text} ({self.source}{sure})"


@dataclass(frozen=True, slots=True)
class Item:
    """One item as the pages show it; everything in it is text from outside and is shown as text."""

    row: int
    item_id: str
    name: str
    status: str
    reason: str = ""
    ambiguous: str = ""
    group_id: str = ""
    verdict: str = ""
    keep: bool = True
    similarity: float | None = None
    size: str = ""
    why: str = ""
    labels: dict[str, Label] = field(default_factory=dict)


def label_of(stored: dict[str, Any], name: str) -> Label:
    """Return one attribute of a record of the labels table."""
    value = stored.get(name)
    values = tuple(value) if isinstance(value, list) else (value,) if value else ()
    if not values:
        return Label()
    return Label(
        tuple(str(v) for v in values),
        stored.get(f"{name}_confidence"),
        stored.get(f"{name}_source") or "",
        stored.get(f"{name}_support") or 0,
    )
