"""Which columns of a table name the picture, the tags and the text: by the settings, by usual names, by a first look.

The first look at some rows tells a text column that holds lists of tags, and names columns that may be tags but are
called otherwise, with the setting that would read them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from embed.sources.annotation import readable
from embed.sources.base import SourceOptions
from embed.sources.fields.reader import IMAGE_NAMES, TAG_NAMES, TEXT_NAMES, FieldReader, all_names
from embed.sources.fields.values import plain
from schema.errors import SourceError
from schema.tags.lists import written_list
from schema.tags.parsing import looks_like_tags

PEEK_ROWS = 200
# Of the filled cells of a column, so many must look like lists of tags for it to be one.
_TAG_SHARE = 0.8
_SETTINGS = {
    "image_column": "image",
    "tags_column": "tags",
    "text_column": "text",
    "key_column": "key",
    "identity_column": "identity",
}


@dataclass(slots=True)
class TableColumns:
    """The columns of one table: that of the picture ('' for none), the reader of the others, what to tell."""

    image: str
    reader: FieldReader
    has_words: bool
    notes: list[str] = field(default_factory=list)


def find_columns(
    names: Iterable[str],
    peek: Sequence[Mapping[str, Any]],
    options: SourceOptions,
    where: str,
    *,
    strict: bool = True,
) -> TableColumns:
    """Return the columns of a table with these names, of which ``peek`` are the first rows.

    Raises SourceError when a configured column is missing; not ``strict`` leaves it out instead, as for a metadata
    file beside others.
    """
    present = [str(name) for name in names]
    lower = {name.lower(): name for name in reversed(present)}
    settings = options.settings
    chosen = {
        name: _configured(getattr(settings, setting), present, setting, where, strict)
        for setting, name in _SETTINGS.items()
    }
    image = chosen["image"] or next((lower[name] for name in IMAGE_NAMES if name in lower), "")
    image = image or next((name for name in present if name.lower().endswith("_file_name")), "")
    reader = FieldReader(
        tags=(chosen["tags"],) if chosen["tags"] else (),
        only_tags=bool(chosen["tags"]),
        text=(chosen["text"],) if chosen["text"] else (),
        key=chosen["key"],
        identity=chosen["identity"],
        taken=options.taken,
    )
    notes: list[str] = []
    tags = [lower[name] for name in TAG_NAMES if name in lower]
    texts = [chosen["text"]] if chosen["text"] else [lower[name] for name in TEXT_NAMES if name in lower]
    if not reader.tags and not tags and not chosen["text"]:
        listed = [name for name in texts if _tag_share(name, peek) >= _TAG_SHARE]
        if listed:
            reader.text_as_tags = frozenset(listed[:1])
            notes.append(
                f"the column {listed[0]!r} of {where} holds lists of tags and is read as tags "
                f"(--set ingest.text_column={listed[0]} keeps it as text)"
            )
        else:
            notes += _tag_like(present, {*texts, image}, peek, where)
    has_words = bool(reader.tags or tags or texts)
    return TableColumns(image, reader, has_words, notes)


def _configured(
    name: str,
    present: Sequence[str],
    setting: str,
    where: str,
    strict: bool,
) -> str:
    if not name or name in present:
        return name
    # meta.tags is the field tags inside the column meta.
    if "." in name and name.partition(".")[0] in present:
        return name
    if not strict:
        return ""
    raise SourceError(
        f"{where} has no column {name!r} (ingest.{setting}); it has: {', '.join(present)}",
        "Name an existing column, or leave the setting empty to have it found.",
    )


def _tag_like(
    present: Sequence[str], known: set[str], peek: Sequence[Mapping[str, Any]], where: str
) -> list[str]:
    """Name the columns, and fields inside columns, that seem to hold tags although nothing in their name says so."""
    found = []
    named = set(all_names())
    for name in present:
        if name in known or name.lower() in named:
            continue
        inside = next((row[name] for row in peek if isinstance(row.get(name), Mapping)), None)
        if inside is not None:
            fields = [
                f"{name}.{part}" for part in inside if part.lower() in TAG_NAMES or "tag" in part.lower()
            ]
            found += fields[:1]
        elif _tag_share(name, peek) >= _TAG_SHARE:
            found.append(name)
    return [
        f"the column {readable(name)!r} of {where} looks like tags and is not read as such "
        f"(--set ingest.tags_column={readable(name)} reads it)"
        for name in found[:5]
    ]


def _tag_share(name: str, rows: Sequence[Mapping[str, Any]]) -> float:
    filled = [row[name] for row in rows if row.get(name) not in (None, "", [], ())]
    return sum(_is_tag_list(value) for value in filled) / len(filled) if filled else 0.0


def _is_tag_list(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return bool(value) and all(isinstance(part, str) for part in value)
    if not isinstance(value, str):
        return False
    listed = written_list(value)
    return bool(listed) if listed is not None else looks_like_tags(value)


def named_pictures(record: Mapping[str, Any], column: str) -> list[str]:
    """Return the paths that a record gives for its pictures, as text: one, several for a list, or none."""
    value = record.get(column) if column else None
    parts = value if isinstance(value, (list, tuple)) else [value]
    found = []
    for part in parts:
        if isinstance(part, Mapping):
            part = part.get("path") or part.get("src")
        if isinstance(part, (str, int)) and not isinstance(part, bool) and plain(part):
            found.append(plain(part))
    return found


def left_out_notes(reader: FieldReader, where: str) -> list[str]:
    """Return which fields of a table no column could hold: bytes, long lists of numbers."""
    if not reader.left_out:
        return []
    listed = ", ".join(f"{readable(name)} ({count:,})" for name, count in sorted(reader.left_out.items())[:8])
    return [f"fields of {where} that hold bytes or long lists of numbers were left out: {listed}"]
