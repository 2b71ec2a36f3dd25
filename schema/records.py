"""Small values that travel between the folders: frozen, slotted, typed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

Count: TypeAlias = "int | float | str"

# How two pictures of one group relate; the values of the column ``verdict`` of groups, beside 'kept'.
SAME_FILE, SAME_ARTWORK, VARIANT, KEPT = "same file", "same artwork", "variant", "kept"


@dataclass(frozen=True, slots=True)
class Grid:
    """A table to print: its headings, and rows of numbers and texts."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str | int | float | None, ...], ...]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Summary:
    """What one stage did: counts by name, failures by reason, seconds of wall time.

    ``warnings`` are lines that everybody should see: what was left out, what to do. ``notes`` are for those who ask.
    ``tables`` are printed below the line of the stage.
    """

    stage: str
    counts: dict[str, Count] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    failures: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    skipped: bool = False
    warnings: tuple[str, ...] = ()
    tables: tuple[Grid, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """One review decision about one item, as a reviewer makes it.

    ``kind`` is 'label' (attribute and value count), 'subjects' (one item shows several characters), 'group'
    (``value`` is keep, split, merge, not_duplicate, same_artwork or variant; ``group_id`` and ``others`` say
    with whom, by ids),
    'gate' (``attribute`` names it, ``value`` is pass or drop), 'audit' (``value`` is good, doubtful or bad) or
    'caption' (``attribute`` names the captioner, ``value`` is the edited text).
    ``value`` None with kind 'label' means: known to be unknown. ``seen`` is what the page showed, in words, and
    ``shown`` the values in it; ``queue`` is where the decision was taken, if that matters.
    """

    row: int
    item_id: str
    kind: str
    attribute: str | None = None
    value: str | None = None
    action: str = "set"
    group_id: str | None = None
    others: tuple[str, ...] = ()
    seen: str | None = None
    shown: tuple[str, ...] = ()
    queue: str | None = None
