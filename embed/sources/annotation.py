"""What a source says of one picture: ids, tags, text, the character's name, typed metadata."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import reduce
from typing import Any

from schema.source_metadata import CATEGORY_FACTS, Extra, SourceMetadata, rating_letter, utc_time
from schema.tags.parsing import Tags

NO_METADATA = SourceMetadata()


@dataclass(frozen=True, slots=True)
class Annotation:
    """What one record, caption or sidecar says; ``tags`` are canonical and hold those of every category.

    ``reason`` says why the place that the annotation describes gave no picture, as a downloader recorded it.
    """

    keys: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    text: str = ""
    identity: str = ""
    metadata: SourceMetadata = NO_METADATA
    reason: str = ""

    def joined(self, other: Annotation) -> Annotation:
        """Return both together: lists joined, different texts one below the other, facts of this one first."""
        texts = [text for text in (self.text, other.text) if text]
        return Annotation(
            tuple(dict.fromkeys((*self.keys, *other.keys))),
            tuple(dict.fromkeys((*self.tags, *other.tags))),
            "\n".join(dict.fromkeys(texts)),
            self.identity or other.identity,
            self.metadata.filled(other.metadata),
            self.reason or other.reason,
        )


def joined(annotations: Iterable[Annotation]) -> Annotation:
    """Return all annotations together, the first one's facts first."""
    return reduce(Annotation.joined, annotations, Annotation())


def annotation_of_tags(found: Tags, text: str = "", metadata: SourceMetadata | None = None) -> Annotation:
    """Return tags as an annotation: those with a category also among the facts, a rating as the rating."""
    lists = {
        CATEGORY_FACTS[category]: tuple(clean(tag) for tag in tags)
        for category, tags in found.by_category.items()
        if category in CATEGORY_FACTS
    }
    said = SourceMetadata(**lists)  # type: ignore[arg-type]
    if found.rating or found.fields:
        said = said.filled(facts_of_namespaces(found.rating, found.fields))
    if metadata is not None:
        said = metadata.filled(said)
    return Annotation((), tuple(clean(tag) for tag in found.tags), clean(text), "", said)


def facts_of_namespaces(rating: str, named: Mapping[str, str]) -> SourceMetadata:
    """Return the facts that hydrus keeps as tags: rating:, url:, title: and the like."""
    facts: dict[str, Any] = {"rating": rating_letter(rating)}
    extras: dict[str, Extra] = {}
    for name, value in named.items():
        if name in ("url", "source") and "//" in value:
            facts.setdefault("source_url", value)
        elif name in ("date", "posted") and utc_time(value):
            facts.setdefault("posted", utc_time(value))
        elif name in ("licence", "license"):
            facts.setdefault("licence", value)
        elif name in ("pool", "subreddit"):
            facts.setdefault("collection", value)
        else:
            extras[name if name != "url" else "source_address"] = clean(value)
    return SourceMetadata(**facts, extras=extras)


def to_json(said: Annotation) -> dict[str, Any]:
    """Return an annotation as plain values that JSON holds."""
    return {
        "keys": said.keys,
        "tags": said.tags,
        "text": said.text,
        "identity": said.identity,
        "reason": said.reason,
        "metadata": {
            each.name: getattr(said.metadata, each.name)
            for each in fields(SourceMetadata)
            if getattr(said.metadata, each.name) not in (None, "", ())
        },
    }


def from_json(values: Mapping[str, Any]) -> Annotation:
    """Return the annotation that ``to_json`` was given."""
    facts: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in values["metadata"].items()
    }
    facts["extras"] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in values["metadata"].get("extras", {}).items()
    }
    return Annotation(
        tuple(values["keys"]), tuple(values["tags"]), values["text"], values["identity"],
        SourceMetadata(**facts), values["reason"],
    )  # fmt: skip


def readable(name: str) -> str:
    """Return a file name as valid text: bytes that are no UTF-8 become ``\\xff``, so that tables can hold it."""
    try:
        return os.fsencode(name).decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        return clean(name)


def clean(text: str) -> str:
    """Return text that tables can hold: lone surrogates are written out."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")
