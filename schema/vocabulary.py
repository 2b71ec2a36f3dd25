"""The attribute vocabulary: what can be said of a character, and how tags, words and prompts say it.

``configs/attributes.toml`` is the whole of it: a new attribute is a block of TOML and no code. Loading checks that
it holds together (no tag means two values of one attribute, every name that is referred to exists), so that the
readers need not.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from schema.errors import VocabularyError
from schema.near import did_you_mean

DEFAULT_PATH = Path(__file__).resolve().parent.parent / "configs" / "attributes.toml"

EVERY_OTHER = "*"
"""In ``over``: this value wins against every other value of its attribute."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_VALUE = re.compile(r"[a-z0-9][a-z0-9' /-]*")
_TAG = re.compile(r"[^\sA-Z,]+")
_WORDS = re.compile(r"[a-z0-9][a-z0-9' -]*")
_RESERVED = frozenset(
    "row item_id keys uri width height tags text group_id verdict keep split ambiguous ambiguous_reason "
    "conflicts source status reason commit identity".split()
)
_SUFFIXES = ("_confidence", "_confidences", "_source", "_sources", "_support")


class Entry(BaseModel):
    """Base of what the file holds: unknown keys are refused, nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


M = TypeVar("M", bound=Entry)


def _phrases(given: object) -> object:
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

    @field_validator("words", "adjectives", "prompts", "over", mode="before")
    @classmethod
    def _split_phrases(cls, given: object) -> object:
        return _phrases(given)


class Attribute(Entry):
    """One attribute: its values, and the rules by which tags and words that disagree are settled."""

    name: str = Field(description="Name of the column.")
    title: str = Field(description="Key in JSON Lines rows and heading on the page.")
    kind: Literal["one", "many"] = Field(description="One value per character, or any number.")
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

    @field_validator("nouns", "ambiguous", "prefixes", "singular", "unit", mode="before")
    @classmethod
    def _split_phrases(cls, given: object) -> object:
        return _phrases(given)

    @field_validator("colors", mode="before")
    @classmethod
    def _split_colors(cls, given: object) -> object:
        return {name: _phrases(words) for name, words in given.items()} if isinstance(given, dict) else given

    @cached_property
    def by_name(self) -> dict[str, Value]:
        """Values by name, the coloured forms left out."""
        return {value.name: value for value in self.values}

    def value(self, name: str) -> Value:
        """Return the value of that name; 'green yukata' gives 'yukata'. Raises VocabularyError naming near ones."""
        found = self.by_name.get(self.base(name))
        if found is None:
            raise VocabularyError(f"{self.name} has no value {name!r}{_near(name, self.by_name)}")
        return found

    def holds(self, name: str) -> bool:
        """Say whether ``name`` is a value or a coloured form of one."""
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
            found = self._splits[name] = self._part(name)
        return found

    @cached_property
    def _splits(self) -> dict[str, tuple[str | None, str]]:
        return {}

    @cached_property
    def _lines(self) -> dict[str, tuple[str, ...]]:
        return {}

    def _part(self, name: str) -> tuple[str | None, str]:
        for color in self._colors_longest_first:
            if name.startswith(color + " "):
                rest = name[len(color) + 1 :]
                if rest in self.by_name and self.by_name[rest].colored:
                    return color, rest
        return None, name

    @cached_property
    def order(self) -> dict[str, int]:
        """Place of each value in the file, the coloured forms left out."""
        return {name: place for place, name in enumerate(self.by_name)}

    @cached_property
    def _colors_longest_first(self) -> tuple[str, ...]:
        return tuple(sorted(self.colors, key=len, reverse=True))

    def ancestors(self, name: str) -> tuple[str, ...]:
        """Return what ``name`` is a kind of, nearest first: 'green yukata' is a yukata, a green kimono, a kimono."""
        found = self._lines.get(name)
        if found is None:
            found = self._lines[name] = self._line(name)
        return found

    def _line(self, name: str) -> tuple[str, ...]:
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
        """Return the values with all that they are kinds of, in order, each once; what voters should count."""
        return list(dict.fromkeys(each for name in names for each in (name, *self.ancestors(name))))

    def specific(self, names: Iterable[str]) -> list[str]:
        """Return the values less those that another of them is a kind of; the opposite of ``expand``."""
        names = list(dict.fromkeys(names))
        general = {each for name in names for each in self.ancestors(name)}
        return [name for name in names if name not in general]

    def beats(self, first: str, second: str) -> bool:
        """Say whether a rule lets ``first`` stand when both values are said."""
        over = self.by_name[first].over
        return second in over or (EVERY_OTHER in over and first not in self.by_name[second].over)

    def display(self, values: str | Sequence[str] | None) -> str | None:
        """Return the values as a reader sees them, general ones left out: 'Green Yukata, Sandals'; None if none."""
        if not values:
            return None
        return display(self.specific([values] if isinstance(values, str) else values))

    def titled(self, values: str | Sequence[str] | None) -> str | list[str] | None:
        """Return the label in title case: a text or, where several values are possible, the most specific ones."""
        if self.kind == "one" or values is None:
            return self.display(values)
        return [
            display(each) or "" for each in self.specific([values] if isinstance(values, str) else values)
        ]


class Vocabulary(Entry):
    """All attributes, in the order of the file."""

    attributes: tuple[Attribute, ...]

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

    def base(self, attribute: str, value: str) -> str:
        """Return a value without its colour: ('dress', 'green yukata') gives 'yukata'."""
        return self.attribute(attribute).base(value)

    def display(self, attribute: str, values: str | Sequence[str] | None) -> str | None:
        """Return the values of one attribute as a reader sees them, or None."""
        return self.attribute(attribute).display(values)

    def row(self, labels: Mapping[str, Any]) -> dict[str, str | list[str] | None]:
        """Return every attribute by its title with its label in title case, from labels by attribute name."""
        return {each.title: each.titled(labels.get(each.name)) for each in self.attributes}


def display(values: str | Sequence[str] | None) -> str | None:
    """Return values in title case, joined by commas, or None: ['young adult'] gives 'Young Adult'."""
    if not values:
        return None
    shown = [values] if isinstance(values, str) else values
    return ", ".join(re.sub(r"(?<![\w'])\w", lambda letter: letter.group().upper(), each) for each in shown)


def load_vocabulary(path: str | Path | None = None) -> Vocabulary:
    """Return the vocabulary of a TOML file, checked; None or '' takes configs/attributes.toml.

    Raises VocabularyError that names the attribute and value, what is wrong, and the allowed keys.
    """
    source = Path(path) if path else DEFAULT_PATH
    try:
        data = tomllib.loads(source.read_text(encoding="utf-8"))
    except OSError as error:
        raise VocabularyError(f"cannot read the vocabulary {source}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise VocabularyError(f"{source} is not valid TOML: {error}") from error
    try:
        return _build(data)
    except VocabularyError as error:
        raise VocabularyError(f"{source}: {error.message}", error.hint) from error


def _build(data: Mapping[str, Any]) -> Vocabulary:
    if not data:
        raise VocabularyError("the vocabulary holds no attribute")
    vocabulary = Vocabulary(attributes=tuple(_attribute(name, table) for name, table in data.items()))
    taken = set(_RESERVED)
    for each in vocabulary.attributes:
        columns = {each.name, *(each.name + suffix for suffix in _SUFFIXES)}
        if clash := sorted(columns & taken):
            raise VocabularyError(f"{each.name}: the column {clash[0]} is taken; choose another name")
        taken |= columns
    titles: dict[str, str] = {}
    for each in vocabulary.attributes:
        if each.title in titles:
            raise VocabularyError(f"{titles[each.title]} and {each.name} have the same title {each.title!r}")
        titles[each.title] = each.name
    return vocabulary


def _attribute(name: str, table: object) -> Attribute:
    if not _NAME.fullmatch(name):
        raise VocabularyError(
            f"{name!r}: a name of an attribute is lower-case letters, digits and underscores"
        )
    if not isinstance(table, dict):
        raise VocabularyError(f"{name} is not a table; write [{name}]")
    values = table.get("values")
    if not isinstance(values, dict) or not values:
        raise VocabularyError(f"{name} has no values; write [{name}.values]")
    templates = table.get("templates", Attribute.model_fields["templates"].default)
    if not isinstance(templates, list | tuple) or not all(
        isinstance(t, str) and "{}" in t for t in templates
    ):
        raise VocabularyError(f"{name}.templates: a list of sentences, each with {{}} for the value")
    built = [_value(name, each, body, templates) for each, body in values.items()]
    attribute = _validate(
        Attribute, {"title": name.replace("_", " ").title(), **table, "name": name, "values": built}, name
    )
    _check_names(attribute)
    _check_repeats(attribute)
    return attribute


def _value(attribute: str, name: str, body: object, templates: Sequence[str]) -> Value:
    where = f"{attribute}.values.{name!r}"
    if not _VALUE.fullmatch(name):
        raise VocabularyError(f"{where}: a value is lower-case words with spaces")
    if not isinstance(body, dict):
        raise VocabularyError(f"{where} is not a table; write {{ tags = [...], words = [...] }}")
    if "name" in body:
        raise VocabularyError(f"{where}: unknown key 'name'; allowed: {', '.join(_keys(Value))}")
    value = _validate(Value, {"name": name, **body}, where)
    for kind, shape, texts in (
        ("tags", _TAG, (*value.tags, *value.weak_tags)),
        ("words", _WORDS, (*value.words, *value.adjectives)),
    ):
        for text in texts:
            if not shape.fullmatch(text):
                raise VocabularyError(f"{where}: {text!r} in {kind} is not lower case in the form of {kind}")
    phrases = value.prompts or (name,)
    prompts = tuple(template.replace("{}", phrase) for template in templates for phrase in phrases)
    return value.model_copy(update={"prompts": prompts})


def _validate(model: type[M], data: dict[str, Any], where: str) -> M:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            keys = _keys(model)
            message = f"{where}: unknown key {place!r}{_near(place, keys)}; allowed: {', '.join(keys)}"
        elif first["type"] == "missing":
            message = f"{where}: {place} is missing"
        else:
            message = f"{where}.{place}: {first['msg']}, got {first['input']!r}"
        raise VocabularyError(message) from error


def _keys(model: type[Entry]) -> list[str]:
    return [key for key in model.model_fields if key != "name"]


def _near(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=3)
    return f"; did you mean {' or '.join(close)}?" if close else ""


def _check_names(attribute: Attribute) -> None:
    known = attribute.by_name
    referred = [("ambiguous", name) for name in attribute.ambiguous]
    referred += [("absent", attribute.absent)] if attribute.absent is not None else []
    referred += [("mixed", attribute.mixed)] if attribute.mixed is not None else []
    for value in attribute.values:
        if value.kind_of is not None:
            referred.append((f"values.{value.name!r}.kind_of", value.kind_of))
        referred += [(f"values.{value.name!r}.over", name) for name in value.over if name != EVERY_OTHER]
        if value.colored and not attribute.colors:
            raise VocabularyError(
                f"{attribute.name}.values.{value.name!r} is colored but {attribute.name} has no colors"
            )
        if bool(attribute.unit) != (value.from_number is not None):
            raise VocabularyError(
                f"{attribute.name}.values.{value.name!r}: from_number goes with unit; set all or neither"
            )
        if bool(attribute.counts) != (value.at_least is not None):
            raise VocabularyError(
                f"{attribute.name}.values.{value.name!r}: at_least goes with counts; set both for all values or neither"
            )
    for place, name in referred:
        if name not in known:
            near = _near(name, known) or f"; there are: {', '.join(known)}"
            raise VocabularyError(f"{attribute.name}.{place} names the unknown value {name!r}{near}")
    for value in attribute.values:
        seen, parent = {value.name}, value.kind_of
        while parent is not None:
            if parent in seen:
                raise VocabularyError(
                    f"{attribute.name}.values.{value.name!r} is a kind of itself through kind_of"
                )
            seen.add(parent)
            parent = known[parent].kind_of


def _check_repeats(attribute: Attribute) -> None:
    for kind in ("tags", "words", "adjectives"):
        seen: dict[str, str] = {}
        for value in attribute.values:
            texts = getattr(value, kind)
            for text in (*texts, *value.weak_tags) if kind == "tags" else texts:
                if text in seen:
                    raise VocabularyError(
                        f"{attribute.name}: {text!r} is twice among the {kind}, "
                        f"of {seen[text]!r} and of {value.name!r}"
                    )
                seen[text] = value.name
    for group, numbers in attribute.counts.items():
        for tag, number in numbers.items():
            if isinstance(number, str) and not re.fullmatch(r"\d+\+", number):
                raise VocabularyError(
                    f"{attribute.name}.counts.{group}: {tag} = {number!r} is neither 2 nor '2+'"
                )
    counted = [tag for group in attribute.counts.values() for tag in group]
    if twice := sorted({tag for tag in counted if counted.count(tag) > 1}):
        raise VocabularyError(f"{attribute.name}.counts: {twice[0]!r} is in two groups")
