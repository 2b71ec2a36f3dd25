"""Which values of an attribute hold when several are said of one item, and what contradicts what.

The rules themselves stand in the vocabulary: a specific value replaces the general one that it is a kind of, and
``over`` names the values that a value wins against. What no rule resolves is a conflict: the item gets no value, and
the conflict is recorded with the tags or words that make it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from schema.vocabulary import Attribute, Value

EVERYONE = "all"
"""The counting group whose tags bound the number of all characters instead of adding to it."""
DISAGREE, DENIED, COUNT = "disagree", "denied", "count"
"""Kinds of conflict: several values where one can be right, a value that is also denied, contradicting numbers."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """What contradicts itself on one item about one attribute.

    ``values`` are those in conflict, ``evidence`` the tag or words for each of them ('' where a value was derived).
    Contradicting numbers have evidence and no values.
    """

    attribute: str
    kind: str
    values: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the conflict as a phrase: 'black (black_hair) or red (red_hair)'."""
        if self.kind == COUNT:
            return ", ".join(self.evidence)
        pairs = zip(self.values, self.evidence, strict=True)
        named = " or ".join(f"{value} ({words})" if words else value for value, words in pairs)
        return f"{named}, yet denied" if self.kind == DENIED else named


@dataclass(frozen=True, slots=True)
class ParsedLabels:
    """What the tags or the text of one item say: values by attribute, denied values, conflicts, and why it is
    ambiguous whose attributes these are, if it is."""

    values: dict[str, list[str]] = field(default_factory=dict)
    conflicts: list[Conflict] = field(default_factory=list)
    ambiguous: str | None = None
    denied: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resolved:
    """One attribute of one item: the values that hold (none if open), the conflict and the ambiguity, if any."""

    values: tuple[str, ...] = ()
    conflict: Conflict | None = None
    ambiguous: str | None = None


def resolve_conflicts(attribute: Attribute, said: Mapping[str, str], denied: Iterable[str] = ()) -> Resolved:
    """Return the values that hold among those ``said`` (value to the words for it), given those ``denied``."""
    refused = set(denied)
    if len(said) == 1 and not refused:
        return _flagged(attribute, Resolved(tuple(said)))
    names = sorted(said, key=lambda value: (attribute.order[attribute.base(value)], value))
    contradicted = [
        value for value in names if refused and not refused.isdisjoint((value, *attribute.ancestors(value)))
    ]
    kept = [value for value in names if value not in contradicted]
    conflict = _conflict(attribute, DENIED, contradicted, said) if contradicted else None
    if len(kept) > 1:
        kept = attribute.specific(_with_colors(attribute, kept) if attribute.colors else kept)
    if attribute.multi_label:
        return _flagged(attribute, Resolved(tuple(kept), conflict))
    unbeaten = [
        value for value in kept if not any(attribute.beats(rival, value) for rival in kept if rival != value)
    ]
    if len(unbeaten) == 1:
        return _flagged(attribute, Resolved((unbeaten[0],), conflict))
    if kept:
        conflict = _conflict(attribute, DISAGREE, unbeaten or kept, said)
    return Resolved((), conflict)


def resolve_count(attribute: Attribute, said: Mapping[str, Sequence[str]]) -> Resolved:
    """Return the value of a counted attribute from its counting tags by group.

    Within a group two exact numbers contradict each other; the groups add up; the tags of the group 'all' bound the
    sum. A bare lower bound ('at least two') leaves the value open where it could be more than one, but is ambiguous.
    """
    total, exact, tags_said = 0, True, [tag for tags in said.values() for tag in tags]
    evidence = ", ".join(tags_said)
    contradiction = False
    for group, tags in said.items():
        if group == EVERYONE:
            continue
        exacts, bounds = _numbers(attribute.counts[group], tags)
        least = max((*exacts, *bounds))
        contradiction |= len(exacts) > 1 or (bool(exacts) and min(exacts) < least)
        exact &= bool(exacts)
        total += least
    if EVERYONE in said:
        exacts, bounds = _numbers(attribute.counts[EVERYONE], said[EVERYONE])
        least = max((*exacts, *bounds, total))
        contradiction |= bool(exacts) and min(exacts) < least
        exact = (exact and total == least and len(said) > 1) or least in exacts
        total = least
    if contradiction:
        reason = f"the tags disagree on the number of characters: {evidence}"
        return Resolved((), Conflict(attribute.name, COUNT, (), tuple(tags_said)), reason)
    value = value_of_count(attribute, total)
    if value is None:
        return Resolved()
    if not exact and value != max(attribute.values, key=_least).name:
        return Resolved((), None, f"at least {total} characters: {evidence}" if total > 1 else None)
    ambiguous = f"{attribute.title}: {value} ({evidence})" if value in attribute.ambiguous else None
    return Resolved((value,), None, ambiguous)


def value_of_count(attribute: Attribute, number: int) -> str | None:
    """Return the value of a counted attribute for a number, or None where it has none for so few."""
    reached = [value for value in attribute.values if _least(value) <= number]
    return max(reached, key=_least).name if reached else None


def _least(value: Value) -> int:
    return value.at_least or 0


def _numbers(group: Mapping[str, int | str], tags: Sequence[str]) -> tuple[set[int], set[int]]:
    exacts = {number for tag in tags if isinstance(number := group[tag], int)}
    bounds = {int(number[:-1]) for tag in tags if isinstance(number := group[tag], str)}
    return exacts, bounds


def _with_colors(attribute: Attribute, values: Sequence[str]) -> list[str]:
    # Boorus tag the colour on the general garment (green_kimono with yukata): the specific one has that colour, too.
    if all(value in attribute.by_name for value in values):
        return list(values)
    colors: dict[str, set[str]] = {}
    for value in values:
        if color := attribute.color(value):
            colors.setdefault(attribute.base(value), set()).add(color)
    found = []
    for value in values:
        plain = attribute.by_name.get(value)
        if plain is not None and plain.colored:
            inherited = next((colors[name] for name in attribute.ancestors(value) if name in colors), set())
            if len(inherited) == 1 and value not in colors:
                value = f"{next(iter(inherited))} {value}"
        found.append(value)
    return found


def _flagged(attribute: Attribute, resolved: Resolved) -> Resolved:
    """Return the same, with the ambiguity that a value such as 'two' characters brings."""
    flags = [value for value in resolved.values if value in attribute.ambiguous]
    if not flags:
        return resolved
    return Resolved(resolved.values, resolved.conflict, f"{attribute.title}: {', '.join(flags)}")


def _conflict(attribute: Attribute, kind: str, values: Sequence[str], said: Mapping[str, str]) -> Conflict:
    return Conflict(attribute.name, kind, tuple(values), tuple(said.get(value, "") for value in values))
