"""What group decisions change of the stored groups until the next dedupe run makes them the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from index.reviews.log import Review


@dataclass(frozen=True, slots=True)
class Overrides:
    """Rows that left their group, the kept row of a group by its id, and verdicts by row."""

    gone: frozenset[int]
    kept: dict[str, int]
    verdicts: dict[int, str]


def overrides_of(reviews: Sequence[Review]) -> Overrides:
    """Return what group decisions, in order, change of the stored groups."""
    gone: set[int] = set()
    kept: dict[str, int] = {}
    verdicts: dict[int, str] = {}
    for review in reviews:
        if review.value in ("not_duplicate", "split"):
            gone.add(review.row)
        else:
            gone.discard(review.row)
        if review.value == "keep" and review.group_id:
            kept[review.group_id] = review.row
            verdicts.pop(review.row, None)
        elif review.value in ("variant", "same_artwork"):
            verdicts[review.row] = review.value.replace("_", " ")
        elif review.value == "merge":
            verdicts[review.row] = "merged"
    return Overrides(frozenset(gone), kept, verdicts)
