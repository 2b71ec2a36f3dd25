"""Which member of an artwork the others were made from, and why each of the others was not kept.

One member is held against all the others; whoever beats it takes its place, until nobody does. What two copies cannot
say alone is said by all of them: which way round, which proportions and which tone most have. Where the pixels say
nothing, the criteria of the settings decide, and the choice is marked as undecided.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dedupe.direction.findings import UNDECIDED, Facts, Finding, findings
from dedupe.direction.record import Direction
from dedupe.direction.tones import MOVED
from dedupe.group.keep import KeepPolicy, Rank

# Members that are held against all others until one stands: the first guess is rarely further than two steps away.
ROUNDS = 6
# What most copies have in common weighs as much as half the detail; proportions closer than this are one.
CONSENSUS, PROPORTION, TURNED = 0.5, 0.03, 2.0
# Fewest members that outvote one: two copies against one are a majority.
FEWEST = 3
# Without the files, pixels by number are all that is known of resolution.
PIXELS, MORE_PIXELS = 0.1, 1.1


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a copy was not kept: the ``criterion`` with its value in this copy and in the kept one, NaN where it has
    none; where on the copy (``x``, ``y``, 0..1); ``words`` for values that are no numbers; ``undecided`` where the
    pixels said nothing and a criterion of the settings had to. ``found`` names all that speaks against it."""

    criterion: str
    value: float = float("nan")
    kept_value: float = float("nan")
    x: float = float("nan")
    y: float = float("nan")
    words: tuple[str, str] = ("", "")
    undecided: bool = False
    found: tuple[str, ...] = ()


@dataclass(slots=True)
class Star:
    """One member held against others: findings by the other's row; ``of`` 0 in a finding is the centre, 1 the other."""

    centre: int
    findings: dict[int, list[Finding]] = field(default_factory=dict)

    def score(self, row: int) -> float:
        """Return how much more speaks against a row than against the centre; negative where the row is better."""
        return sum(each.weight if each.of else -each.weight for each in self.findings[row])


class Originals:
    """Chooses the original among rows of one artwork; ``direction`` measures a pair of rows, the lower one first."""

    def __init__(
        self,
        facts: Mapping[int, Facts],
        ranks: Mapping[int, Rank],
        policy: KeepPolicy,
        direction: Callable[[int, int], Direction | None],
    ) -> None:
        self._facts, self._ranks, self._policy = facts, ranks, policy
        self._direction = direction

    def choose(self, rows: Sequence[int]) -> list[int]:
        """Return the row that stays, then those that the pixels do not tell from it, the better ones by the criteria
        first; the same for any order of the rows."""
        if len(rows) == 1:
            return [rows[0]]
        rows = sorted(rows)
        centre, tried = self._guess(rows), dict[int, Star]()
        for _ in range(ROUNDS):
            star = tried[centre] = self._star(centre, rows)
            best = min(star.findings, key=lambda row: (star.score(row), row))
            if star.score(best) >= -UNDECIDED:
                equal = [row for row in star.findings if star.score(row) <= UNDECIDED]
                return sorted([centre, *equal], key=self._order)
            if best in tried:
                break
            centre = best
        # They beat each other in a circle: the one that is beaten by least.
        return [min(tried, key=lambda row: (-min(map(tried[row].score, tried[row].findings)), row))]

    def reasons(self, kept: int, rows: Sequence[int]) -> dict[int, Reason]:
        """Return why each of the rows but the kept one was not kept."""
        others = [row for row in rows if row != kept]
        if not others:
            return {}
        star = self._star(kept, sorted({kept, *rows}))
        return {row: self._reason(kept, row, star) for row in others}

    def _guess(self, rows: Sequence[int]) -> int:
        sizes = Counter((self._facts[row].width, self._facts[row].height) for row in rows)

        def worth(row: int) -> tuple[Any, ...]:
            facts = self._facts[row]
            # Not by the criteria: another order of them asks for no other pairs.
            return not facts.lossless, -sizes[facts.width, facts.height], row

        return min(rows, key=worth)

    def _order(self, row: int) -> tuple[float, ...]:
        return tuple(-each for each in self._ranks[row].key)

    def _star(self, centre: int, rows: Sequence[int]) -> Star:
        star = Star(centre)
        directions: dict[int, Direction | None] = {}
        for row in rows:
            if row != centre:
                directions[row] = self._direction(min(centre, row), max(centre, row))
                star.findings[row] = self._pair(centre, row, directions[row])
        for row, finding in _consensus(centre, directions):
            star.findings[row].append(finding)
        return star

    def _pair(self, centre: int, row: int, direction: Direction | None) -> list[Finding]:
        """What speaks against the centre (0) or the row (1)."""
        own, its = self._facts[centre], self._facts[row]
        found: list[Finding] = []
        if direction is not None:
            lower, upper = (own, its) if centre < row else (its, own)
            found = findings(direction, (lower, upper))
            if centre > row:
                found = [each.turned() for each in found]
        if direction is None or not direction.read:
            pixels = (own.width * own.height, its.width * its.height)
            if max(pixels) > MORE_PIXELS * min(pixels):
                fewer = int(np.argmin(pixels))
                found.append(Finding(fewer, "pixels", PIXELS, pixels[fewer], pixels[1 - fewer]))
        return found

    def _reason(self, kept: int, row: int, star: Star) -> Reason:
        against = sorted((each for each in star.findings[row] if each.of), key=lambda each: -each.weight)
        names = tuple(each.criterion for each in against)
        if against and star.score(row) > UNDECIDED:
            first = against[0]
            return Reason(first.criterion, first.value, first.better, first.x, first.y, found=names)
        criterion, own, its = self._policy.decisive(self._ranks[kept], self._ranks[row])
        numbers = [_count(value) for value in (own, its)]
        return Reason(
            criterion.name,
            numbers[0],
            numbers[1],
            words=(_word(own), _word(its)),
            undecided=True,
            found=names,
        )


