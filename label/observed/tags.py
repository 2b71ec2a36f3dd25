"""From booru tags to attribute values, by the vocabulary.

Each distinct tag is looked up once and remembered, so a reading costs a few dictionary look-ups. Tags are positive
only: what is not tagged is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from label.observed.conflicts import Reading, Settled, count, settle
from schema.tags.files import load_aliases, load_implications
from schema.vocabulary import Attribute, Vocabulary

_MEMORY = 200_000
"""Distinct tags and combinations kept in memory; a combination takes about 300 bytes."""


class Meaning(NamedTuple):
    """What one tag says of one attribute: a value, or a group it counts in."""

    attribute: int
    tag: str
    value: str
    strength: int


STRONG, WEAK, DENIED, COUNTED = range(4)


class TagReader:
    """Reads the tags of an item; ``aliases`` is alias to name, ``implications`` tag to all that it implies."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        aliases: Mapping[str, str] | None = None,
        implications: Mapping[str, Iterable[str]] | None = None,
    ) -> None:
        self.vocabulary = vocabulary
        self.notes: list[str] = []
        self._aliases = aliases or {}
        self._implications = implications or {}
        self._tables = [_Table(place, attribute) for place, attribute in enumerate(vocabulary.attributes)]
        self._meanings: dict[str, tuple[Meaning, ...]] = {}
        self._settled: dict[tuple[Meaning, ...], tuple[Settled, tuple[str, ...]]] = {}

    @classmethod
    def from_files(
        cls,
        vocabulary: Vocabulary,
        aliases: Sequence[str | Path] = (),
        implications: Sequence[str | Path] = (),
    ) -> TagReader:
        """Return a reader with the tag files that the user named; ``notes`` says what was left out of them."""
        names, implied = load_aliases(aliases), load_implications(implications)
        reader = cls(vocabulary, {alias: name for alias, (name, *_) in names.tags.items()}, implied.tags)
        for kind, file in (("alias", names), ("implication", implied)):
            if file.skipped:
                reader.notes.append(f"{file.skipped} {kind} lines left out, the first: {file.first_skipped}")
        return reader

    def canonical(self, tag: str) -> str:
        """Return the name that an alias stands for, or the tag itself."""
        return self._aliases.get(tag, tag)

    def meanings(self, tag: str) -> tuple[Meaning, ...]:
        """Return what a tag says, through its alias and what it implies; nothing for tags of no attribute."""
        found = self._meanings.get(tag)
        if found is None:
            if len(self._meanings) >= _MEMORY:
                self._meanings.clear()
            found = self._meanings[tag] = tuple(self._find(tag))
        return found

    def _find(self, tag: str) -> Iterator[Meaning]:
        name = self.canonical(tag)
        implied = [each for each in self._implications.get(name, ()) if each != name]
        for table in self._tables:
            own = table.find(name) or (table.find(tag) if tag != name else None)
            if own is not None:
                yield Meaning(table.place, tag, *own)
            for each in implied:
                more = table.find(each)
                if more is not None and more != own:
                    # Counting looks the tag itself up again, so the implied one is named there.
                    yield Meaning(table.place, each if more[1] == COUNTED else tag, *more)

    def read(self, tags: Iterable[str]) -> Reading:
        """Return what the tags (canonical in form: lower case, underscores) of one item say."""
        meanings = self._meanings
        said: dict[int, list[Meaning]] = {}
        for tag in tags:
            found = meanings.get(tag)
            if found is None:
                found = self.meanings(tag)
            for meaning in found:
                place = meaning[0]
                if place in said:
                    said[place].append(meaning)
                else:
                    said[place] = [meaning]
        values: dict[str, list[str]] = {}
        denied: dict[str, list[str]] = {}
        conflicts: list[str] = []
        ambiguous: str | None = None
        settled = self._settled
        for place in sorted(said):
            meant = said[place]
            # Sorted, so that neither the order of the tags nor a repeated one changes a word of the reading.
            key = (meant[0],) if len(meant) == 1 else tuple(sorted(set(meant)))
            known = settled.get(key)
            if known is None:
                known = self._settle(key)
            one, refused = known
            name = self._tables[place].name
            if one.values:
                values[name] = list(one.values)
            if refused:
                denied[name] = list(refused)
            if one.conflict:
                conflicts.append(one.conflict)
            if one.ambiguous and ambiguous is None:
                ambiguous = one.ambiguous
        return Reading(
            values, conflicts if ambiguous is None else _of_counts(conflicts, self._tables), ambiguous, denied
        )

    def _settle(self, key: tuple[Meaning, ...]) -> tuple[Settled, tuple[str, ...]]:
        attribute = self._tables[key[0].attribute].attribute
        by_strength: list[dict[str, str]] = [{}, {}, {}, {}]
        groups: dict[str, list[str]] = {}
        for meaning in key:
            if meaning.strength == COUNTED:
                if meaning.tag not in groups.setdefault(meaning.value, []):
                    groups[meaning.value].append(
                        self._tables[meaning.attribute].counted(meaning.tag, self.canonical)
                    )
            else:
                by_strength[meaning.strength].setdefault(meaning.value, meaning.tag)
        strong, weak, denied, _ = by_strength
        if groups:
            one = count(attribute, groups)
        else:
            one = settle(attribute, strong or weak, denied)
        if len(self._settled) >= _MEMORY:
            self._settled.clear()
        self._settled[key] = one, tuple(denied)
        return self._settled[key]


