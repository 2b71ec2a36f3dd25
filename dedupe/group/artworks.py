"""From a cluster of verified pairs to artworks and their kept copies, every member judged against the kept one.

A family is one drawing in all its versions; an artwork is one version with all its copies. A member that the pixels
do not tie to the kept one leaves, whatever chain of pairs brought it in, and may found a family with others that left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from dedupe.compare.verdict import DIFFERENT, SAME, VARIANT
from dedupe.group.keep import Compare, Copy, choose
from dedupe.group.overrides import Overrides, pair

Kind = Callable[[int, int], str]
Ties = Mapping[int, Sequence[int]]


@dataclass(slots=True)
class Artwork:
    """One version of a drawing: the ``kept`` row, all ``rows``, and why each of them stays or goes."""

    kept: int
    rows: list[int]
    reasons: dict[int, str] = field(default_factory=dict)


@dataclass(slots=True)
class Family:
    """Versions of one drawing, the one with most copies first."""

    artworks: list[Artwork]

    def rows(self) -> list[int]:
        """Return all members."""
        return [row for artwork in self.artworks for row in artwork.rows]


def split_cluster(
    rows: Sequence[int],
    same: Sequence[tuple[int, int]],
    copies: dict[int, Copy],
    policy: Sequence[tuple[str, Compare]],
    kind: Kind,
    said: Overrides,
    ties: Ties | None = None,
    links: Ties | None = None,
) -> list[Family]:
    """Return the families in a cluster of rows with its ``same`` artwork pairs; rows left alone are in none.

    ``ties`` are the copies that vouch for a row, see ``settle``; ``links`` the rows that are tried for the family of a
    row, all where it is None.
    """
    found: list[Family] = []
    left = sorted(rows)
    while len(left) > 1:
        artworks, stray = [], []
        for members in connected(left, same):
            artwork, lost = settle(members, copies, policy, kind, said, ties)
            artworks.append(artwork)
            stray.extend(lost)
        # A copy that its own artwork lost stands for itself.
        artworks.extend(Artwork(row, [row]) for row in stray)
        artworks.sort(key=lambda a: (-len(a.rows), min(a.rows)))
        main = artworks[0]
        family, gone = [main], []
        owner = {row: artwork for artwork in artworks for row in artwork.rows}
        untried = {id(artwork): artwork for artwork in artworks[1:]}
        # From the main one outwards along confirmed pairs: what no member is tied to is not tried with this family.
        ring = [main]
        while ring:
            near = _neighbours(ring, owner, untried, links)
            ring = []
            for artwork in near:
                mates = [row for each in family for row in each.rows]
                tie = kind(main.kept, artwork.kept)
                if tie == SAME and not any(
                    row in said.kept or said.splits(row, mates) for row in artwork.rows
                ):
                    # Two clusters of copies that no tried pair had joined: the kept ones say that they are one.
                    joined, lost = settle([*main.rows, *artwork.rows], copies, policy, kind, said, ties)
                    if not lost:
                        main.kept, main.rows, main.reasons = joined.kept, joined.rows, joined.reasons
                        ring.append(artwork)
                        continue
                if tie != DIFFERENT and not any(said.splits(row, mates) for row in artwork.rows):
                    family.append(artwork)
                    ring.append(artwork)
                else:
                    gone.extend(artwork.rows)
        gone.extend(row for artwork in untried.values() for row in artwork.rows)
        if sum(len(a.rows) for a in family) > 1:
            found.append(Family(family))
        if len(gone) == len(left):
            break
        left = sorted(gone)
    return found


def _neighbours(
    ring: list[Artwork], owner: dict[int, Artwork], untried: dict[int, Artwork], links: Ties | None
) -> list[Artwork]:
    """Take the untried artworks that are linked to one of the ring, most copies first."""
    if links is None:
        found = list(untried.values())
    else:
        rows = {mate for artwork in ring for row in artwork.rows for mate in links.get(row, ())}
        found = list({id(owner[row]): owner[row] for row in rows if row in owner}.values())
        found = [artwork for artwork in found if id(artwork) in untried]
    for artwork in found:
        del untried[id(artwork)]
    return sorted(found, key=lambda artwork: (-len(artwork.rows), min(artwork.rows)))


def settle(
    members: Sequence[int],
    copies: dict[int, Copy],
    policy: Sequence[tuple[str, Compare]],
    kind: Kind,
    said: Overrides,
    ties: Ties | None = None,
) -> tuple[Artwork, list[int]]:
    """Return the artwork of these members, and those that are no copy of the kept one.

    The kept one may be turned, stretched or framed itself, and so hide a tie to a copy with a bar over its rim. Where
    the pixels say 'different', a copy of both that needed no change of tone vouches for a member; where they say
    'variant', nobody does: a grey copy is a copy of two colourings.
    """
    reviewed = [row for row in said.kept if row in members]
    if reviewed:
        kept = reviewed[-1]
    else:
        kept = choose([copies[row] for row in members], policy)[0].row
    stay, lost = [kept], []
    for row in members:
        if row == kept:
            continue
        verdict = said.verdicts.get(row) or kind(kept, row)
        if verdict == SAME and not said.splits(row, stay):
            stay.append(row)
        else:
            lost.append(row)
    near = set(stay)
    for row in lost[:]:
        vouched = any(mate in near for mate in (ties or {}).get(row, ()))
        if (
            vouched
            and kind(kept, row) == DIFFERENT
            and row not in said.verdicts
            and not said.splits(row, stay)
        ):
            lost.remove(row)
            stay.append(row)
    _, reasons = choose([copies[row] for row in stay], policy)
    if reviewed:
        reasons = dict.fromkeys(stay, f"review: {said.kept[kept]} kept another copy")
        reasons[kept] = f"review: kept by {said.kept[kept]}"
    return Artwork(kept, sorted(stay), reasons), lost


def connected(rows: Sequence[int], pairs: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Return the connected parts of rows under pairs, each sorted, by their smallest row."""
    chief = {row: row for row in rows}

    def top(row: int) -> int:
        while chief[row] != row:
            chief[row] = row = chief[chief[row]]
        return row

    for a, b in pairs:
        if a in chief and b in chief:
            low, high = sorted((top(a), top(b)))
            chief[high] = low
    parts: dict[int, list[int]] = {}
    for row in rows:
        parts.setdefault(top(row), []).append(row)
    return [sorted(part) for _, part in sorted(parts.items())]


def kind_with_reviews(kind: Kind, said: Overrides) -> Kind:
    """Return a judgement of two rows in which reviewers outrank the pixels."""

    def judged(kept: int, row: int) -> str:
        key = pair(kept, row)
        if key in said.apart:
            return DIFFERENT
        verdict = said.verdicts.get(row)
        if verdict:
            return verdict
        found = kind(kept, row)
        return VARIANT if found == DIFFERENT and key in said.together else found

    return judged
