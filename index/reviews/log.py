"""The log of review decisions: append-only, durable before a call returns, safe for several processes at once.

A folder store keeps it in SQLite, a store behind an object-store URI in a LanceDB table of the same columns (REVIEWS).
Nothing is ever changed or removed: an undo is one more record, which names the batch it takes back.
"""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime

from index.reviews.records import COLUMNS, Review, subject_of
from schema.errors import ReviewConflict, ReviewError
from schema.records import Decision
from schema.sections.curation import PROTECTED

KINDS = ("label", "subjects", "group", "gate", "audit", "caption")
ACTIONS = ("set", "add", "remove", "reject")
GROUP_VALUES = ("keep", "split", "merge", "not_duplicate", "same_artwork", "variant")
GATE_VALUES = ("pass", "drop")
AUDIT_VALUES = ("good", "doubtful", "bad")
__all__ = ["COLUMNS", "Review", "ReviewLog", "subject_of"]
MAX_REVIEWER = 80
MAX_CAPTION = 20_000
"""Letters of an edited caption."""


class ReviewLog(ABC):
    """An append-only log of decisions; one abstract method to read, one to write."""

    @abstractmethod
    def scan(self, since: int = 0, row: int | None = None) -> Iterator[Review]:
        """Yield the records after ``since`` in order, of one item if ``row`` is given."""

    @abstractmethod
    def _write(self, reviews: Sequence[Review], as_of: int | None) -> None:
        """Write the records durably with fresh decision numbers, all or none; check conflicts against ``as_of``."""

    @abstractmethod
    def position(self) -> int:
        """Return the number of the last decision; 0 for an empty log."""

    @abstractmethod
    def close(self) -> None:
        """Release what the log holds open."""

    def kept_position(self) -> int:
        """Return the number of the last decision as kept apart from the log, so that a lost log is missed; else 0."""
        return 0

    def append(
        self,
        decisions: Iterable[Decision],
        reviewer: str,
        *,
        as_of: int | None = None,
        batch: str | None = None,
        when: str | None = None,
    ) -> str:
        """Write decisions as one batch and return its id; they are on disk when this returns.

        ``as_of`` is the log position the reviewer's page was drawn at: if any of the same subjects was decided
        after it, ReviewConflict is raised and nothing is written.
        """
        batch = batch or uuid.uuid4().hex
        when = when or now()
        reviewer = clean_reviewer(reviewer)
        records = [_record(d, batch, when, reviewer) for d in decisions]
        if not records:
            raise ReviewError("there is nothing to decide", "Select at least one item.")
        self._write(records, as_of)
        return batch

    def undo(self, batch: str, reviewer: str) -> str:
        """Take back a whole batch (an undo can be undone again); return the id of the new batch.

        Raises ReviewError when there is no such batch, ReviewConflict when it was taken back already.
        """
        seen = list(self.scan())
        live = live_batches(seen)
        if batch not in live:
            raise ReviewError(f"there is no batch {batch} to undo")
        if not live[batch]:
            raise ReviewConflict("this batch was undone already", "Look at History for who did it.")
        undo = uuid.uuid4().hex
        record = Review(
            0, undo, now(), clean_reviewer(reviewer), -1, "", "undo", None, None, "undo", None, batch, None
        )
        self._write([record], seen[-1].decision)
        return undo

    def restore(self, reviews: Sequence[Review]) -> None:
        """Write records of another log as they are, names, times and batches included, under fresh numbers."""
        self._write(reviews, None)

    def changes(self, since: int) -> list[Review]:
        """Return what was decided after ``since``."""
        return list(self.scan(since))


def now() -> str:
    """Return the present time as ISO 8601 in UTC with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def clean_reviewer(name: str) -> str:
    """Return the reviewer's name without control characters; raises ReviewError when nothing is left."""
    kept = "".join(c for c in name if c.isprintable()).strip()[:MAX_REVIEWER]
    if not kept:
        raise ReviewError("a decision needs a reviewer's name", "Enter your name at the top of the page.")
    return kept


