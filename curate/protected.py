"""The protected gate: no selection and no export holds a possibly sexual picture of a possible minor.

It is always on: no setting, filter, format or plug-in goes round it, because rows leave the store only through
``ExportRows``, and that asks here. An item is barred when

- it may be sexual (rating questionable or explicit, sexual tags or words, or no rating and a classifier above its low
  limit) and is not established to show adults alone (an accepted age of young adult or older; unknown does not count);
- a tag, a text, a label or a reviewer calls it child or teen, and its rating is sensitive or above, or it has none and
  a classifier is above its low limit.

What one copy or version of a drawing says counts for all of its group. Only a decision on the age by a reviewer named
in ``review.administrators`` lets an item in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.protected_words import (
    ADULT_AGES,
    MINOR_AGES,
    MINOR_TEXT,
    SEXUAL_TEXT,
    says_minor,
    says_sexual,
)
from index.reviews.effective import effective_reviews
from index.store import Store
from schema.arrays import Bools, Ints, Rows
from schema.source_metadata import RATINGS

AGE = "age"
SEXUAL_RATINGS = ("q", "e")
SENSITIVE_RATINGS = ("s", "q", "e")
LOW = 0.2
"""Probability of unsafe from which a picture without a rating may be sexual; no setting raises it."""
REASON = "protected: may be sexual and may show a minor"


@dataclass(slots=True)
class Evidence:
    """What is known of every item, bool [n] each, by row."""

    sexual: Bools
    sensitive: Bools
    minor: Bools
    adult: Bools
    rated: Bools


class ProtectedGate:
    """Which items of a store never leave it; read once for all of them."""

    def __init__(self, store: Store, administrators: tuple[str, ...] = ()) -> None:
        self._words = _TagWords()
        evidence = self._read(store)
        _share_within_groups(store, evidence)
        self._take_reviews(store, evidence, administrators)
        unestablished = evidence.sexual & ~(evidence.adult & ~evidence.minor)
        self._barred: Bools = unestablished | (evidence.minor & evidence.sensitive)

    def barred(self, rows: Rows) -> Bools:
        """Return which of these rows may not leave the store, bool [m]."""
        found: Bools = self._barred[rows]
        return found

    @property
    def count(self) -> int:
        """How many items of the store are barred."""
        return int(self._barred.sum())

    def _read(self, store: Store) -> Evidence:
        n = store.n_items()
        evidence = Evidence(*(np.zeros(n, bool) for _ in range(5)))
        for batch in store.items(["row", "tags", "text", "source_rating"]):
            rows = batch.column(0).to_numpy()
            tags, text, rating = batch.column(1), batch.column(2), batch.column(3)
            minor, sexual = self._words.of(tags)
            evidence.minor[rows] = minor | _matches(text, MINOR_TEXT)
            evidence.rated[rows] = _is_in(rating, tuple(RATINGS))
            rated = _is_in(rating, SEXUAL_RATINGS)
            evidence.sexual[rows] = sexual | rated | _matches(text, SEXUAL_TEXT)
            evidence.sensitive[rows] = _is_in(rating, SENSITIVE_RATINGS) | evidence.sexual[rows]
        _read_measured(store, evidence)
        _read_labels(store, evidence)
        return evidence

    @staticmethod
    def _take_reviews(store: Store, evidence: Evidence, administrators: tuple[str, ...]) -> None:
        """Take in ages that reviewers gave since the last label run; an administrator's stands against all else."""
        for (row, attribute), said in effective_reviews(store).labels.items():
            if attribute != AGE or not 0 <= row < len(evidence.minor):
                continue
            adult = bool(said.values) and said.exact and set(said.values) <= ADULT_AGES
            if set(said.values) & MINOR_AGES:
                evidence.minor[row] = True
            elif adult:
                evidence.adult[row] = True
                evidence.minor[row] &= said.reviewer not in administrators


