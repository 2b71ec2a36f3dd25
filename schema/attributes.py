"""Attributes, their values, and the rules between values: which is a kind of which, which wins, how each is shown.

``schema/vocabulary.py`` reads them from ``configs/attributes.toml`` and checks that they hold together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from schema.errors import VocabularyError
from schema.near import did_you_mean

EVERY_OTHER = "*"
"""In ``over``: this value wins against every other value of its attribute."""


class Entry(BaseModel):
    """Base of what the file holds: unknown keys are refused, nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def phrases(given: object) -> object:
    """Return 'a, b' as ("a", "b"), and anything else as it is."""
    # In the file "a, b" is short for ["a", "b"]; tags, which hold no spaces, are split at spaces.
    return (
        tuple(part.strip() for part in given.split(",") if part.strip()) if isinstance(given, str) else given
    )


class Value(Entry):
    """One value of an attribute, with everything that says it."""

    name: str = Field(description="Lower-case words, as they stand in the label tables.")
    tags: tuple[str, ...] = Field((), description="Booru tags that say it.")
    weak_tags: tuple[str, ...] = Field(
        (), description="Tags that say it only where no other tag of the attribute does."
    )
    words: tuple[str, ...] = Field((), description="Phrases that say it by themselves in a description.")
    adjectives: tuple[str, ...] = Field((), description="Words that say it before a noun of the attribute.")
    prompts: tuple[str, ...] = Field(
        (), description="Zero-shot prompts; in the file phrases, here whole sentences."
    )
    phrases: tuple[str, ...] = Field(
        (), description="What captions call it; the first prompt, or the name, where none is given."
    )
    kind_of: str | None = Field(None, description="The more general value that this one is a kind of.")
    over: tuple[str, ...] = Field(
        (), description="Values that this one wins against when both are said; '*': all."
    )
    colored: bool = Field(False, description="The value can be said with a colour, as 'green yukata'.")
    at_least: int | None = Field(
        None, ge=0, description="In a counted attribute: the smallest number it stands for."
    )

    from_number: int | None = Field(
        None, ge=0, description="The lowest number, in the attribute's unit, that says it."
    )

    @field_validator("tags", "weak_tags", mode="before")
    @classmethod
    def _split_tags(cls, given: object) -> object:
        return tuple(given.split()) if isinstance(given, str) else given

    @field_validator("words", "adjectives", "prompts", "phrases", "over", mode="before")
    @classmethod
    def _split_phrases(cls, given: object) -> object:
        return phrases(given)


