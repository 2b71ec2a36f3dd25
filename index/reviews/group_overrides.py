"""What reviewers said about groups: pairs that belong together or apart for ever, verdicts, and kept copies.

The dedupe stage groups under these, and the review page lays them over the stored groups until it does. Later
decisions outrank earlier ones on the same items; machines never outrank either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from index.reviews.records import Review
from schema.records import SAME_ARTWORK, VARIANT

Pair = tuple[int, int]


@dataclass(slots=True)
class Overrides:
    """``together``, ``apart`` hold pairs (low row, high row); ``verdicts`` by row; ``kept`` rows with the reviewer."""

    together: set[Pair] = field(default_factory=set)
    apart: set[Pair] = field(default_factory=set)
    verdicts: dict[int, str] = field(default_factory=dict)
    kept: dict[int, str] = field(default_factory=dict)

    def splits(self, row: int, others: Iterable[int]) -> bool:
        """Tell whether a row must not be in a group with any of these rows."""
        return any(pair(row, other) in self.apart for other in others)


def pair(a: int, b: int) -> Pair:
    """Return two rows in order."""
    return (a, b) if a < b else (b, a)


def read_overrides(reviews: Iterable[Review], row_of: Mapping[str, int]) -> Overrides:
    """Return what group decisions, oldest first, amount to; ``row_of`` finds the items that they name."""
    found = Overrides()
    batches: dict[tuple[str, str], list[int]] = {}
    for review in reviews:
        row = review.row
        others = [row_of[name] for name in review.others if name in row_of and row_of[name] != row]
        pairs = {pair(row, other) for other in others}
        match review.value:
            case "not_duplicate" | "split":
                found.apart |= pairs
                found.together -= pairs
                found.kept.pop(row, None)
                if review.value == "split":
                    # Items split off by one press stay with each other.
                    mates = batches.setdefault((review.batch, review.group_id or ""), [])
                    found.together |= {
                        pair(row, mate) for mate in mates if pair(row, mate) not in found.apart
                    }
                    mates.append(row)
            case "merge":
                found.together |= pairs
                found.apart -= pairs
            case "same_artwork" | "variant":
                found.verdicts[row] = SAME_ARTWORK if review.value == "same_artwork" else VARIANT
                found.together |= pairs if review.value == "same_artwork" else set()
            case "keep":
                found.kept.pop(row, None)
                found.kept[row] = review.reviewer
                found.verdicts.pop(row, None)
            case _:
                pass
    return found


def named_items(reviews: Iterable[Review]) -> set[str]:
    """Return the ids of all items that decisions name besides their own."""
    return {name for review in reviews for name in review.others}
