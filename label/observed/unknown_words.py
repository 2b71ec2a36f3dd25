"""Frequent tags that no attribute reads: words without a meaning, and words that fit several attributes.

A tag is explained when the vocabulary gives it a value or a source gives it a category (a character, a work, an
artist, a fact of the file). Boorus tag much that no attribute asks for, so most of the list is harmless; what matters
in it is a spelling of one's own, or an attribute that is missing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

import pyarrow as pa
import pyarrow.compute as pc

from index.store import Store
from schema.source_metadata import CATEGORY_FACTS
from schema.vocabulary import Vocabulary

FREQUENT = 5
"""A tag that fewer items have is not reported."""
RECORDED = 200
"""Tags that the record of a run holds at most; the number of all of them stands beside it."""
SHOWN = 8


@dataclass(frozen=True, slots=True)
class UnknownWord:
    """One tag that says nothing: how many items have it, the attributes that it would fit as a word, what was done."""

    tag: str
    items: int
    fits: tuple[str, ...]
    decision: str


def unknown_words(
    store: Store, vocabulary: Vocabulary, has_meaning: Callable[[str], bool], frequent: int = FREQUENT
) -> list[UnknownWord]:
    """Return the tags of a store that say nothing, the most frequent first; ``has_meaning`` is the reader's answer."""
    counts, explained = _tag_counts(store)
    attributes_of = _attributes_by_word(vocabulary)
    unknown = []
    for tag, items in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])):
        if items < frequent:
            break
        if tag in explained or has_meaning(tag):
            continue
        fits = attributes_of.get(tag, ())
        unknown.append(UnknownWord(tag, items, fits, _decision(fits)))
    return unknown


def _decision(fits: Sequence[str]) -> str:
    if len(fits) > 1:
        return "not read: it does not say which"
    return "not read: as a tag alone it says no value" if fits else "not read"


def notes_on(words: Iterable[UnknownWord]) -> list[str]:
    """Return the lines in which a run tells of such words, with the most frequent of each kind."""
    words = list(words)
    several = [word for word in words if len(word.fits) > 1]
    others = [word for word in words if len(word.fits) <= 1]
    notes = []
    if several:
        shown = ", ".join(
            f"{word.tag} ({word.items:,}: {' or '.join(word.fits)})" for word in several[:SHOWN]
        )
        notes.append(
            f"frequent tags that fit several attributes and were not read: {len(several):,}: {shown}"
        )
    if others:
        shown = ", ".join(f"{word.tag} ({word.items:,})" for word in others[:SHOWN])
        notes.append(f"frequent tags that are no value of any attribute: {len(others):,}: {shown}")
    return notes


def as_records(words: Sequence[UnknownWord]) -> list[Mapping[str, object]]:
    """Return the most frequent of such words as plain values, for the record of a run."""
    return [asdict(word) for word in words[:RECORDED]]


def _tag_counts(store: Store) -> tuple[Counter[str], set[str]]:
    """Return how many items have each tag, and the tags that a source gives a category."""
    counts: Counter[str] = Counter()
    explained: set[str] = set()
    facts = list(CATEGORY_FACTS.values())
    for batch in store.items(["tags", *facts]):
        tallied = pc.value_counts(_flat(batch, "tags"))
        for tag, count in zip(tallied.field(0).to_pylist(), tallied.field(1).to_pylist(), strict=True):
            counts[tag] += count
        for name in facts:
            explained.update(pc.unique(_flat(batch, name)).to_pylist())
    return counts, explained


def _flat(batch: pa.RecordBatch, name: str) -> pa.Array:
    return pc.list_flatten(batch.column(batch.schema.get_field_index(name))).drop_null()


def _attributes_by_word(vocabulary: Vocabulary) -> dict[str, tuple[str, ...]]:
    """Return, for each single word that a description may use, the attributes that it is a word of."""
    attributes_of: dict[str, dict[str, None]] = defaultdict(dict)
    for attribute in vocabulary.attributes:
        for value in attribute.values:
            for word in (*value.words, *value.adjectives):
                attributes_of[word.replace(" ", "_")].setdefault(attribute.name)
    return {word: tuple(names) for word, names in attributes_of.items()}