class Attribute(Entry):
    """One attribute: its values, and the rules by which tags and words that disagree are settled."""

    name: str = Field(description="Name of the column.")
    title: str = Field(description="Key in JSON Lines rows and heading on the page.")
    kind: Literal["single-label", "multi-label"] = Field(
        description="One value per character, or any number."
    )
    about: str = Field("", description="What it means and what it leaves out.")
    templates: tuple[str, ...] = Field(
        ("a drawing of a character with {}",), description="Sentences round a prompt."
    )
    nouns: tuple[str, ...] = Field((), description="Nouns whose adjectives are this attribute's: hair, eyes.")
    colors: dict[str, tuple[str, ...]] = Field(default_factory=dict, description="Colour to its other words.")
    prefixes: tuple[str, ...] = Field(
        (), description="Tag prefixes that leave the value as it is: frilled_dress."
    )
    counts: dict[str, dict[str, int | str]] = Field(
        default_factory=dict,
        description="Counting tags: group to tag to number, 2 or '2+'; group 'all' bounds the sum.",
    )
    ambiguous: tuple[str, ...] = Field((), description="Values that leave it open which character is meant.")
    absent: str | None = Field(
        None, description="The value that says there is none; a denial in a text says it."
    )
    mixed: str | None = Field(
        None, description="What two values said of one thing come to: 'black and white hair'."
    )
    singular: tuple[str, ...] = Field(
        (), description="In a counted attribute: nouns that are one character each."
    )
    unit: tuple[str, ...] = Field((), description="Words after a number that make it a value: 'years old'.")
    precision: float | None = Field(
        None, gt=0.5, lt=1, description="Precision asked where the settings name none."
    )
    values: tuple[Value, ...] = Field(description="In the order in which they are shown.")

    @field_validator("kind", mode="before")
    @classmethod
    def _kind_of_before(cls, given: object) -> object:
        # Vocabularies of earlier releases said 'one' and 'many'.
        return (
            {"one": "single-label", "many": "multi-label"}.get(given, given)
            if isinstance(given, str)
            else given
        )

    @field_validator("nouns", "ambiguous", "prefixes", "singular", "unit", mode="before")
    @classmethod
    def _split_phrases(cls, given: object) -> object:
        return phrases(given)

    @field_validator("colors", mode="before")
    @classmethod
    def _split_colors(cls, given: object) -> object:
        return {name: phrases(words) for name, words in given.items()} if isinstance(given, dict) else given

    @cached_property
    def by_name(self) -> dict[str, Value]:
        """Values by name, the coloured forms left out."""
        return {value.name: value for value in self.values}

    @cached_property
    def clause(self) -> str | None:
        """How a sentence says a value, 'with {}' or 'wearing {}', by the first template; None: before a noun."""
        return clause_of(self.templates)

    def value(self, name: str) -> Value:
        """Return the value of that name; 'green yukata' gives 'yukata'. Raises VocabularyError naming near ones."""
        found = self.by_name.get(self.base(name))
        if found is None:
            raise VocabularyError(f"{self.name} has no value {name!r}{did_you_mean(name, self.by_name)}")
        return found

    def holds(self, name: str) -> bool:
        """Tell whether ``name`` is a value or a coloured form of one."""
        return self.base(name) in self.by_name

    def base(self, name: str) -> str:
        """Return ``name`` without its colour: 'green yukata' gives 'yukata', 'yukata' stays."""
        return self._split(name)[1]

    def color(self, name: str) -> str | None:
        """Return the colour of a coloured form, or None: 'green yukata' gives 'green'."""
        return self._split(name)[0]

    def _split(self, name: str) -> tuple[str | None, str]:
        if name in self.by_name or not self.colors:
            return None, name
        found = self._splits.get(name)
        if found is None:
            found = self._splits[name] = self._parse(name)
        return found

    @cached_property
    def _splits(self) -> dict[str, tuple[str | None, str]]:
        return {}

    @cached_property
    def _lineages(self) -> dict[str, tuple[str, ...]]:
        return {}

    def _parse(self, name: str) -> tuple[str | None, str]:
        for color in self._colors_longest_first:
            if name.startswith(color + " "):
                rest = name[len(color) + 1 :]
                if rest in self.by_name and self.by_name[rest].colored:
                    return color, rest
        return None, name

    @cached_property
    def order(self) -> dict[str, int]:
        """Position of each value in the file, the coloured forms left out."""
        return {name: position for position, name in enumerate(self.by_name)}

    @cached_property
    def _colors_longest_first(self) -> tuple[str, ...]:
        return tuple(sorted(self.colors, key=len, reverse=True))

    def ancestors(self, name: str) -> tuple[str, ...]:
        """Return what ``name`` is a kind of, nearest first: 'green yukata' is a yukata, a green kimono, a kimono."""
        found = self._lineages.get(name)
        if found is None:
            found = self._lineages[name] = self._lineage(name)
        return found

    def _lineage(self, name: str) -> tuple[str, ...]:
        color, base = self._split(name)
        found = [base] if color else []
        parent = self.by_name[base].kind_of if base in self.by_name else None
        while parent is not None:
            if color and self.by_name[parent].colored:
                found.append(f"{color} {parent}")
            found.append(parent)
            parent = self.by_name[parent].kind_of
        return tuple(found)

    def expand(self, names: Iterable[str]) -> list[str]:
        """Return the values with all that they are kinds of, in order, each once: what a vote should count."""
        return list(dict.fromkeys(value for name in names for value in (name, *self.ancestors(name))))

    def specific(self, names: Iterable[str]) -> list[str]:
        """Return the values less those that another of them is a kind of; the opposite of ``expand``."""
        names = list(dict.fromkeys(names))
        general = {value for name in names for value in self.ancestors(name)}
        return [name for name in names if name not in general]

    @property
    def is_tagged(self) -> bool:
        """Whether any tag says a value; where none does, that tags are silent says nothing."""
        return bool(self.counts) or any(value.tags or value.weak_tags for value in self.values)

    @property
    def multi_label(self) -> bool:
        """Whether a character can have several values of it."""
        return self.kind == "multi-label"

    def beats(self, first: str, second: str) -> bool:
        """Tell whether a rule lets ``first`` stand when both values are said."""
        over = self.by_name[first].over
        return second in over or (EVERY_OTHER in over and first not in self.by_name[second].over)

    def display(self, values: str | Sequence[str] | None) -> str | None:
        """Return the values as a reader sees them, general ones left out: 'Green Yukata, Sandals'; None if none."""
        if not values:
            return None
        return display(self.specific([values] if isinstance(values, str) else values))

    def titled(self, values: str | Sequence[str] | None) -> str | list[str] | None:
        """Return the label in title case: a text or, where several values are possible, the most specific ones."""
        if not self.multi_label or values is None:
            return self.display(values)
        return [
            display(each) or "" for each in self.specific([values] if isinstance(values, str) else values)
        ]


