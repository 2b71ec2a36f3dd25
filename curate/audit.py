"""Audits: how good the selection is, and what each gate threw away, by random samples that reviewers look at.

A sample is a random order of the items of the selection, or of those that a gate puts out first of all. Reviewers
answer good, doubtful or bad from its beginning. What is counted are answers on items that are there now, so an
audit goes on when the selection is made anew; the interval is that of Clopper and Pearson.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from index.reviews.effective import EffectiveReviews, effective_reviews
from index.store import Store
from index.store.runs import Runs
from schema.arrays import Rows
from schema.numbers.hashing import mix64
from schema.numbers.statistics import interval

SELECTION = "selection"
GOOD, DOUBTFUL, BAD = ANSWERS = ("good", "doubtful", "bad")


@dataclass(frozen=True, slots=True)
class Audit:
    """What reviewers found in a sample of ``of``: the selection, or what a gate puts out.

    ``low`` and ``high`` are the exact 95 % interval of the share of bad ones for the selection, and of good ones for a
    gate: what it costs.
    """

    of: str
    items: int
    answers: dict[str, int]
    low: float
    high: float

    @property
    def answered(self) -> int:
        """How many items were answered."""
        return sum(self.answers.values())

    @property
    def counted(self) -> str:
        """The answer whose share matters: bad in the selection, good among what a gate puts out."""
        return BAD if self.of == SELECTION else GOOD

    @property
    def share(self) -> float:
        """The share of that answer; 0 where nothing was answered."""
        return self.answers[self.counted] / self.answered if self.answered else 0.0

    @property
    def text(self) -> str:
        """One sentence with the share and its interval."""
        of = "the selection" if self.of == SELECTION else f"what gate {self.of} puts out"
        return (
            f"of {of}, {self.share:.1%} {'is' if self.of == SELECTION else 'was'} {self.counted} "
            f"({self.low:.1%} to {self.high:.1%}; {self.answered:,} of {self.items:,} items looked at, "
            f"{self.answers[DOUBTFUL]:,} doubtful)"
        )

    def as_record(self) -> dict[str, Any]:
        """Return it for a manifest."""
        return {
            "of": self.of,
            "items": self.items,
            **self.answers,
            "counted": self.counted,
            "share": self.share,
            "interval": [self.low, self.high],
        }


def strata(store: Store) -> list[str]:
    """Return what can be audited: the selection, and each gate that puts something out first."""
    last = Runs(store).last("select")
    if last is None or not store.has("selection"):
        return []
    names = [gate["name"] for gate in last["settings"]["gates"]]
    out = {step[0]: step[1] for step in last["facts"]["funnel"]}
    return [SELECTION, *(name for name in names if any(out.get(reason) for reason in _reasons(name)))]


def _reasons(gate: str) -> tuple[str, str]:
    return f"gate: {gate}", f"held back: {gate}"


def rows_in(store: Store, of: str) -> Rows:
    """Return the rows of the selection, or those that a gate puts out first, ascending."""
    wanted = pa.array(_reasons(of))
    parts = [np.empty(0, np.int64)]
    for batch in store.scan("selection", ["row", "selected", "left_out"]):
        mask = batch.column(1) if of == SELECTION else pc.is_in(batch.column(2), value_set=wanted)
        parts.append(batch.column(0).filter(mask).to_numpy())
    return np.concatenate(parts)


def sample(rows: Rows, size: int, seed: int) -> Rows:
    """Return at most ``size`` of the rows, drawn at random; the same each time, and a longer one begins with it."""
    offset = np.int64(mix64(np.array([seed]))[0] >> np.uint64(1))
    drawn = mix64(rows ^ offset)
    return rows[np.argsort(drawn, kind="stable")[:size]]


def audits(store: Store, reviews: EffectiveReviews | None = None) -> list[Audit]:
    """Return what the audits have found so far, of those that anybody has answered."""
    said = (effective_reviews(store) if reviews is None else reviews).audits
    by: dict[str, dict[int, str]] = {}
    for (row, of), value in said.items():
        by.setdefault(of, {})[row] = value
    found = []
    for of in strata(store) if by else ():
        rows = rows_in(store, of)
        answered = np.array(sorted(by.get(of, {})), np.int64)
        counts = Counter(by[of][row] for row in answered[np.isin(answered, rows)].tolist())
        answers = {name: counts[name] for name in ANSWERS}
        if counts:
            counted = BAD if of == SELECTION else GOOD
            found.append(Audit(of, len(rows), answers, *interval(answers[counted], sum(answers.values()))))
    return found
