"""A decision in the log, its columns, and how records of earlier releases are read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields, replace
from typing import Any

AUDIT = "audit"
"""The ``queue`` of decisions that measure the precision of labels."""
_AUDIT_BEFORE = "audit: "
"""Stood before ``seen`` in decisions of the audit queue, before the log had a column for it."""


@dataclass(frozen=True, slots=True)
class Review:
    """One record of the log; the columns of REVIEWS. ``kind`` 'undo' takes back the batch named in ``other``.

    ``others`` are the ids of the items that a decision on groups is relative to. ``seen`` is what the page showed, in
    words, and ``shown`` the values of the label in it; ``queue`` is where the decision was taken, if that matters.
    """

    decision: int
    batch: str
    time: str
    reviewer: str
    row: int
    item_id: str
    kind: str
    attribute: str | None
    value: str | None
    action: str
    group_id: str | None
    other: str | None
    seen: str | None
    others: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    queue: str | None = None

    @property
    def subject(self) -> str:
        """What this decision is about; two decisions on one subject can conflict."""
        if self.kind == "undo":
            return f"undo:{self.other}"
        return subject_of(self.kind, self.row, self.attribute)


COLUMNS = tuple(each.name for each in fields(Review))
LISTS = ("others", "shown")
"""Columns that hold lists: of texts in LanceDB, as JSON in SQLite, which has none."""
LATER = ("others", "shown", "queue")
"""Columns that logs of earlier releases have not."""


def subject_of(kind: str, row: int, attribute: str | None) -> str:
    """Return the key under which decisions conflict: one attribute of one item, or its place in groups."""
    return f"{kind}:{row}:{attribute or ''}"


def read_record(record: Mapping[str, Any]) -> Review:
    """Return a record of a log; columns that it lacks are empty, and what earlier releases wrote into texts is read.

    These wrote the ids of several items into ``other``, and the audit queue and the labels into ``seen``.
    """
    values: dict[str, Any] = {name: record.get(name) for name in COLUMNS}
    for name in LISTS:
        held = values[name]
        values[name] = tuple(json.loads(held) if isinstance(held, str) else held or ())
    review = Review(**values)
    if review.kind == "group" and review.other:
        review = replace(review, other=None, others=tuple(review.other.split()))
    if review.kind == "label" and review.seen and review.seen.startswith(_AUDIT_BEFORE):
        seen = review.seen.removeprefix(_AUDIT_BEFORE)
        shown = tuple(seen.rsplit(" (", 1)[0].split(", "))
        review = replace(review, seen=seen, shown=shown, queue=AUDIT)
    return review


def sqlite_values(review: Review) -> tuple[Any, ...]:
    """Return the columns as SQLite stores them."""
    return tuple(json.dumps(value) if isinstance(value, tuple) else value for value in astuple(review))