def _of_counts(conflicts: list[str], tables: Sequence[_Table]) -> list[str]:
    # With several characters, two eye colours are no contradiction: only the count itself can conflict.
    counted = tuple(f"{table.name}: " for table in tables if table.attribute.counts)
    return [conflict for conflict in conflicts if conflict.startswith(counted)] if counted else []


class _Table:
    """Tag to meaning for one attribute, with colours and prefixes taken off where the whole tag is unknown."""

    def __init__(self, place: int, attribute: Attribute) -> None:
        self.place = place
        self.attribute = attribute
        self.name = attribute.name
        self._known: dict[str, tuple[str, int]] = {}
        for value in attribute.values:
            self._known.update((tag, (value.name, WEAK)) for tag in value.weak_tags)
            self._known.update((tag, (value.name, STRONG)) for tag in value.tags)
        for group, numbers in attribute.counts.items():
            self._known.update((tag, (group, COUNTED)) for tag in numbers)
        colors = {_tag(word): color for color, words in attribute.colors.items() for word in (color, *words)}
        strips = list(colors.items())
        strips += [(_tag(prefix), "") for prefix in attribute.prefixes if _tag(prefix) not in colors]
        self._strips = sorted(((prefix + "_", color) for prefix, color in strips), key=lambda s: -len(s[0]))

    def find(self, tag: str) -> tuple[str, int] | None:
        """Return the value and its strength, or None."""
        known = self._known.get(tag)
        if known is not None:
            return known
        if tag.startswith("no_") and not self.attribute.counts:
            denied = self._known.get(tag[3:])
            return None if denied is None else (denied[0], DENIED)
        return self._stripped(tag, "")

    def counted(self, tag: str, canonical: object) -> str:
        """Return the name under which a counting tag stands in its group."""
        if any(tag in group for group in self.attribute.counts.values()) or not callable(canonical):
            return tag
        return str(canonical(tag))

    def _stripped(self, tag: str, color: str) -> tuple[str, int] | None:
        for prefix, named in self._strips:
            if not tag.startswith(prefix):
                continue
            rest = tag[len(prefix) :]
            chosen = color or named
            known = self._known.get(rest)
            if known is not None:
                value, strength = known
                if chosen and self.attribute.by_name[value].colored:
                    value = f"{chosen} {value}"
                return value, strength
            deeper = self._stripped(rest, chosen)
            if deeper is not None:
                return deeper
        return None


def _tag(words: str) -> str:
    return words.replace(" ", "_")
