"""What was read from one item's tags or text, and the rules by which values that disagree are settled.

The rules themselves are in the vocabulary: a kind beats what it is a kind of, ``over`` names who wins, and what no
rule settles is a conflict: the value stays open and the conflict is listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from schema.vocabulary import Attribute

ALL = "all"
"""The counting group whose tags bound the number of all characters instead of adding to it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Values by attribute, what is denied, what disagrees, and why the item is ambiguous, if it is."""

    values: dict[str, list[str]] = field(default_factory=dict)
    conflicts: list[str] = field(default_factory=list)
    ambiguous: str | None = None
    denied: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Settled:
    """One attribute settled: its values (empty if open), the conflict and the ambiguity, if any."""

    values: tuple[str, ...] = ()
    conflict: str | None = None
    ambiguous: str | None = None


def settle(attribute: Attribute, said: Mapping[str, str], denied: Iterable[str] = ()) -> Settled:
    """Return the values that hold, of those said (value to the evidence for it) and those denied."""
    refused = set(denied)
    if len(said) == 1 and not refused:
        return _flagged(attribute, Settled(tuple(said)))
    names = sorted(said, key=lambda value: (attribute.order[attribute.base(value)], value))
    doubted = [one for one in names if refused and not refused.isdisjoint((one, *attribute.ancestors(one)))]
    kept = [value for value in names if value not in doubted]
    conflict = f"{attribute.name}: {_list(said, doubted)}, yet denied" if doubted else None
    if len(kept) > 1:
        kept = attribute.specific(_color_kinds(attribute, kept) if attribute.colors else kept)
    if attribute.kind == "many":
        return _flagged(attribute, Settled(tuple(kept), conflict))
    standing = [one for one in kept if not any(attribute.beats(other, one) for other in kept if other != one)]
    if len(standing) == 1:
        return _flagged(attribute, Settled((standing[0],), conflict))
    if kept:
        conflict = f"{attribute.name}: {_list(said, standing or kept)}"
    return Settled((), conflict)


def count(attribute: Attribute, said: Mapping[str, Sequence[str]]) -> Settled:
    """Return the value of a counted attribute from its counting tags by group.

    Within a group two exact numbers contradict each other; the groups add up; the tags of the group 'all' bound the
    sum. A bare lower bound ('at least two') leaves the value open where it could be more than one, but is ambiguous.
    """
    total, exact, evidence = 0, True, ", ".join(tag for tags in said.values() for tag in tags)
    contradiction = False
    for group, tags in said.items():
        if group == ALL:
            continue
        exacts, bounds = _numbers(attribute.counts[group], tags)
        least = max((*exacts, *bounds))
        contradiction |= len(exacts) > 1 or (bool(exacts) and min(exacts) < least)
        exact &= bool(exacts)
        total += least
    if ALL in said:
        exacts, bounds = _numbers(attribute.counts[ALL], said[ALL])
        least = max((*exacts, *bounds, total))
        contradiction |= bool(exacts) and min(exacts) < least
        exact = (exact and total == least and len(said) > 1) or least in exacts
        total = least
    if contradiction:
        reason = f"the tags disagree on the number of characters: {evidence}"
        return Settled((), f"{attribute.name}: {evidence}", reason)
    level = max(
        (value for value in attribute.values if (value.at_least or 0) <= total), key=_least, default=None
    )
    last = max(attribute.values, key=_least)
    if level is None:
        return Settled()
    if not exact and level != last:
        return Settled((), None, f"at least {total} characters: {evidence}" if total > 1 else None)
    ambiguous = f"{attribute.title}: {level.name} ({evidence})" if level.name in attribute.ambiguous else None
    return Settled((level.name,), None, ambiguous)


def _least(value: object) -> int:
    return getattr(value, "at_least", None) or 0


def _numbers(group: Mapping[str, int | str], tags: Sequence[str]) -> tuple[set[int], set[int]]:
    exacts = {number for tag in tags if isinstance(number := group[tag], int)}
    bounds = {int(number[:-1]) for tag in tags if isinstance(number := group[tag], str)}
    return exacts, bounds


def _color_kinds(attribute: Attribute, values: Sequence[str]) -> list[str]:
    # Boorus tag the colour on the general garment (green_kimono with yukata): it is the colour of the kind as well.
    if all(value in attribute.by_name for value in values):
        return list(values)
    colors: dict[str, set[str]] = {}
    for value in values:
        if color := attribute.color(value):
            colors.setdefault(attribute.base(value), set()).add(color)
    given = []
    for value in values:
        one = attribute.by_name.get(value)
        if one is not None and one.colored:
            near = next((colors[each] for each in attribute.ancestors(value) if each in colors), set())
            if len(near) == 1 and value not in colors:
                value = f"{next(iter(near))} {value}"
        given.append(value)
    return given


def _flagged(attribute: Attribute, settled: Settled) -> Settled:
    flags = [value for value in settled.values if value in attribute.ambiguous]
    if not flags:
        return settled
    return Settled(settled.values, settled.conflict, f"{attribute.title}: {', '.join(flags)}")


def _list(said: Mapping[str, str], values: Sequence[str]) -> str:
    return " or ".join(f"{value} ({said[value]})" if value in said else value for value in values)