def _count(value: Any) -> float:
    if isinstance(value, list):
        return float(len(value))
    return float(value) if isinstance(value, (bool, int, float)) else float("nan")


def _word(value: Any) -> str:
    if isinstance(value, list):
        return str(len(value))
    return "" if value is None else str(value)


def _consensus(centre: int, directions: Mapping[int, Direction | None]) -> list[tuple[int, Finding]]:
    """What most members have in common and some do not, as findings between the centre and each of the others."""
    known = {row: each for row, each in directions.items() if each is not None}
    if len(known) + 1 < FEWEST:
        return []
    found: list[tuple[int, Finding]] = []
    found += _majority("mirrored", {row: float(each.mirrored) for row, each in known.items()}, 0.5)
    stretch = {row: float(np.log(each.scale_x / each.scale_y)) for row, each in known.items()}
    stretch = {row: value if centre < row else -value for row, value in stretch.items()}
    found += _majority("proportion", stretch, PROPORTION)
    turned = {row: each.rotation if centre < row else -each.rotation for row, each in known.items()}
    found += _majority("rotation", turned, TURNED)
    found += _odd_one("tone", {row: each.tone > MOVED for row, each in known.items()})
    found += _odd_one("ground", {row: bool(np.isfinite(each.ground_row)) for row, each in known.items()})
    return found


def _majority(criterion: str, values: Mapping[int, float], tolerance: float) -> list[tuple[int, Finding]]:
    """Findings against whoever is not as most members are; ``values`` are relative to the centre, whose own is 0."""
    classes = Counter(round(value / tolerance / 2) for value in values.values())
    classes[0] += 1
    (most, count), *others = classes.most_common(2)
    if not others or count == others[0][1]:
        return []
    found = []
    for row, value in values.items():
        own = round(value / tolerance / 2)
        if (own == most) != (most == 0):
            of = 1 if most == 0 else 0
            shown = abs(value - 2 * tolerance * most) if of else abs(2 * tolerance * most)
            found.append((row, Finding(of, criterion, CONSENSUS, shown, count)))
    return found


def _odd_one(criterion: str, differs: Mapping[int, bool]) -> list[tuple[int, Finding]]:
    """Findings against the centre where it differs from nearly all others, else against those that differ from it."""
    count = sum(differs.values())
    if not count or len(differs) < FEWEST:
        return []
    if count > 0.75 * len(differs):
        return [
            (row, Finding(0, criterion, CONSENSUS / 2, 1, count)) for row, each in differs.items() if each
        ]
    if count < 0.5 * len(differs):
        same = len(differs) - count + 1
        return [(row, Finding(1, criterion, CONSENSUS / 2, 1, same)) for row, each in differs.items() if each]
    return []
