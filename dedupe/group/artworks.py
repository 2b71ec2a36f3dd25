"""From a cluster of verified pairs to artworks and their kept copies, every member judged against the kept one.

A variant set is one drawing in all its versions; an artwork is one version with all its copies. A member that the
pixels do not tie to the kept one leaves, whatever chain of pairs brought it in, and may found a set with others that
left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from dedupe.compare.verdict import DIFFERENT, SAME, VARIANT
from dedupe.group.originals import Reason
from index.reviews.group_overrides import Overrides, pair

# Equally good copies that are tried for the one that loses fewest members.
EQUAL = 4

Verdict = Callable[[int, int], str]
Edges = Mapping[int, Sequence[int]]


class Chooser(Protocol):
    """Chooses which copy of an artwork stays."""

    def choose(self, rows: Sequence[int]) -> list[int]:
        """Return the row that stays, then those that are as good, the better ones first."""

    def reasons(self, kept: int, rows: Sequence[int]) -> dict[int, Reason]:
        """Return why each of the rows but the kept one was not kept."""


@dataclass(frozen=True, slots=True)
class Judges:
    """What decides about rows: ``verdict`` of the pixels on two of them, the ``originals`` chooser, reviewers'
    ``overrides``.

    ``support`` are the copies of a row that are one without a change of tone: they speak for it where the kept one
    does not (see ``settle``). ``linked`` are the confirmed partners of a row, the only ones that are tried for its
    variant set; None tries all.
    """

    verdict: Verdict
    originals: Chooser
    overrides: Overrides = field(default_factory=Overrides)
    support: Edges = field(default_factory=dict)
    linked: Edges | None = None

    def kind(self, kept: int, row: int) -> str:
        """Return what the pixels say of a row and the kept one, or a reviewer, who outranks them."""
        key = pair(kept, row)
        if key in self.overrides.apart:
            return DIFFERENT
        decided = self.overrides.verdicts.get(row)
        if decided:
            return decided
        found = self.verdict(kept, row)
        return VARIANT if found == DIFFERENT and key in self.overrides.together else found


@dataclass(slots=True)
class Artwork:
    """One version of a drawing: the ``kept`` row, all ``rows``, and why each of the others goes.

    ``reviewer`` chose the kept row, where it is not empty; ``proposed`` is what would have been kept without.
    """

    kept: int
    rows: list[int]
    reasons: dict[int, Reason] = field(default_factory=dict)
    reviewer: str = ""
    proposed: int = -1


@dataclass(slots=True)
class VariantSet:
    """Versions of one drawing, the one with most copies first."""

    artworks: list[Artwork]

    def rows(self) -> list[int]:
        """Return all members."""
        return [row for artwork in self.artworks for row in artwork.rows]


def split_cluster(rows: Sequence[int], same: Sequence[tuple[int, int]], judges: Judges) -> list[VariantSet]:
    """Return the variant sets in a cluster of rows with its ``same`` artwork pairs; rows left alone are in none."""
    found: list[VariantSet] = []
    left = sorted(rows)
    while len(left) > 1:
        artworks, stray = [], []
        for members in connected(left, same):
            artwork, lost = settle(members, judges)
            artworks.append(artwork)
            stray.extend(lost)
        # A copy that its own artwork lost stands for itself.
        artworks.extend(Artwork(row, [row]) for row in stray)
        artworks.sort(key=lambda artwork: (-len(artwork.rows), min(artwork.rows)))
        versions, gone = _gathered(artworks, judges)
        if len(versions.rows()) > 1:
            found.append(versions)
        if len(gone) == len(left):
            break
        left = sorted(gone)
    return found


def _gathered(artworks: list[Artwork], judges: Judges) -> tuple[VariantSet, list[int]]:
    """Return the first artwork with its versions among the others, and the rows that are none.

    From the first one outwards along confirmed pairs: what no member is linked to is not tried with this set.
    """
    main = artworks[0]
    versions, gone = VariantSet([main]), []
    owner = {row: artwork for artwork in artworks for row in artwork.rows}
    untried = {id(artwork): artwork for artwork in artworks[1:]}
    ring = [main]
    while ring:
        near = _linked(ring, owner, untried, judges.linked)
        ring = []
        for artwork in near:
            mates = versions.rows()
            verdict = judges.kind(main.kept, artwork.kept)
            if verdict == SAME and _joined(main, artwork, mates, judges):
                ring.append(artwork)
            elif verdict != DIFFERENT and not _split_off(artwork.rows, mates, judges.overrides):
                versions.artworks.append(artwork)
                ring.append(artwork)
            else:
                gone.extend(artwork.rows)
    gone.extend(row for artwork in untried.values() for row in artwork.rows)
    return versions, gone


def _split_off(rows: Iterable[int], mates: Sequence[int], overrides: Overrides) -> bool:
    return any(overrides.splits(row, mates) for row in rows)


def _joined(main: Artwork, other: Artwork, mates: Sequence[int], judges: Judges) -> bool:
    """Take another artwork into the main one where the kept rows say that they are one and no member is lost by it."""
    overrides = judges.overrides
    if any(row in overrides.kept for row in other.rows) or _split_off(other.rows, mates, overrides):
        return False
    joined, lost = settle([*main.rows, *other.rows], judges)
    if lost:
        return False
    main.kept, main.rows, main.reasons = joined.kept, joined.rows, joined.reasons
    main.reviewer, main.proposed = joined.reviewer, joined.proposed
    return True


def _linked(
    ring: list[Artwork], owner: dict[int, Artwork], untried: dict[int, Artwork], linked: Edges | None
) -> list[Artwork]:
    """Take the untried artworks that are linked to one of the ring, most copies first."""
    if linked is None:
        found = list(untried.values())
    else:
        rows = {mate for artwork in ring for row in artwork.rows for mate in linked.get(row, ())}
        found = list({id(owner[row]): owner[row] for row in rows if row in owner}.values())
        found = [artwork for artwork in found if id(artwork) in untried]
    for artwork in found:
        del untried[id(artwork)]
    return sorted(found, key=lambda artwork: (-len(artwork.rows), min(artwork.rows)))


def settle(members: Sequence[int], judges: Judges) -> tuple[Artwork, list[int]]:
    """Return the artwork of these members, and those that are no copy of the kept one.

    The kept one may be turned, stretched or framed itself, and so hide a tie to a copy with a bar over its rim. Where
    the pixels say 'different', a copy of both that needed no change of tone supports a member; where they say
    'variant', nobody does: a grey copy is a copy of two colourings. Of copies that are equally good, the first one
    that loses no member stays, or the one that loses fewest.
    """
    overrides = judges.overrides
    equal = judges.originals.choose(members)
    reviewed = [row for row in overrides.kept if row in members]
    best: tuple[int, list[int], list[int]] | None = None
    for kept in [reviewed[-1]] if reviewed else equal[:EQUAL]:
        stay, lost = _around(kept, members, judges)
        if best is None or len(lost) < len(best[2]):
            best = kept, stay, lost
        if not lost:
            break
    assert best is not None
    kept, stay, lost = best
    reasons = judges.originals.reasons(kept, stay)
    reviewer = overrides.kept[kept] if reviewed else ""
    return Artwork(kept, sorted(stay), reasons, reviewer, equal[0] if reviewed else kept), lost


def _around(kept: int, members: Sequence[int], judges: Judges) -> tuple[list[int], list[int]]:
    """Return the members that are copies of the kept one, itself first, and those that are not."""
    overrides = judges.overrides
    stay, lost = [kept], []
    for row in members:
        if row == kept:
            continue
        verdict = overrides.verdicts.get(row) or judges.kind(kept, row)
        if verdict == SAME and not overrides.splits(row, stay):
            stay.append(row)
        else:
            lost.append(row)
    near = set(stay)
    for row in lost[:]:
        supported = any(mate in near for mate in judges.support.get(row, ()))
        if (
            supported
            and judges.kind(kept, row) == DIFFERENT
            and row not in overrides.verdicts
            and not overrides.splits(row, stay)
        ):
            lost.remove(row)
            stay.append(row)
    return stay, lost


def connected(rows: Sequence[int], pairs: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Return the connected parts of rows under pairs, each sorted, by their smallest row."""
    parent = {row: row for row in rows}

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = row = parent[parent[row]]
        return row

    for a, b in pairs:
        if a in parent and b in parent:
            low, high = sorted((root(a), root(b)))
            parent[high] = low
    parts: dict[int, list[int]] = {}
    for row in rows:
        parts.setdefault(root(row), []).append(row)
    return [sorted(part) for _, part in sorted(parts.items())]
