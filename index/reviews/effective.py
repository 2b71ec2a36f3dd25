"""Review decisions as the other stages read them: what counts now, after undos, per item and attribute.

A decision of kind 'label' says with ``action``: *set* (this value; None: known to be unknown), *add* or *remove* (one
value of a multi-label attribute), *reject* (not this value, and no other one is said). Kind 'subjects' has value
'several' or 'one'. Kind 'caption' has the captioner as its attribute and the edited text as its value (None: the
machine's again). Kind 'group' has value keep, split, merge, not_duplicate, same_artwork or variant; ``other`` names
the items it is relative to (item ids, space-separated): those it was split from, merged with, or is no duplicate of.
Kind 'gate' has the gate's name in ``attribute`` and value pass, drop or None (whatever the gate says); kind 'audit' has
what was sampled there, a gate or 'selection', and value good, doubtful or bad.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from index.reviews.log import Review, live_batches
from index.reviews.open import open_log
from index.store.database import Database
from schema.attributes import Vocabulary
from schema.columns.names import NAMED


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
    """The decisions that count: labels by (row, attribute), flags by row, group decisions in order, edited captions.

    ``captions`` are texts by (row, captioner).

    ``gates`` are pass or drop by (row, gate); ``audits`` good, doubtful or bad by (row, what was sampled).

    ``unknown`` are values by (row, attribute) that the vocabulary has no more. They decide nothing and stay in the log.
    """

    position: int = 0
    labels: dict[tuple[int, str], ReviewedLabel] = field(default_factory=dict)
    unknown: dict[tuple[int, str], tuple[str, ...]] = field(default_factory=dict)
    subjects: dict[int, str] = field(default_factory=dict)
    groups: tuple[Review, ...] = ()
    gates: dict[tuple[int, str], str] = field(default_factory=dict)
    audits: dict[tuple[int, str], str] = field(default_factory=dict)
    captions: dict[tuple[int, str], str] = field(default_factory=dict)


def effective_reviews(
    store: Database | str | Path,
    rows: Iterable[int] | None = None,
    vocabulary: Vocabulary | None = None,
) -> EffectiveReviews:
    """Return what counts of the whole log, or of the items in ``rows``.

    With a ``vocabulary``, attributes and values go by the names that it has for them.
    """
    log = open_log(store, readonly=True)
    try:
        until = getattr(store, "reviews_until", None)  # of a store that is read as it was
        reviews = [review for review in log.scan() if until is None or review.decision <= until]
        return effect_of(reviews, rows, vocabulary)
    finally:
        log.close()


def effect_of(
    reviews: list[Review], rows: Iterable[int] | None = None, vocabulary: Vocabulary | None = None
) -> EffectiveReviews:
    """Return what counts of these records, in order: undone batches drop out, later decisions go over earlier ones."""
    live = live_batches(reviews)
    wanted = None if rows is None else set(rows)
    state = ReviewState(vocabulary)
    return state.add(
        [r for r in reviews if r.kind != "undo" and live[r.batch] and (wanted is None or r.row in wanted)],
        reviews[-1].decision if reviews else 0,
    )


class ReviewState:
    """What counts of a log that grows: records are folded in as they come, as long as nothing is undone.

    Every ``add`` returns a new value; what it returned before stays as it was, so readers need no lock.
    """

    def __init__(self, vocabulary: Vocabulary | None = None) -> None:
        self._vocabulary = vocabulary
        self._decisions: dict[tuple[int, str], _Decisions] = {}
        self._effect = EffectiveReviews()

    def add(self, reviews: Sequence[Review], position: int) -> EffectiveReviews:
        """Fold in records that count, the next of the log, which now ends at ``position``."""
        labels, subjects = dict(self._effect.labels), dict(self._effect.subjects)
        unknown = dict(self._effect.unknown)
        effect = self._effect
        curated = {
            "gate": dict(effect.gates),
            "audit": dict(effect.audits),
            "caption": dict(effect.captions),
        }
        groups: list[Review] = []
        changed: set[tuple[int, str]] = set()
        for review in reviews:
            if review.kind == "label" and review.attribute:
                key = (review.row, self._current(review.attribute))
                self._decisions.setdefault(key, _Decisions()).take(review, *self._named(key[1], review.value))
                changed.add(key)
            elif review.kind == "subjects" and review.value is None:
                subjects.pop(review.row, None)
            elif review.kind == "subjects" and review.value is not None:
                subjects[review.row] = review.value
            elif review.kind == "group":
                groups.append(review)
            elif review.kind in curated and review.attribute:
                said = curated[review.kind]
                said.pop((review.row, review.attribute), None)
                if review.value is not None:
                    said[review.row, review.attribute] = review.value
        for key in changed:
            label = self._decisions[key].label(*key)
            labels.pop(key, None)
            unknown.pop(key, None)
            if self._decisions[key].unknown:
                unknown[key] = tuple(self._decisions[key].unknown)
            if label.exact or label.values or label.rejected:
                labels[key] = label
        groups_so_far = (*self._effect.groups, *groups)
        self._effect = EffectiveReviews(
            position,
            labels,
            unknown,
            subjects,
            groups_so_far,
            curated["gate"],
            curated["audit"],
            curated["caption"],
        )
        return self._effect

    def _current(self, attribute: str) -> str:
        """Return what an attribute is called now, and the name as it is where the vocabulary does not know it."""
        known = self._vocabulary.current_attribute(attribute) if self._vocabulary is not None else None
        return known or attribute

    def _named(self, attribute: str, value: str | None) -> tuple[str | None, bool]:
        """Return what a value of an attribute of today is called now, and whether the vocabulary knows it."""
        if value is None or self._vocabulary is None or attribute in NAMED:
            return value, True
        if attribute not in self._vocabulary.names:
            return value, False
        found = self._vocabulary.current_value(attribute, value)
        return (value, False) if found is None else (found, True)


class _Decisions:
    """Decisions on one attribute of one item, folded in order; the 'set's of one batch unite.

    A value that the vocabulary does not know is no value of the item. Where one was set, the truth is not known to be
    empty: nothing is, until somebody sets another one.
    """

    def __init__(self) -> None:
        self.values: dict[str, None] = {}
        self.rejected: dict[str, None] = {}
        self.unknown: dict[str, None] = {}
        self.exact = False
        self.set_batch = ""
        self.last: Review | None = None

    def take(self, review: Review, value: str | None, known: bool) -> None:
        """Fold in one decision; ``value`` is its value as it is called now."""
        if review.action == "set":
            if review.batch != self.set_batch:
                self.values, self.rejected, self.unknown = {}, {}, {}
                self.exact = True
            self.set_batch = review.batch
            self.exact &= known
        if value is not None and not known:
            if review.action == "remove":
                self.unknown.pop(value, None)
            else:
                self.unknown[value] = None
        elif value is not None and review.action in ("set", "add"):
            self.values[value] = None
            self.rejected.pop(value, None)
        elif value is not None:
            self.rejected[value] = None
            self.values.pop(value, None)
        self.last = review

    def label(self, row: int, attribute: str) -> ReviewedLabel:
        """Return what it comes to."""
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