def live_batches(reviews: Iterable[Review]) -> dict[str, bool]:
    """Return for each batch whether it counts. An undo names an earlier batch, so one pass backwards settles all."""
    undone: set[str] = set()
    order: dict[str, str | None] = {}
    for review in reviews:
        order.setdefault(review.batch, review.other if review.kind == "undo" else None)
    state: dict[str, bool] = {}
    for batch in reversed(list(order)):
        state[batch] = batch not in undone
        target = order[batch]
        if target is not None and state[batch]:
            undone.add(target)
    return {batch: state[batch] for batch in order}


def _record(decision: Decision, batch: str, when: str, reviewer: str) -> Review:
    d = decision
    if d.kind not in KINDS:
        raise ReviewError(f"unknown kind of decision {d.kind!r}; there are: {', '.join(KINDS)}")
    if d.action not in ACTIONS:
        raise ReviewError(f"unknown action {d.action!r}; there are: {', '.join(ACTIONS)}")
    if d.kind == "label" and not d.attribute:
        raise ReviewError("a label decision names its attribute")
    if d.kind == "group" and d.value not in GROUP_VALUES:
        raise ReviewError(f"unknown group decision {d.value!r}; there are: {', '.join(GROUP_VALUES)}")
    if problem := bad_curation(d.kind, d.attribute, d.value, d.action):
        raise ReviewError(problem)
    if d.kind == "caption":
        if not d.attribute or d.action != "set":
            raise ReviewError("an edited caption names its captioner, and is set")
        if d.value is not None and not 0 < len(d.value.strip()) <= MAX_CAPTION:
            raise ReviewError(f"a caption has 1 to {MAX_CAPTION:,} letters", "Undo the edit to take it back.")
    if d.row < 0 or not d.item_id:
        raise ReviewError("a decision names its item")
    return Review(
        0,
        batch,
        when,
        reviewer,
        d.row,
        d.item_id,
        d.kind,
        d.attribute,
        d.value,
        d.action,
        d.group_id,
        None,
        d.seen,
        d.others,
        d.shown,
        d.queue,
    )


def bad_curation(kind: str, attribute: str | None, value: str | None, action: str) -> str:
    """Return what is wrong with a decision on a gate or an audit, empty where nothing is.

    ``attribute`` is the gate, or for an audit 'selection'; ``value`` None takes an earlier decision back.
    """
    if kind not in ("gate", "audit"):
        return ""
    if not attribute:
        return f"a decision of kind {kind} names its gate"
    if kind == "gate" and attribute.strip().casefold() == PROTECTED:
        return "no review passes the protected gate; it goes by age and rating"
    known = GATE_VALUES if kind == "gate" else AUDIT_VALUES
    if action != "set":
        return f"a decision of kind {kind} has the action set, not {action!r}"
    return "" if value is None or value in known else f"value is {value!r}; there are: {', '.join(known)}"


def conflict_error(found: Sequence[tuple[str, str]]) -> ReviewConflict:
    """Return the error for what ``collisions`` found: how many subjects, and who decided on them meanwhile."""
    names = sorted({reviewer for reviewer, _ in found})
    count = len({subject for _, subject in found})
    return ReviewConflict(
        f"{count} of these labels changed while you looked at them (by {', '.join(names)}); nothing was written",
        "The page now shows the new state: look again, then decide.",
    )


def collisions(
    reviews: Sequence[Review], later: Iterable[Review], scan: Callable[[], Iterable[Review]]
) -> list[tuple[str, str]]:
    """Return (reviewer, subject) of what was decided meanwhile on the same subjects; an undo touches its batch's."""
    mine = {r.subject for r in reviews}
    found = []
    undone: dict[str, str] = {}
    for review in later:
        if review.subject in mine:
            found.append((review.reviewer, review.subject))
        elif review.kind == "undo":
            undone[str(review.other)] = review.reviewer
    if undone:
        found.extend((undone[r.batch], r.subject) for r in scan() if r.batch in undone and r.subject in mine)
    return found
