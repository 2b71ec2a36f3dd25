"""From tags to attribute values, by the vocabulary.

Each distinct tag is looked up once and remembered, so reading an item costs a few dictionary look-ups. Tags say what
is there: what is not tagged is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from schema.tags.conflicts import Conflict, ParsedLabels, Resolved, resolve_conflicts, resolve_count
from schema.tags.files import load_aliases, load_implications
from schema.tags.spellings import spellings
from schema.vocabulary import Attribute, Vocabulary

REMEMBERED = 200_000
"""Distinct tags and combinations kept in memory; a combination takes about 300 bytes."""
STRONG, WEAK, DENIED, COUNTED = range(4)
"""How a tag says a value: by itself, only where no other tag does, that it is not so, or as a number."""


class Meaning(NamedTuple):
    """What one tag says of one attribute (by its place in the vocabulary): a value, or a group that it counts in."""

    attribute: int
    tag: str
    value: str
    strength: int


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
        self._tables = [_TagTable(place, attribute) for place, attribute in enumerate(vocabulary.attributes)]
        self._meanings: dict[str, tuple[Meaning, ...]] = {}
        self._resolved: dict[tuple[Meaning, ...], tuple[Resolved, tuple[str, ...]]] = {}

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

    def implied(self, tag: str) -> tuple[str, ...]:
        """Return the tags that a tag implies by the files that the user named."""
        name = self.canonical(tag)
        return tuple(other for other in self._implications.get(name, ()) if other != name)

    def meanings(self, tag: str) -> tuple[Meaning, ...]:
        """Return what a tag says, through its alias and what it implies; nothing for tags of no attribute."""
        known = self._meanings.get(tag)
        if known is None:
            if len(self._meanings) >= REMEMBERED:
                self._meanings.clear()
            known = self._meanings[tag] = tuple(self._look_up(tag)) or self._respelled(tag)
        return known

    def _respelled(self, tag: str) -> tuple[Meaning, ...]:
        """Return what another spelling of a tag says that says nothing as it is written."""
        for form in spellings(tag):
            if said := tuple(self._look_up(form)):
                return said
        return ()

    def _look_up(self, tag: str) -> Iterator[Meaning]:
        name = self.canonical(tag)
        implied = [other for other in self._implications.get(name, ()) if other != name]
        for table in self._tables:
            own = table.find(name) or (table.find(tag) if tag != name else None)
            if own is not None:
                yield Meaning(table.place, tag, *own)
            for other in implied:
                more = table.find(other)
                if more is not None and more != own:
                    # Counting looks the tag itself up again, so the implied one is named there.
                    yield Meaning(table.place, other if more[1] == COUNTED else tag, *more)

    def read(self, tags: Iterable[str]) -> ParsedLabels:
        """Return what the tags (canonical in form: lower case, underscores) of one item say."""
        known_meanings = self._meanings
        by_attribute: dict[int, list[Meaning]] = {}
        for tag in tags:
            meanings = known_meanings.get(tag)
            if meanings is None:
                meanings = self.meanings(tag)
            for meaning in meanings:
                place = meaning[0]
                if place in by_attribute:
                    by_attribute[place].append(meaning)
                else:
                    by_attribute[place] = [meaning]
        values: dict[str, list[str]] = {}
        denied: dict[str, list[str]] = {}
        conflicts: list[Conflict] = []
        ambiguous: str | None = None
        known_results = self._resolved
        for place in sorted(by_attribute):
            said = by_attribute[place]
            # Sorted, so that neither the order of the tags nor a repeated one changes a word of the result.
            key = (said[0],) if len(said) == 1 else tuple(sorted(set(said)))
            result = known_results.get(key)
            if result is None:
                result = self._resolve(key)
            resolved, refused = result
            name = self._tables[place].name
            if resolved.values:
                values[name] = list(resolved.values)
            if refused:
                denied[name] = list(refused)
            if resolved.conflict:
                conflicts.append(resolved.conflict)
            if resolved.ambiguous and ambiguous is None:
                ambiguous = resolved.ambiguous
        if ambiguous is not None:
            # With several characters, two eye colours are no contradiction: only the count itself can conflict.
            counted = {table.name for table in self._tables if table.attribute.counts}
            conflicts = [conflict for conflict in conflicts if conflict.attribute in counted]
        return ParsedLabels(values, conflicts, ambiguous, denied)

    def _resolve(self, key: tuple[Meaning, ...]) -> tuple[Resolved, tuple[str, ...]]:
        attribute = self._tables[key[0].attribute].attribute
        by_strength: list[dict[str, str]] = [{}, {}, {}, {}]
        groups: dict[str, list[str]] = {}
        for meaning in key:
            if meaning.strength == COUNTED:
                if meaning.tag not in groups.setdefault(meaning.value, []):
                    table = self._tables[meaning.attribute]
                    known = table.counts(meaning.tag)
                    groups[meaning.value].append(meaning.tag if known else self.canonical(meaning.tag))
            else:
                by_strength[meaning.strength].setdefault(meaning.value, meaning.tag)
        strong, weak, denied, _ = by_strength
        if groups:
            resolved = resolve_count(attribute, groups)
        else:
            resolved = resolve_conflicts(attribute, strong or weak, denied)
        if len(self._resolved) >= REMEMBERED:
            self._resolved.clear()
        self._resolved[key] = resolved, tuple(denied)
        return self._resolved[key]


class _TagTable:
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
        """Return the value that a tag says and how, or None."""
        known = self._known.get(tag)
        if known is not None:
            return known
        if tag.startswith("no_") and not self.attribute.counts:
            denied = self._known.get(tag[3:])
            return None if denied is None else (denied[0], DENIED)
        return self._stripped(tag, "")

    def counts(self, tag: str) -> bool:
        """Tell whether a tag stands under this name in a counting group."""
        return any(tag in group for group in self.attribute.counts.values())

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
