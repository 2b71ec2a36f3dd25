"""The columns of an export, as one list: the Arrow schema, the keys of JSON rows, reserved names and README's table.

A column to add is a line here; where its values come from no table, ``curate/export/rows.py`` computes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import pyarrow as pa

from curate.export.merged_copies import COPY
from schema import tables
from schema.errors import ExportError, VocabularyError
from schema.source_metadata import FIELDS as SOURCE_FIELDS
from schema.vocabulary import Vocabulary

Origin: TypeAlias = Literal["items", "labels", "names", "groups", "export"]

TEXT, TEXTS = pa.string(), pa.list_(pa.string())


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name and Arrow type, the table it is read from ('export' where it is computed), its meaning."""

    name: str
    type: pa.DataType
    origin: Origin
    about: str = ""


ITEM_COLUMNS = (
    Column("item_id", TEXT, "items", "128-bit hash of the file's bytes, in hexadecimal"),
    Column(
        "keys", TEXTS, "items", "every id that the sources give the picture, those of set-aside copies too"
    ),
    Column("uri", TEXT, "items", "where the picture is"),
    Column("width", pa.int32(), "items", "width in pixels, after the orientation in EXIF is applied"),
    Column("height", pa.int32(), "items", "height in pixels"),
    Column("tags", TEXTS, "items", "tags as parsed, those of set-aside copies too"),
    Column("text", TEXT, "items", "description, if the source has one; those of set-aside copies below it"),
)
_SOURCE_ABOUT = {
    "source_rating": "rating of the source: `g`, `s`, `q` or `e`, from general to explicit",
    "source_score": "score that the source gives",
    "favourites": "how often it is a favourite there",
    "artists": "artists, also among the tags",
    "copyrights": "works that the characters are from, also among the tags",
    "characters": "names of characters, also among the tags",
    "meta_tags": "tags about the file, such as `highres`, also among the tags",
    "source_url": "where the artist published it",
    "post_url": "where the source shows it",
    "posted": "when it was posted, UTC: `2024-05-31T12:00:00Z`",
    "collection": "concept folder, album or subreddit",
    "repeats": "kohya's number of repeats",
    "licence": "licence that the source states",
}
SOURCE_COLUMNS = tuple(
    Column(field.name, field.type, "items", _SOURCE_ABOUT[field.name]) for field in SOURCE_FIELDS
)
PROMPT_COLUMNS = (
    Column("prompt", TEXT, "items", "prompt that an image generator wrote into the file"),
    Column("prompt_source", TEXT, "items", "where in the file it stands, such as `png parameters`"),
    Column("has_prompt", pa.bool_(), "items", "whether there is one"),
)
NAME_COLUMNS = (
    Column("character", TEXTS, "names", "names of characters, stated or inferred; null where nobody known"),
    Column("character_confidence", pa.float32(), "names", "probability that they are right"),
    Column("character_source", TEXT, "names", "who says so: `review`, `source`, `text` or `model`"),
    Column("copyright", TEXTS, "names", "works that the characters are from, stated or inferred"),
    Column("copyright_confidence", pa.float32(), "names", "probability that they are right"),
    Column("copyright_source", TEXT, "names", "who says so"),
)
GROUP_COLUMNS = (
    Column("group_id", TEXT, "groups", "group of duplicates; null for an item without any"),
    Column("verdict", TEXT, "groups", "`kept`, `same file`, `same artwork` or `variant`"),
    Column("keep", pa.bool_(), "export", "false for a copy that is set aside, which only `--all` exports"),
    Column(
        "addresses",
        TEXTS,
        "export",
        "every place the picture is at: `uri`, `source_url` and `post_url` of all copies",
    ),
    Column(
        "copies",
        pa.list_(COPY),
        "export",
        "the copies set aside for it: id, addresses, keys, the tags each adds, the columns it fills",
    ),
)
CAPTION = Column("caption", TEXT, "export", "caption for training, as reviewers left it (docs/captions.md)")
TRANSFORMS = Column(
    "transforms", TEXT, "export", "what was done to the exported picture, and its boxes, as JSON"
)
"""A column of exports whose settings have transforms."""
SPLIT = Column("split", TEXT, "export", "`train`, `val` or `test`; no group of duplicates is in two of them")

