"""Which tags go into a caption and in what order: count, character, copyright, artist, general, quality, year, rating.

The order is that of Danbooru and Animagine, which anime models are trained with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from curate.captions.sayable import Sayable
from schema.attributes import Attribute
from schema.tags.faces import is_face
from schema.tags.values import COUNTED, DENIED, WEAK, Meaning, TagReader
from schema.vocabulary import Vocabulary

CATEGORIES = ("count", "character", "copyright", "artist", "general", "quality", "meta", "year", "rating")
_OF_SOURCE = {
    "characters": "character",
    "copyrights": "copyright",
    "artists": "artist",
    "meta_tags": "meta",
}
RATINGS = {
    "danbooru": {"g": "general", "s": "sensitive", "q": "questionable", "e": "explicit"},
    "animagine": {"g": "safe", "s": "sensitive", "q": "nsfw", "e": "explicit, nsfw"},
}
_SHORT = 3


class TagLine:
    """Chooses, sorts and spells the tags of items."""

    def __init__(self, reader: TagReader) -> None:
        self._reader = reader
        self._vocabulary: Vocabulary = reader.vocabulary
        self._counting = frozenset(
            tag for each in self._vocabulary.attributes for group in each.counts.values() for tag in group
        )
        self._added: dict[tuple[str, str], str] = {}

    def by_category(self, item: Sayable, labels: bool = True, implied: bool = False) -> dict[str, list[str]]:
        """Return the tags of an item by category, in the order in which it has them.

        Tags stand under their names; those that contradict what is accepted are left out, and those that another one
        implies unless ``implied``. With ``labels``, accepted labels are added as the tags that mean them.
        """
        resolved = dict.fromkeys(self._reader.canonical(tag) for tag in item.tags)
        kept = self.agreeing(resolved, item)
        if labels and not item.several:
            kept = [*kept, *self._missing(kept, item.labels)]
        if not implied:
            kept = self.without_implied(kept)
        named = {
            self._reader.canonical(tag): category
            for column, category in _OF_SOURCE.items()
            for tag in item.names(column)
        }
        found: dict[str, list[str]] = {category: [] for category in CATEGORIES}
        for tag in kept:
            category = "count" if tag in self._counting else named.get(tag, "general")
            found[category].append(tag)
        found["count"].sort(key=lambda tag: tag == "solo")
        return found

    def agreeing(self, tags: Iterable[str], item: Sayable) -> list[str]:
        """Return the tags of which nothing contradicts what is accepted of an item.

        Where the label stage has judged an item, a tag that speaks of an attribute stays only if what it says is
        accepted, or is the more general word for it. Of several characters no label tells whose it is: their tags stay.
        """
        if item.several or not item.judged:
            refused = {name: set(values) for name, values in item.rejected.items()}
            return [tag for tag in tags if not self._says(tag, refused)]
        accepted = {
            attribute.name: set(attribute.expand(item.labels.get(attribute.name, ())))
            for attribute in self._vocabulary.attributes
        }
        counted = {
            attribute.name
            for attribute in self._vocabulary.attributes
            if attribute.counts and not item.labels.get(attribute.name)
        }
        return [tag for tag in tags if self._agrees(tag, accepted, counted)]

    def _agrees(self, tag: str, accepted: Mapping[str, set[str]], uncounted: set[str]) -> bool:
        return all(self._allowed(meaning, accepted, uncounted) for meaning in self._reader.meanings(tag))

    def _allowed(self, meaning: Meaning, accepted: Mapping[str, set[str]], uncounted: set[str]) -> bool:
        name = self._vocabulary.attributes[meaning.attribute].name
        if meaning.strength == COUNTED:
            return name not in uncounted
        if meaning.strength == DENIED:
            return meaning.value not in accepted[name]
        if meaning.strength == WEAK:
            return bool(accepted[name])
        return meaning.value in accepted[name]

    def _says(self, tag: str, refused: Mapping[str, set[str]]) -> bool:
        for meaning in self._reader.meanings(tag):
            attribute = self._vocabulary.attributes[meaning.attribute]
            values = refused.get(attribute.name)
            if values and not values.isdisjoint((meaning.value, *_ancestors(attribute, meaning.value))):
                return True
        return False

    def _missing(self, tags: Sequence[str], labels: Mapping[str, tuple[str, ...]]) -> list[str]:
        """Return a tag for each accepted value that no tag of the item says yet."""
        said: dict[str, set[str]] = {}
        for tag in tags:
            for meaning in self._reader.meanings(tag):
                if meaning.strength in (COUNTED, DENIED):
                    continue
                attribute = self._vocabulary.attributes[meaning.attribute]
                said.setdefault(attribute.name, set()).update(attribute.expand([meaning.value]))
        added = []
        for attribute in self._vocabulary.attributes:
            if attribute.counts:
                continue
            for value in attribute.specific(labels.get(attribute.name, ())):
                if value in said.get(attribute.name, ()) or not attribute.holds(value):
                    continue
                tag = self._tag_of(attribute, value)
                # A tag that says more than this value would say what nobody accepted.
                if tag and self._agrees(tag, _only(self._vocabulary, labels), set()):
                    added.append(tag)
        return list(dict.fromkeys(added))

    def _tag_of(self, attribute: Attribute, value: str) -> str:
        known = self._added.get((attribute.name, value))
        if known is None:
            known = self._added[attribute.name, value] = self._find_tag(attribute, value)
        return known

    def _find_tag(self, attribute: Attribute, value: str) -> str:
        """Return the first tag of a value that is read back as this value, or its name where it has no tag."""
        color = attribute.color(value)
        tags = attribute.value(value).tags
        if color:
            tags = tuple(f"{color.replace(' ', '_')}_{tag}" for tag in tags)
        name = value.replace(" ", "_")
        for tag in sorted(tags, key=lambda tag: (name not in tag, tag in self._counting)):
            for meaning in self._reader.meanings(tag):
                if self._vocabulary.attributes[meaning.attribute] is attribute and meaning.value == value:
                    return tag
        return ""

    def without_implied(self, tags: Sequence[str]) -> list[str]:
        """Return the tags less those that another one implies, by the files named or by the vocabulary's kinds."""
        implied = {other for tag in tags for other in self._reader.implied(tag)}
        general: dict[int, set[str]] = {}
        for tag in tags:
            for meaning in self._reader.meanings(tag):
                if meaning.strength < DENIED:
                    attribute = self._vocabulary.attributes[meaning.attribute]
                    above = _ancestors(attribute, meaning.value)
                    general.setdefault(meaning.attribute, set()).update(above)
        return [tag for tag in tags if tag not in implied and not self._is_general(tag, general)]

    def _is_general(self, tag: str, general: Mapping[int, set[str]]) -> bool:
        said = self._reader.meanings(tag)
        return bool(said) and all(
            meaning.strength < DENIED and meaning.value in general.get(meaning.attribute, ())
            for meaning in said
        )


def spelled(tag: str, underscores: bool = False, escape: bool = False) -> str:
    """Return a tag as captions write it: blanks for underscores, except in faces and in tags of three letters."""
    if not underscores and len(tag) > _SHORT and not is_face(tag):
        tag = tag.replace("_", " ")
    return re.sub(r"([()])", r"\\\1", tag) if escape else tag


def _ancestors(attribute: Attribute, value: str) -> tuple[str, ...]:
    return attribute.ancestors(value) if attribute.holds(value) else ()


def _only(vocabulary: Vocabulary, labels: Mapping[str, tuple[str, ...]]) -> dict[str, set[str]]:
    return {each.name: set(each.expand(labels.get(each.name, ()))) for each in vocabulary.attributes}
