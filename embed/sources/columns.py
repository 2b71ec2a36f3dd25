"""Which column of a record means what, and a record as tags, text and ids: shared by metadata files and listings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from embed.sources.sighting import clean
from schema.errors import SourceError
from schema.settings import IngestSettings
from schema.tags.parsing import parse_caption, parse_tags

IMAGE_NAMES = (
    "file_name", "image", "image_path", "filename", "filepath", "file_path", "file", "path", "img",
    "jpg", "png", "webp",
)  # fmt: skip
TAG_NAMES = ("tags", "tag_string", "tag_string_general", "tag_list", "booru_tags")
# Further parts of one tag list, as Danbooru's own dumps split it.
TAG_PARTS = ("tag_string_character", "tag_string_copyright", "tag_string_artist", "tag_string_meta")
TEXT_NAMES = ("text", "description", "caption", "captions", "prompt", "txt")
KEY_NAMES = ("id", "key", "item_id", "image_id", "post_id", "__key__")


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a file by meaning; empty where it has none."""

    image: str
    tags: tuple[str, ...]
    text: str
    key: str
    identity: str


@dataclass(frozen=True, slots=True)
class Words:
    """What a record says beside its picture."""

    keys: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    text: str = ""
    identity: str = ""


def find_columns(names: Iterable[str], settings: IngestSettings, where: str) -> Columns:
    """Return the columns by their settings, or by usual names; SourceError if a configured one is missing."""
    present = [str(name) for name in names]
    lower = {name.lower(): name for name in reversed(present)}

    def choose(configured: str, setting: str, usual: tuple[str, ...]) -> str:
        if configured:
            if configured not in present:
                raise SourceError(
                    f"{where} has no column {configured!r} (ingest.{setting}); it has: {', '.join(present)}",
                    "Name an existing column, or leave the setting empty to have it found.",
                )
            return configured
        return next((lower[name] for name in usual if name in lower), "")

    image = choose(settings.image_column, "image_column", IMAGE_NAMES)
    if not image:
        image = next((name for name in present if name.lower().endswith("_file_name")), "")
    tags = choose(settings.tags_column, "tags_column", TAG_NAMES)
    parts = () if settings.tags_column else tuple(lower[name] for name in TAG_PARTS if name in lower)
    # tag_string holds all parts already.
    parts = () if tags.lower() == "tag_string" else parts
    return Columns(
        image,
        tuple(name for name in (tags, *parts) if name),
        choose(settings.text_column, "text_column", TEXT_NAMES),
        choose(settings.key_column, "key_column", KEY_NAMES),
        choose(settings.identity_column, "identity_column", ()),
    )


def words_of(record: Mapping[str, Any], columns: Columns) -> Words:
    """Return ids, tags and text of one record; a caption column that holds a tag list gives tags."""
    tags: dict[str, None] = {}
    for name in columns.tags:
        tags.update(dict.fromkeys(_tags(record.get(name))))
    text = _text(record.get(columns.text)) if columns.text else ""
    if text and columns.text.lower() in ("caption", "captions", "txt", "prompt"):
        found, text = parse_caption(text)
        tags.update(dict.fromkeys(found))
    key = plain(record.get(columns.key)) if columns.key else ""
    identity = plain(record.get(columns.identity)) if columns.identity else ""
    return Words((key,) if key else (), tuple(clean(tag) for tag in tags), text, identity)


def plain(value: Any) -> str:
    """Return a scalar as clean text: no line ends at its sides, an empty string for None."""
    return "" if value is None else clean(str(value)).strip()


def _text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return "\n".join(filter(None, (plain(part) for part in value)))
    return plain(value)


def _tags(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return parse_tags([str(name) for name in value])  # tag -> score, as taggers write it
    if isinstance(value, (list, tuple)):
        return parse_tags(
            [str(part.get("name", "")) if isinstance(part, Mapping) else str(part) for part in value]
        )
    if isinstance(value, str):
        if value.lstrip().startswith('["'):  # a JSON list that a CSV carries as a string
            try:
                return parse_tags([str(part) for part in json.loads(value)])
            except ValueError:
                pass
        return parse_tags(value)
    return []
