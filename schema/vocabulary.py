"""Loading the attribute vocabulary: what can be said of a character, and how tags, words and prompts say it.

``configs/attributes.toml`` is the whole of it: a new attribute is a block of TOML and no code. Loading checks that
it holds together (no tag means two values of one attribute, every name that is referred to exists), so that its
readers need not.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from schema import tables
from schema.attributes import EVERY_OTHER, Attribute, Entry, Value, Vocabulary, clause_of, display
from schema.errors import VocabularyError
from schema.near import did_you_mean

__all__ = ["DEFAULT_PATH", "EVERY_OTHER", "Attribute", "Value", "Vocabulary", "display", "load_vocabulary"]

RENAMED = "renamed"
"""The table of old names, which is no attribute."""
DEFAULT_PATH = Path(__file__).resolve().parent.parent / "configs" / "attributes.toml"

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_VALUE = re.compile(r"[a-z0-9][a-z0-9' /-]*")
_TAG = re.compile(r"[^\sA-Z,]+")
_WORDS = re.compile(r"[a-z0-9][a-z0-9' -]*")
# What other tables call their columns: an attribute of the same name could be neither filtered on nor exported.
_RESERVED = frozenset(
    {*tables.ITEMS.names, *tables.GROUPS.names, *tables.labels([]).names, "split", "format"}
)
_SUFFIXES = tuple(
    name.removeprefix("x") for name in tables.labels([("x", "multi-label")]).names if name.startswith("x_")
)

M = TypeVar("M", bound=Entry)


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
    tables_of = {name: table for name, table in data.items() if name != RENAMED}
    if not tables_of:
        raise VocabularyError("the vocabulary holds no attribute")
    attributes = tuple(_attribute(name, table) for name, table in tables_of.items())
    vocabulary = Vocabulary(attributes=attributes, renamed=_renamed(data.get(RENAMED, {}), attributes))
    taken = set(_RESERVED)
    for attribute in vocabulary.attributes:
        columns = {attribute.name, *(attribute.name + suffix for suffix in _SUFFIXES)}
        if clash := sorted(columns & taken):
            raise VocabularyError(f"{attribute.name}: the column {clash[0]} is taken; choose another name")
        taken |= columns
    titles: dict[str, str] = {}
    for attribute in vocabulary.attributes:
        title = attribute.title
        if title in titles:
            raise VocabularyError(f"{titles[title]} and {attribute.name} have the same title {title!r}")
        titles[title] = attribute.name
    return vocabulary


def _renamed(given: object, attributes: Sequence[Attribute]) -> dict[str, str | dict[str, str]]:
    """Return the table of old names, checked: what is old is no name of today, and what it became is one."""
    if not isinstance(given, dict):
        raise VocabularyError(f"{RENAMED} is not a table; write [{RENAMED}]")
    by_name = {each.name: each for each in attributes}
    found: dict[str, str | dict[str, str]] = {}
    for name, became in given.items():
        if isinstance(became, str):
            if name in by_name:
                raise VocabularyError(
                    f"{RENAMED}.{name}: there is an attribute of that name; for its values write [{RENAMED}.{name}]"
                )
            if became not in by_name:
                raise VocabularyError(
                    f"{RENAMED}.{name}: there is no attribute {became!r}{did_you_mean(became, by_name)}"
                )
            found[name] = became
        elif isinstance(became, dict):
            if name not in by_name:
                raise VocabularyError(
                    f"[{RENAMED}.{name}]: there is no attribute {name!r}{did_you_mean(name, by_name)}"
                )
            found[name] = {
                old: _renamed_value(f"{RENAMED}.{name}.{old!r}", by_name[name], old, new)
                for old, new in became.items()
            }
        else:
            raise VocabularyError(f"{RENAMED}.{name}: write the new name, or [{RENAMED}.{name}] for values")
    return found


def _renamed_value(where: str, attribute: Attribute, old: str, new: object) -> str:
    if attribute.holds(old):
        raise VocabularyError(f"{where}: {attribute.name} has a value of that name")
    if not isinstance(new, str) or not attribute.holds(new):
        near = did_you_mean(str(new), attribute.by_name)
        raise VocabularyError(f"{where}: {attribute.name} has no value {new!r}{near}")
    return new


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
    built = [_value(name, value, body, templates) for value, body in values.items()]
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
    said = value.prompts or (name,)
    prompts = tuple(template.replace("{}", phrase) for template in templates for phrase in said)
    phrases = value.phrases or (said[:1] if clause_of(templates) else (name,))
    return value.model_copy(update={"prompts": prompts, "phrases": phrases})


def _validate(model: type[M], data: dict[str, Any], where: str) -> M:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            keys = _keys(model)
            message = f"{where}: unknown key {place!r}{did_you_mean(place, keys)}; allowed: {', '.join(keys)}"
        elif first["type"] == "missing":
            message = f"{where}: {place} is missing"
        else:
            message = f"{where}.{place}: {first['msg']}, got {first['input']!r}"
        raise VocabularyError(message) from error


def _keys(model: type[Entry]) -> list[str]:
    return [key for key in model.model_fields if key != "name"]


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
            near = did_you_mean(name, known) or f"; there are: {', '.join(known)}"
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
