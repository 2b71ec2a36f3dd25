"""The review log as History shows it: batches with a line of words each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from index.reviews.log import Review, live_batches
from ui.review.item import history_row
from ui.review.workspace import Workspace

DETAILS = 500


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch: who, when, what in words, and whether it counts."""

    batch: str
    reviewer: str
    time: str
    text: str
    counts: bool


def batches(workspace: Workspace) -> list[Batch]:
    """Return all batches, newest first."""
    reviews = workspace.reviews()
    live = live_batches(reviews)
    grouped: dict[str, list[Review]] = {}
    for review in reviews:
        grouped.setdefault(review.batch, []).append(review)
    words = {batch: text_of(found) for batch, found in grouped.items()}
    made = []
    for batch, found in reversed(grouped.items()):
        text = words[batch]
        if found[0].kind == "undo":
            text = f"undo of: {words.get(found[0].other or '', 'a batch')}"
        made.append(Batch(batch, found[0].reviewer, found[0].time, text, live[batch]))
    return made


def text_of(reviews: list[Review]) -> str:
    """Return one line for a batch: '12 items: hair_color is blonde'."""
    said: Counter[str] = Counter()
    for r in reviews:
        if r.kind == "group":
            said[f"group: {(r.value or '').replace('_', ' ')}"] += 1
        elif r.kind == "subjects":
            said["several characters" if r.value == "several" else "one character"] += 1
        else:
            verb = {"set": "is", "add": "has", "remove": "has not", "reject": "is not"}.get(
                r.action, r.action
            )
            said[f"{r.attribute} {verb} {r.value if r.value is not None else 'unknown'}"] += 1
    items = len({r.row for r in reviews})
    most = ", ".join(what for what, _ in said.most_common(3)) + (", ..." if len(said) > 3 else "")
    return f"{items} item{'' if items == 1 else 's'}: {most}"


def details(workspace: Workspace, batch: str) -> list[dict[str, str]]:
    """Return the decisions of a batch as lines of a table, at most 500."""
    found = [r for r in workspace.reviews() if r.batch == batch and r.kind != "undo"][:DETAILS]
    names = {item.row: item.name for item in workspace.items(sorted({r.row for r in found}), [])}
    return [
        {
            "item": names.get(r.row, str(r.row)),
            **{k: v for k, v in history_row(r, True).items() if k in ("what", "seen")},
        }
        for r in found
    ]
