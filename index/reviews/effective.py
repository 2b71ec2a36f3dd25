"""Review decisions as the other stages read them: what counts now, after undos, per item and attribute.

A decision of kind 'label' says with ``action``: *set* (this value; None: known to be unknown), *add* or *remove* (one
value of a many-of attribute), *reject* (not this value, and no other one is said). Kind 'subjects' has value 'several'
or 'one'. Kind 'group' has value keep, split, merge, not_duplicate, same_artwork or variant; ``other`` names the
items it is relative to (item ids, space-separated): those it was split from, merged with, or is no duplicate of.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from index.reviews.log import COLUMNS, LanceLog, Review, ReviewLog, SqliteLog, live_batches
from schema.errors import ReviewError
from schema.records import Decision

if TYPE_CHECKING:
    from index.store.database import Database

FILE = "reviews.sqlite3"


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


def open_log(store: Database | str | Path, readonly: bool = False) -> ReviewLog:
    """Return the review log of a store or of the store at this path or URI; it is made at the first write."""
    uri = str(store) if isinstance(store, str | Path) else str(store.uri)
    if "://" in uri and not uri.startswith("file://"):
        import lancedb

        return LanceLog(lancedb.connect(uri), readonly)
    return SqliteLog(Path(uri.removeprefix("file://")) / FILE, readonly)


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
    ledger = Ledger()
    return ledger.add(
        [r for r in reviews if r.kind != "undo" and live[r.batch] and (wanted is None or r.row in wanted)],
        reviews[-1].decision if reviews else 0,
    )


class Ledger:
    """What counts of a log that grows: records are folded in as they come, as long as nothing is undone.

    Every ``add`` returns a new value; what it returned before stays as it was, so readers need no lock.
    """

    def __init__(self) -> None:
        self._folds: dict[tuple[int, str], _Fold] = {}
        self._effect = EffectiveReviews()

    def add(self, reviews: Sequence[Review], position: int) -> EffectiveReviews:
        """Fold in records that count, the next of the log, which now ends at ``position``."""
        labels, subjects = dict(self._effect.labels), dict(self._effect.subjects)
        groups: list[Review] = []
        for review in reviews:
            if review.kind == "label" and review.attribute:
                self._folds.setdefault((review.row, review.attribute), _Fold()).take(review)
            elif review.kind == "subjects" and review.value is None:
                subjects.pop(review.row, None)
            elif review.kind == "subjects" and review.value is not None:
                subjects[review.row] = review.value
            elif review.kind == "group":
                groups.append(review)
        for key in {(r.row, r.attribute) for r in reviews if r.kind == "label" and r.attribute}:
            labels[key] = self._folds[key].label(*key)
        self._effect = EffectiveReviews(position, labels, subjects, (*self._effect.groups, *groups))
        return self._effect


class _Fold:
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


def export_reviews(store: Database | str | Path, path: str | Path) -> int:
    """Write the whole log as JSONL, one record per line with the columns of REVIEWS; return how many."""
    log = open_log(store, readonly=True)
    count = 0
    with Path(path).open("w", encoding="utf-8") as file:
        for review in log.scan():
            file.write(json.dumps(asdict(review), ensure_ascii=False) + "\n")
            count += 1
    log.close()
    return count


def replay_reviews(store: Database, path: str | Path) -> tuple[int, int]:
    """Write the decisions of a JSONL log into this store, batch by batch with their names and times.

    Items are found by their id, so the other store may number its rows differently. Batches that are here already
    are left out. Returns (written, decisions about items that this store does not have).
    """
    records = [
        _parse(line, n, path) for n, line in enumerate(Path(path).read_text("utf-8").splitlines(), 1) if line
    ]
    rows = _rows_of(store, {r.item_id for r in records if r.kind != "undo"})
    log = open_log(store)
    known = {r.batch for r in log.scan()}
    batches: dict[str, list[Review]] = {}
    for record in records:
        batches.setdefault(record.batch, []).append(record)
    written = missing = 0
    for batch, reviews in batches.items():
        if batch in known:
            continue
        kept = [r for r in reviews if r.kind == "undo" or r.item_id in rows]
        missing += len(reviews) - len(kept)
        if not kept:
            continue
        if kept[0].kind == "undo":
            if kept[0].other in known:
                log.restore(kept)
                known.add(batch)
                written += 1
            continue
        log.restore([_moved(r, rows[r.item_id]) for r in kept])
        known.add(batch)
        written += len(kept)
    log.close()
    return written, missing


def decisions_of(reviews: Iterable[Review]) -> list[Decision]:
    """Return records as the decisions they were made from."""
    return [
        Decision(r.row, r.item_id, r.kind, r.attribute, r.value, r.action, r.group_id, r.other, r.seen)
        for r in reviews
    ]


def _moved(review: Review, row: int) -> Review:
    return Review(**{**asdict(review), "row": row})


def _parse(line: str, number: int, path: str | Path) -> Review:
    try:
        record: dict[str, Any] = json.loads(line)
        return Review(**{name: record[name] for name in COLUMNS})
    except (ValueError, KeyError, TypeError) as error:
        raise ReviewError(f"{path}, line {number}: not a record of a review log ({error})") from error


def _rows_of(store: Database, item_ids: set[str]) -> dict[str, int]:
    """Return the row of each id that this store has, in one pass over two columns of items."""
    found: dict[str, int] = {}
    if not item_ids:
        return found
    for batch in store.scan("items", columns=["row", "item_id"]):
        pairs = zip(batch["item_id"].to_pylist(), batch["row"].to_pylist(), strict=True)
        found.update((item_id, row) for item_id, row in pairs if item_id in item_ids)
    return found