class _TagWords:
    """Says of lists of tags whether one of them is a word of the gate; every distinct tag is looked at once."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[bool, bool]] = {}

    def of(self, tags: pa.Array) -> tuple[Bools, Bools]:
        """Return (says minor, says sexual) of lists of tags [n], bool [n] each."""
        flat = tags.flatten().dictionary_encode()
        said = np.array([self._look(tag) for tag in flat.dictionary.to_pylist()], bool).reshape(-1, 2)
        items: Ints = pc.list_parent_indices(tags).to_numpy().astype(np.int64)
        found = np.zeros((len(tags), 2), bool)
        if len(flat):
            np.logical_or.at(found, items, said[flat.indices.to_numpy(zero_copy_only=False)])
        return found[:, 0], found[:, 1]

    def _look(self, tag: str | None) -> tuple[bool, bool]:
        if tag is None:
            return False, False
        if tag not in self._known:
            self._known[tag] = (says_minor(tag), says_sexual(tag))
        return self._known[tag]


def _read_measured(store: Store, evidence: Evidence) -> None:
    """Take in the ratings that were measured; a classifier's doubt counts where the item's source gives no rating."""
    table = "measures_rating"
    if not store.has(table):
        return
    present = set(store.schema(table).names)
    names = [name for name in ("rating", "rating_score", "rating_level") if name in present]
    n = len(evidence.sexual)
    for batch in store.scan(table, ["row", *names]):
        rows = batch.column(0).to_numpy()
        batch = batch.filter(pa.array((rows >= 0) & (rows < n)))
        rows = batch.column(0).to_numpy()
        columns = {name: batch.column(at) for at, name in enumerate(names, 1)}
        unsafe = np.zeros(len(rows), bool)
        if "rating_score" in columns:
            score = pc.fill_null(columns["rating_score"], 0.0).to_numpy(zero_copy_only=False)
            unsafe |= ~(score < LOW)  # not a number counts
        if "rating_level" in columns:
            unsafe |= _is_in(columns["rating_level"], ("band", "high"))
        unsafe &= ~evidence.rated[rows]
        if "rating" in columns:
            unsafe |= _is_in(columns["rating"], SEXUAL_RATINGS)
            evidence.sensitive[rows] |= _is_in(columns["rating"], SENSITIVE_RATINGS)
        evidence.sexual[rows] |= unsafe
        evidence.sensitive[rows] |= unsafe


def _read_labels(store: Store, evidence: Evidence) -> None:
    if not store.has("labels") or AGE not in store.schema("labels").names:
        return
    for batch in store.scan("labels", ["row", AGE]):
        rows, age = batch.column(0).to_numpy(), batch.column(1)
        if not pa.types.is_string(age.type):
            # A vocabulary with several ages an item: a minor among them is one, an adult alone is none.
            minor = pc.list_parent_indices(age).to_numpy()[_is_in(age.flatten(), tuple(MINOR_AGES))]
            evidence.minor[rows[minor]] = True
            continue
        evidence.minor[rows] |= _is_in(age, tuple(MINOR_AGES))
        evidence.adult[rows] = _is_in(age, tuple(ADULT_AGES))


def _share_within_groups(store: Store, evidence: Evidence) -> None:
    """Let what is said of one member of a group or of a set of versions count for all: copies differ in their tags."""
    if not store.has("groups"):
        return
    names = [name for name in ("group_id", "family") if name in store.schema("groups").names]
    groups = store.read("groups", ["row", *names])
    rows = groups.column("row").to_numpy()
    known = (rows >= 0) & (rows < len(evidence.minor))
    for name in names:
        codes = groups.column(name).combine_chunks().dictionary_encode()
        number = codes.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        member = known & (number >= 0)
        at, of = rows[member], number[member]
        for flags in (evidence.minor, evidence.sexual, evidence.sensitive):
            any_of = np.zeros(len(codes.dictionary), bool)
            np.logical_or.at(any_of, of, flags[at])
            flags[at] = any_of[of]


def _is_in(values: pa.Array, wanted: tuple[str, ...]) -> Bools:
    lowered = pc.utf8_lower(pc.cast(values, pa.string()))
    found: Bools = pc.is_in(lowered, value_set=pa.array(wanted)).to_numpy(zero_copy_only=False).astype(bool)
    return found


def _matches(text: pa.Array, pattern: str) -> Bools:
    matched = pc.match_substring_regex(text, pattern, ignore_case=True).fill_null(False)
    found: Bools = matched.to_numpy(zero_copy_only=False).astype(bool)
    return found
