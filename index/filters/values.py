"""The values of a column as people write them, turned into those that are stored.

Attributes take their values in any case, with spaces, dashes or underscores, and by the words and tags of the
vocabulary; tags are spelled as the store has them; other columns with few values take those in any case. A value that
no item could have is refused with the nearest ones, because a filter that quietly matches nothing misleads.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from index.filters.columns import NEAR, Column
from index.filters.language import Condition, Literals
from index.store import Store
from index.store.runs import Runs
from schema.errors import FilterError
from schema.source_metadata import rating_letter
from schema.tags.parsing import canonical_tag
from schema.vocabulary import Attribute, Vocabulary, load_vocabulary

FEW = 200
"""A text column with at most so many different values is taken for a choice among them."""
FREE = frozenset(
    {"item_id", "keys", "uri", "text", "identity", "reason", "ambiguous_reason", "group_id", "family"}
)
"""Texts of their own: what is asked for is compared as it stands."""

_WORD_BREAKS = re.compile(r"[\s_-]+")


class Values:
    """What each column of a store can hold; read when a filter asks for it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._vocabulary: Vocabulary | None = None

    def stored(self, condition: Condition, column: Column) -> Condition:
        """Return a condition with its values in the form that the store has.

        Raises FilterError for a value of another type, or for one that the column cannot have.
        """
        if condition.kind not in ("compare", "in", "between") or condition.other:
            return condition
        values = tuple(self._value(column, value, condition) for value in condition.values)
        return replace(condition, values=values)

    def counts(self, column: Column, most: int | None = None) -> list[tuple[Literals, int]]:
        """Return (value, number of items) of a column, most frequent first, at most ``most`` of them."""
        counted: Counter[Literals] = Counter()
        for batch in self._store.scan(column.table, [column.name]):
            found = batch.column(0)
            if column.is_list:
                found = pc.list_flatten(found)
            for each in pc.value_counts(found.drop_null()).to_pylist():
                counted[each["values"]] += each["counts"]
        return sorted(counted.items(), key=lambda entry: (-entry[1], str(entry[0])))[:most]

    def attribute(self, column: Column) -> Attribute | None:
        """Return the attribute that a column holds the values of, or None."""
        if column.table != "labels":
            return None
        return next((each for each in self.vocabulary.attributes if each.name == column.name), None)

    @property
    def vocabulary(self) -> Vocabulary:
        """The vocabulary of the last label run; the shipped one before it."""
        if self._vocabulary is None:
            last = Runs(self._store).last("label") or {"settings": {}}
            recorded = last["settings"].get("vocabulary")
            self._vocabulary = Vocabulary.model_validate(recorded) if recorded else load_vocabulary()
        return self._vocabulary

    def _value(self, column: Column, value: Literals, condition: Condition) -> Literals:
        kind = column.value_type
        if pa.types.is_boolean(kind):
            return _truth(column, value)
        if pa.types.is_integer(kind) or pa.types.is_floating(kind):
            return _number(column, value)
        text = str(value)
        if condition.operator not in ("=", "!=", "in", "has"):
            return text
        if attribute := self.attribute(column):
            return _attribute_value(attribute, text)
        if column.name == "tags":
            return canonical_tag(text) or text
        if column.name in FREE:
            return text
        if column.name == "source_rating" and (letter := rating_letter(text)):
            return letter
        return self._one_of_few(column, text)

    def _one_of_few(self, column: Column, text: str) -> str:
        values: set[str] = set()
        for table in self._tables(column):
            for batch in self._store.scan(table, [column.name]):
                found = pc.list_flatten(batch.column(0)) if column.is_list else batch.column(0)
                values.update(value for value in pc.unique(found).to_pylist() if value is not None)
                if len(values) > FEW:
                    return text
        if text in values or not values:
            return text
        match = _among(text, values)
        if match is None:
            raise _unknown(column.name, text, values)
        return match

    def _tables(self, column: Column) -> list[str]:
        """Return where the values of a column stand: those of items in their copies, too."""
        copies = column.table == "items" and self._store.has("copies")
        also = copies and column.name in self._store.schema("copies").names
        return [column.table, "copies"] if also else [column.table]


def _attribute_value(attribute: Attribute, text: str) -> str:
    """Return the value of an attribute that a word means: 'Male', 'young_adult', 'blond' (a word of blonde)."""
    plain = _plain(text)
    if attribute.holds(plain):
        return plain
    spelled: dict[str, str] = {}
    for value in attribute.values:
        for word in (value.name, *value.words, *value.adjectives, *value.tags):
            spelled.setdefault(_plain(word), value.name)
    found = spelled.get(plain) or _among(text, attribute.by_name)
    if found is None:
        raise _unknown(attribute.name, text, attribute.by_name)
    return found


def _among(text: str, values: Iterable[str]) -> str | None:
    plain = {_plain(value): value for value in values}
    return plain.get(_plain(text))


def _plain(text: str) -> str:
    return _WORD_BREAKS.sub(" ", text.strip().lower())


def _unknown(name: str, text: str, values: Iterable[str] | Mapping[str, object]) -> FilterError:
    known: Sequence[str] = sorted(values)
    near = difflib.get_close_matches(_plain(text), known, NEAR, 0.5)
    said = f"near ones: {', '.join(near)}" if near else f"there are: {', '.join(known[:NEAR])}"
    more = f" and {len(known) - NEAR} more" if not near and len(known) > NEAR else ""
    return FilterError(f"{name} has no value {text!r}; {said}{more}", f"All of them: likeness values {name}")


def _truth(column: Column, value: Literals) -> bool:
    if isinstance(value, bool) or value in (0, 1):
        return bool(value)
    if str(value).lower() in ("true", "false", "yes", "no"):
        return str(value).lower() in ("true", "yes")
    raise FilterError(f"{column.name} is true or false, not {value!r}")


def _number(column: Column, value: Literals) -> Literals:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    try:
        return float(value)
    except ValueError:
        raise FilterError(f"{column.name} is a number, and {value!r} is none") from None