# What exporters need to find the picture and to name its file. No data set carries these.
INTERNAL = (
    Column("row", pa.int64(), "items"),
    Column("format", TEXT, "items"),
)

ARTISTS = "artists"
"""The column of artists. Where it is left out, tags that name an artist go with it."""


def attribute_columns(name: str, kind: str) -> tuple[Column, ...]:
    """Return the columns of one attribute: a text or, for ``kind`` 'multi-label', a list; confidence; source."""
    return (
        Column(name, TEXTS if kind == "multi-label" else TEXT, "labels", "the label; null means unknown"),
        Column(f"{name}_confidence", pa.float32(), "labels", "calibrated probability that it is right"),
        Column(f"{name}_source", TEXT, "labels", "who says so: `review`, `tag`, `text`, a model"),
    )


def export_columns(vocabulary: Vocabulary, items: pa.Schema | None = None) -> tuple[Column, ...]:
    """Return the columns of an export in their order.

    ``items`` is the schema of the store's items: its columns that no table of ours has are *extras*, columns of a
    source without a meaning of their own, and are exported under their names. Raises VocabularyError where an
    attribute has the name of another column.
    """
    columns = [*ITEM_COLUMNS, *SOURCE_COLUMNS, *PROMPT_COLUMNS, *_extras(items)]
    taken = {column.name for column in (*columns, *NAME_COLUMNS, *GROUP_COLUMNS, CAPTION, SPLIT, *INTERNAL)}
    for attribute in vocabulary.attributes:
        for column in attribute_columns(attribute.name, attribute.kind):
            if column.name in taken:
                raise VocabularyError(
                    f"{attribute.name}: the column {column.name} is taken; choose another name"
                )
            columns.append(column)
    return (*columns, *NAME_COLUMNS, *GROUP_COLUMNS, CAPTION, SPLIT)


def without(columns: Sequence[Column], names: Iterable[str]) -> tuple[Column, ...]:
    """Return the columns but those that are named; raises ExportError for a name that cannot be left out."""
    can = [column.name for column in columns if column.name != "item_id"]
    for name in names:
        if name not in can:
            raise ExportError(
                f"export.leave_out cannot name {name}", f"Columns that can be left out: {', '.join(can)}"
            )
    return tuple(column for column in columns if column.name not in set(names))


def _extras(items: pa.Schema | None) -> list[Column]:
    known = {*tables.ITEMS.names, *(column.name for column in (*SOURCE_COLUMNS, *NAME_COLUMNS))}
    return [
        Column(field.name, field.type, "items", "as the source has it")
        for field in items or ()
        if field.name not in known
    ]


def arrow_schema(columns: Sequence[Column]) -> pa.Schema:
    """Return the Arrow schema of these columns."""
    return pa.schema([pa.field(column.name, column.type) for column in columns])


def columns_table() -> str:
    """Return the table of README: a line per column, an attribute's columns under the name ATTRIBUTE."""
    lines = ["| column | type | what it holds |", "|---|---|---|"]
    for column in (
        *ITEM_COLUMNS,
        *SOURCE_COLUMNS,
        *PROMPT_COLUMNS,
        *attribute_columns("ATTRIBUTE", "single-label"),
        *NAME_COLUMNS,
        *GROUP_COLUMNS,
        CAPTION,
        SPLIT,
    ):
        kind = _KINDS[column.type]
        if column.name == "ATTRIBUTE":
            kind += ", or list of texts"
        lines.append(f"| `{column.name}` | {kind} | {column.about} |")
    return "\n".join(lines)


_KINDS = {
    TEXT: "text",
    TEXTS: "list of texts",
    pa.int32(): "integer",
    pa.int64(): "integer",
    pa.float32(): "number, 0 to 1",
    pa.float64(): "number",
    pa.bool_(): "true or false",
    pa.list_(COPY): "list of records",
}