class Vocabulary(Entry):
    """All attributes, in the order of the file.

    ``renamed`` has the names that decisions of reviewers may still use: {'hair_colour': 'hair_color'} for attributes,
    {'hair_color': {'golden': 'blonde'}} for values of an attribute as it is called now.
    """

    attributes: tuple[Attribute, ...]
    renamed: dict[str, str | dict[str, str]] = Field(default_factory=dict)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the attributes."""
        return tuple(attribute.name for attribute in self.attributes)

    @cached_property
    def _by_name(self) -> dict[str, Attribute]:
        return {attribute.name: attribute for attribute in self.attributes}

    def attribute(self, name: str) -> Attribute:
        """Return one attribute; raises VocabularyError naming those there are."""
        found = self._by_name.get(name)
        if found is None:
            near = did_you_mean(name, self.names)
            raise VocabularyError(
                f"there is no attribute {name!r}{near}", f"Attributes: {', '.join(self.names)}"
            )
        return found

    def current_attribute(self, name: str) -> str | None:
        """Return what an attribute is called now; None when it is neither there nor renamed."""
        if name in self._by_name:
            return name
        renamed = self.renamed.get(name)
        return renamed if isinstance(renamed, str) else None

    def current_value(self, attribute: str, value: str) -> str | None:
        """Return what a value of an attribute is called now; None when it is neither there nor renamed."""
        if self._by_name[attribute].holds(value):
            return value
        renamed = self.renamed.get(attribute)
        return renamed.get(value) if isinstance(renamed, dict) else None

    def base(self, attribute: str, value: str) -> str:
        """Return a value without its colour: ('dress', 'green yukata') gives 'yukata'."""
        return self.attribute(attribute).base(value)

    def display(self, attribute: str, values: str | Sequence[str] | None) -> str | None:
        """Return the values of one attribute as a reader sees them, or None."""
        return self.attribute(attribute).display(values)

    def row(self, labels: Mapping[str, str | Sequence[str] | None]) -> dict[str, str | list[str] | None]:
        """Return every attribute by its title with its label in title case, from labels by attribute name."""
        return {each.title: each.titled(labels.get(each.name)) for each in self.attributes}


def clause_of(templates: Sequence[str]) -> str | None:
    """Return what the first template says behind 'a character': 'with {}'; None where it names no character."""
    found = re.search(r"\ba character (.*\{\}.*)$", templates[0])
    return found.group(1) if found else None


def display(values: str | Sequence[str] | None) -> str | None:
    """Return values in title case, joined by commas, or None: ['young adult'] gives 'Young Adult'."""
    if not values:
        return None
    shown = [values] if isinstance(values, str) else values
    return ", ".join(re.sub(r"(?<![\w'])\w", lambda letter: letter.group().upper(), value) for value in shown)
