"""Review decisions as the other stages read them: what counts now, after undos, per item and attribute.

A decision of kind 'label' says with ``action``: *set* (this value; None: known to be unknown), *add* or *remove* (one
value of a many-of attribute), *reject* (not this value, and no other one is said). Kind 'subjects' has value 'several'
or 'one'. Kind 'group' has value keep, split, merge, not_duplicate, same_artwork or variant; ``other`` names the
items it is relative to (item ids, space-separated): those it was split from, merged with, or is no duplicate of.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from index.reviews.log import Review, live_batches
from index.reviews.open import open_log
from index.store.database import Database


@dataclass(frozen=True, slots=True)
class ReviewedLabel:
    """What reviewers said about one attribute of one item.

    ``exact``: ``values`` is the whole truth (empty: known to be unknown) and no machine may change it. Otherwise the
    machine's label stands, with ``values`` added and ``rejected`` never given again.
    """

    row: int
    item_id: str
    attribute: str
    values: tuple[str, ...]
    rejected: tuple[str, ...]
    exact: bool
    reviewer: str
    time: str
    decision: int


@dataclass(frozen=True, slots=True)
class EffectiveReviews:
    """The decisions that count: labels by (row, attribute), flags by row, group decisions in order."""

    position: int = 0
    labels: dict[tuple[int, str], ReviewedLabel] = field(default_factory=dict)
    subjects: dict[int, str] = field(default_factory=dict)
    groups: tuple[Review, ...] = ()


def effective_reviews(store: Database | str | Path, rows: Iterable[int] | None = None) -> EffectiveReviews:
    """Return what counts of the whole log, or of the items in ``rows``."""
    log = open_log(store, readonly=True)
    try:
        return effect_of(list(log.scan()), rows)
    finally:
        log.close()


def effect_of(reviews: list[Review], rows: Iterable[int] | None = None) -> EffectiveReviews:
    """Return what counts of these records, in order: undone batches drop out, later decisions go over earlier ones."""
    live = live_batches(reviews)
    wanted = None if rows is None else set(rows)
    state = ReviewState()
    return state.add(
        [r for r in reviews if r.kind != "undo" and live[r.batch] and (wanted is None or r.row in wanted)],
        reviews[-1].decision if reviews else 0,
    )


class ReviewState:
    """What counts of a log that grows: records are folded in as they come, as long as nothing is undone.

    Every ``add`` returns a new value; what it returned before stays as it was, so readers need no lock.
    """

    def __init__(self) -> None:
        self._decisions: dict[tuple[int, str], _Decisions] = {}
        self._effect = EffectiveReviews()

    def add(self, reviews: Sequence[Review], position: int) -> EffectiveReviews:
        """Fold in records that count, the next of the log, which now ends at ``position``."""
        labels, subjects = dict(self._effect.labels), dict(self._effect.subjects)
        groups: list[Review] = []
        for review in reviews:
            if review.kind == "label" and review.attribute:
                self._decisions.setdefault((review.row, review.attribute), _Decisions()).take(review)
            elif review.kind == "subjects" and review.value is None:
                subjects.pop(review.row, None)
            elif review.kind == "subjects" and review.value is not None:
                subjects[review.row] = review.value
            elif review.kind == "group":
                groups.append(review)
        for key in {(r.row, r.attribute) for r in reviews if r.kind == "label" and r.attribute}:
            labels[key] = self._decisions[key].label(*key)
        self._effect = EffectiveReviews(position, labels, subjects, (*self._effect.groups, *groups))
        return self._effect


class _Decisions:
    """Decisions on one attribute of one item, folded in order; the 'set's of one batch unite."""

    def __init__(self) -> None:
        self.values: dict[str, None] = {}
        self.rejected: dict[str, None] = {}
        self.exact = False
        self.set_batch = ""
        self.last: Review | None = None

    def take(self, review: Review) -> None:
        value = review.value
        if review.action == "set":
            if review.batch != self.set_batch:
                self.values, self.rejected = {}, {}
            self.exact, self.set_batch = True, review.batch
            if value is not None:
                self.values[value] = None
        elif value is not None and review.action == "add":
            self.values[value] = None
            self.rejected.pop(value, None)
        elif value is not None:
            self.rejected[value] = None
            self.values.pop(value, None)
        self.last = review

    def label(self, row: int, attribute: str) -> ReviewedLabel:
        last = self.last
        assert last is not None
        return ReviewedLabel(
            row,
            last.item_id,
            attribute,
            tuple(self.values),
            tuple(self.rejected),
            self.exact,
            last.reviewer,
            last.time,
            last.decision,
        )
