"""The review log as History shows it: batches with a line of words each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from index.reviews.log import Review, live_batches
from schema.errors import VocabularyError
from ui.review.workspace import Workspace
from ui.wording import labelled, pictures

LISTED = 500
"""Decisions of one batch that are listed; the page says how many more there are."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch: who, when, what in words, and whether it counts."""

    batch: str
    reviewer: str
    time: str
    text: str
    counts: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One decision as a line of a table."""

    row: int
    when: str
    reviewer: str
    decision: str
    seen: str
    counts: bool


def batches(workspace: Workspace) -> list[Batch]:
    """Return all batches, newest first."""
    reviews = workspace.reviews()
    live = live_batches(reviews)
    grouped: dict[str, list[Review]] = {}
    for review in reviews:
        grouped.setdefault(review.batch, []).append(review)
    words = {batch: batch_text(workspace, found) for batch, found in grouped.items()}
    made = []
    for batch, found in reversed(grouped.items()):
        text = words[batch]
        if found[0].kind == "undo":
            text = f"undo of: {words.get(found[0].other or '', 'a batch')}"
        made.append(Batch(batch, found[0].reviewer, found[0].time, text, live[batch]))
    return made


def batch_text(workspace: Workspace, reviews: list[Review]) -> str:
    """Return one line for a batch: '12 pictures: Hair color: blonde'."""
    said = Counter(decision_text(workspace, review) for review in reviews)
    most = ", ".join(text for text, _ in said.most_common(3)) + (", ..." if len(said) > 3 else "")
    return f"{pictures(len({r.row for r in reviews}))}: {most}"


def decision_text(workspace: Workspace, review: Review) -> str:
    """Return what a decision says: 'Hair color: blonde', 'Dress: hoodie added', 'not a duplicate'."""
    value = review.value if review.value is not None else "unknown"
    if review.kind == "group":
        return {
            "not_duplicate": "not a duplicate",
            "keep": "kept copy of its group",
            "split": "split off into a new group",
            "merge": "merged with another group",
            "same_artwork": "copy of the same artwork",
        }.get(value, value.replace("_", " "))
    if review.kind == "gate":
        said = {"pass": "let through the gate", "drop": "put out by the gate"}
        return f"{said.get(value, 'left to the gate')} {review.attribute}"
    if review.kind == "audit":
        of = "the selection" if review.attribute == "selection" else f"what gate {review.attribute} puts out"
        return f"audit of {of}: {value}"
    if review.kind == "subjects":
        return "several characters" if value == "several" else "one character"
    if review.kind == "caption":
        return f"Caption {review.attribute}: {value if review.value is not None else 'as written by the machine'}"
    ending = {"add": " added", "remove": " removed", "reject": " is incorrect"}.get(review.action, "")
    try:
        attribute = workspace.attribute(review.attribute or "")
    except VocabularyError:  # a decision on an attribute that the vocabulary no longer has
        return f"{review.attribute}: {value}{ending}"
    return labelled(attribute, f"{value}{ending}")


def details(workspace: Workspace, batch: str) -> tuple[list[Line], int]:
    """Return the decisions of a batch, at most LISTED, and how many there are."""
    found = [r for r in workspace.reviews() if r.batch == batch and r.kind != "undo"]
    return [_line(workspace, review, True) for review in found[:LISTED]], len(found)


def of_item(workspace: Workspace, row: int) -> list[Line]:
    """Return what reviewers decided about one item, newest first."""
    reviews = workspace.reviews()
    live = live_batches(reviews)
    return [_line(workspace, r, live[r.batch]) for r in reversed(reviews) if r.row == row]


def _line(workspace: Workspace, review: Review, counts: bool) -> Line:
    when = review.time[:19].replace("T", " ")
    return Line(
        review.row, when, review.reviewer, decision_text(workspace, review), review.seen or "", counts
    )
