"""The groups as they stand after the reviewers' decisions, before the next dedupe run writes them.

Only the groups that a decision touches are looked at; of all others the table says everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from index.reviews.group_overrides import Overrides, Pair, pair
from index.store.keys import sql_text
from schema.records import KEPT, SAME_ARTWORK, VARIANT

if TYPE_CHECKING:
    from index.store import Store

MERGED = "merged"
"""The verdict of what a reviewer joined to a group: the next dedupe run says whether it is a copy or a variant."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an item stands in groups: the group's id (empty: in none), its verdict, whether it is kept, and why."""

    group_id: str = ""
    verdict: str = ""
    keep: bool = True
    similarity: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Overlay:
    """Places of all items of touched groups by row, the groups they form, and the rows that a reviewer judged."""

    places: Mapping[int, Place]
    groups: tuple[tuple[int, ...], ...]
    judged: frozenset[int]


NOTHING = Overlay({}, (), frozenset())


def overlay(store: Store, said: Overrides) -> Overlay:
    """Return what group decisions change of the stored groups."""
    pairs = said.together | said.apart
    rows = {row for both in pairs for row in both} | set(said.verdicts) | set(said.kept)
    if not rows:
        return NOTHING
    stored = _stored(store, rows)
    places: dict[int, Place] = {}
    named: set[str] = set()
    groups = regroup(_members(stored), said.together, said.apart, rows)
    # The part of a divided group that has its kept copy keeps the group's name, so it is named first.
    for members in sorted(groups, key=lambda group: not any(_verdict(stored, row) == KEPT for row in group)):
        made = _placed(members, stored, said, named)
        places.update(made)
        named.add(made[members[0]].group_id)
    formed = sorted(tuple(group) for group in groups if len(group) > 1)
    return Overlay(places, tuple(formed), frozenset(said.verdicts) | frozenset(said.kept))


def _stored(store: Store, rows: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Return the records of all groups that have one of these rows, by row."""
    if not store.has("groups"):
        return {}
    names = sorted(set(store.take("groups", sorted(rows), ["group_id"])["group_id"].to_pylist()))
    found: dict[int, dict[str, Any]] = {}
    for start in range(0, len(names), 1000):
        named = ", ".join(sql_text(name) for name in names[start : start + 1000])
        for record in store.read("groups", None, f"group_id IN ({named})").to_pylist():
            found[record["row"]] = record
    return found


def _members(stored: Mapping[int, dict[str, Any]]) -> list[list[int]]:
    groups: dict[str, list[int]] = {}
    for row, record in sorted(stored.items()):
        groups.setdefault(record["group_id"], []).append(row)
    return list(groups.values())


def regroup(
    groups: Iterable[list[int]], together: set[Pair], apart: set[Pair], rows: Iterable[int] = ()
) -> list[list[int]]:
    """Return the groups after pairs were put together or apart, as lists of rows, ascending; ``rows`` may be in none.

    Members of a group hang together unless all their pairs are apart; what was put together joins its groups.
    """
    leader: dict[int, int] = {row: row for row in rows}

    def find(row: int) -> int:
        while leader[row] != row:
            leader[row] = leader[leader[row]]
            row = leader[row]
        return row

    def join(a: int, b: int) -> None:
        low, high = sorted((find(a), find(b)))
        leader[high] = low

    separated = {row for both in apart for row in both}
    for members in groups:
        leader.update((row, row) for row in members if row not in leader)
        plain = [row for row in members if row not in separated]
        for row in plain[1:]:
            join(plain[0], row)
        for row in members:
            if row in separated:
                for other in members:
                    if other != row and pair(row, other) not in apart:
                        join(row, other)
    for a, b in together:
        if a in leader and b in leader:
            join(a, b)
    found: dict[int, list[int]] = {}
    for row in sorted(leader):
        found.setdefault(find(row), []).append(row)
    return list(found.values())


def _verdict(stored: Mapping[int, dict[str, Any]], row: int) -> str:
    return str(stored.get(row, {}).get("verdict") or "")


def _placed(
    members: list[int], stored: Mapping[int, dict[str, Any]], said: Overrides, taken: set[str]
) -> dict[int, Place]:
    """Return the place of each member of one group; alone, an item is in no group and kept."""
    if len(members) == 1:
        return {members[0]: Place()}
    chosen = [row for row in said.kept if row in members]
    before = [row for row in members if _verdict(stored, row) == KEPT]
    kept = chosen[-1] if chosen else before[0] if before else members[0]
    home = stored.get(kept, {}).get("group_id")
    name = home if home and home not in taken else f"{home or 'new'}-{members[0]}"
    made = {}
    for row in members:
        record = stored.get(row, {})
        verdict, reason = _verdict(stored, row), str(record.get("reason") or "")
        keep = bool(record.get("keep", True))
        judged = said.verdicts.get(row)
        if row == kept:
            verdict, keep = KEPT, True
            reason = "chosen by a reviewer" if row in said.kept else reason
        elif judged is not None:
            verdict, keep, reason = judged, judged == VARIANT, "judged by a reviewer"
        elif record.get("group_id") != home:
            verdict = MERGED
        elif verdict == KEPT:
            verdict, keep, reason = SAME_ARTWORK, False, "another copy was chosen by a reviewer"
        made[row] = Place(name, verdict, keep, record.get("similarity"), reason)
    return made
