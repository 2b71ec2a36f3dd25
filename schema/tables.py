"""Arrow schemas of every table, in one place; schema/catalogue.py says the rest of each, migrations number changes.

``row`` is the dense number of an item in its store: given at ingest in order of first appearance, never changed,
the common index of all tables and numpy arrays. 5 M x 32 neighbours as rows are 0.6 GB; as 128-bit ids, 2.6 GB.
"""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from schema.columns.curation import GATE_VALUE as GATE_VALUE
from schema.columns.curation import GATES as GATES
from schema.columns.curation import SELECTION as SELECTION
from schema.columns.names import NAMES as NAMES
from schema.source_metadata import FIELDS as SOURCE_FIELDS

FORMAT_VERSION = 4
"""Number of the last migration, see index/store/migrations.py."""


def _texts(names: str) -> list[pa.Field]:
    """Return columns of text that are never null."""
    return [pa.field(name, pa.string(), nullable=False) for name in names.split()]


ITEMS = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("source", pa.int32(), nullable=False),
        pa.field("ordinal", pa.int64(), nullable=False),
        pa.field("keys", pa.list_(pa.string())),
        pa.field("uri", pa.string()),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("format", pa.string()),
        pa.field("frames", pa.int32()),
        pa.field("bytes", pa.int64()),
        pa.field("lossless", pa.bool_()),
        pa.field("alpha", pa.bool_()),
        pa.field("phash", pa.int64()),
        pa.field("sharpness", pa.float32()),
        pa.field("border", pa.float32()),
        pa.field("tags", pa.list_(pa.string())),
        pa.field("text", pa.string()),
        pa.field("identity", pa.string()),
        pa.field("status", pa.string(), nullable=False),
        pa.field("reason", pa.string()),
        pa.field("commit", pa.int64(), nullable=False),
        *SOURCE_FIELDS,
        pa.field("prompt", pa.string()),
        pa.field("prompt_source", pa.string()),
        pa.field("has_prompt", pa.bool_()),
    ]
)

COPIES = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("source", pa.int32(), nullable=False),
        pa.field("ordinal", pa.int64(), nullable=False),
        pa.field("keys", pa.list_(pa.string())),
        pa.field("uri", pa.string()),
        pa.field("tags", pa.list_(pa.string())),
        pa.field("text", pa.string()),
        pa.field("commit", pa.int64(), nullable=False),
        *SOURCE_FIELDS,
        pa.field("identity", pa.string()),
        pa.field("event", pa.string()),
    ]
)
"""``event`` is None for a further place of the same content; else what a source has changed since, see
index/store/items/revisions.py."""

SOURCE_STAMPS = pa.schema(
    [
        pa.field("source", pa.int32(), nullable=False),
        pa.field("key", pa.binary(16), nullable=False),
        pa.field("content", pa.int64(), nullable=False),
        pa.field("said", pa.int64(), nullable=False),
        pa.field("words", pa.int64(), nullable=False),
        pa.field("commit", pa.int64(), nullable=False),
    ]
)
"""By the digest of a record's key: stamps of its files and of its words, by which a change is seen without reading."""

THUMBNAILS = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("thumbnail", pa.large_binary()),
        pa.field("commit", pa.int64(), nullable=False),
    ]
)

INGESTS = pa.schema(
    [
        pa.field("commit", pa.int64(), nullable=False),
        pa.field("source", pa.int32(), nullable=False),
        pa.field("items", pa.int64(), nullable=False),
        pa.field("copies", pa.int64(), nullable=False),
        pa.field("failed", pa.int64(), nullable=False),
    ]
)

SOURCES = pa.schema(
    [
        pa.field("source", pa.int32(), nullable=False),
        *_texts("path kind"),
        pa.field("listed", pa.int64(), nullable=False),
    ]
)

FAILURES = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("key", pa.string()),
        *_texts("stage reason"),
    ]
)

GROUPS = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        *_texts("item_id group_id verdict"),
        pa.field("similarity", pa.float32()),
        pa.field("keep", pa.bool_(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("family", pa.string()),
        pa.field("criterion", pa.string()),
        pa.field("value", pa.float32()),
        pa.field("kept_value", pa.float32()),
        pa.field("faults", pa.list_(pa.string())),
        pa.field("undecided", pa.bool_()),
        pa.field("censored", pa.bool_()),
        pa.field("proposed", pa.bool_()),
        pa.field("reviewer", pa.string()),
    ]
)
"""``criterion`` decided against a copy, with its ``value`` in it and in the kept one; ``faults`` are all criteria
that speak against it. ``undecided``: nothing in the pixels told it from the kept one; ``censored``: part of it is
hidden, and the kept one shows it; ``proposed``: it would be kept without reviews;
``reviewer`` chose which copy of the artwork stays."""

OVERLAPS = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("against", pa.string(), nullable=False),
        pa.field("key", pa.string(), nullable=False),
        pa.field("verdict", pa.string(), nullable=False),
        pa.field("similarity", pa.float32(), nullable=False),
    ]
)
"""Items that are also in another store or folder, ``against``, under ``key`` there."""

REVIEWS = pa.schema(
    [
        pa.field("decision", pa.int64(), nullable=False),
        *_texts("batch time reviewer"),
        pa.field("row", pa.int64(), nullable=False),
        *_texts("item_id kind"),
        pa.field("attribute", pa.string()),
        pa.field("value", pa.string()),
        pa.field("action", pa.string(), nullable=False),
        pa.field("group_id", pa.string()),
        pa.field("other", pa.string()),
        pa.field("seen", pa.string()),
        *(pa.field(name, pa.list_(pa.string())) for name in ("others", "shown")),
        pa.field("queue", pa.string()),
    ]
)

RUNS = pa.schema(
    [
        *_texts("run_id stage started finished"),
        pa.field("seconds", pa.float64(), nullable=False),
        *_texts("settings settings_hash code_version inputs outputs counts facts"),
    ]
)

LABEL_MODELS = pa.schema(
    [
        pa.field("name", pa.string(), nullable=False),
        pa.field("blob", pa.large_binary(), nullable=False),
    ]
)

LABEL_NOISE = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        *_texts("item_id attribute value kind"),
        pa.field("rank", pa.int32(), nullable=False),
        pa.field("score", pa.float32(), nullable=False),
        pa.field("suggestion", pa.string()),
        pa.field("probability", pa.float32()),
    ]
)
"""Tags that the model contradicts (kind 'contradicted') and tags that are probably missing ('missing'), ranked by
attribute and kind; ``suggestion`` is the value that the model gives instead, with its ``probability``."""

CONFLICT = pa.struct(
    [
        pa.field("attribute", pa.string()),
        pa.field("kind", pa.string()),
        pa.field("values", pa.list_(pa.string())),
        pa.field("evidence", pa.list_(pa.string())),
        pa.field("resolved", pa.string()),
        pa.field("confidence", pa.float32()),
    ]
)
"""What contradicts itself on an item: kind 'disagree', 'denied' or 'count', the values, the tag or words for each, and
the value that the model gives instead, if it does."""

PAIRS = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("other", pa.int64(), nullable=False),
        pa.field("agreement", pa.float32(), nullable=False),
        pa.field("mirrored", pa.bool_(), nullable=False),
        pa.field("tone", pa.string(), nullable=False),
        pa.field("area", pa.float32(), nullable=False),
        pa.field("tint", pa.float32(), nullable=False),
        pa.field("detail", pa.float32(), nullable=False),
        pa.field("peak", pa.float32(), nullable=False),
        pa.field("usual", pa.float32(), nullable=False),
        pa.field("overlay", pa.int32(), nullable=False),
        pa.field("ground", pa.bool_(), nullable=False),
        pa.field("seen", pa.float32(), nullable=False),
        pa.field("shared", pa.float32(), nullable=False),
    ]
)

DIRECTIONS = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("other", pa.int64(), nullable=False),
        pa.field("version", pa.int32(), nullable=False),
        *(
            pa.field(name, kind, nullable=False)
            for kind, names in (
                (pa.bool_(), "mirrored read one_tint_row one_tint_other camera_row camera_other"),
                (pa.bool_(), "editor_row editor_other"),
                (pa.int32(), "added_row added_other colours_row colours_other colours_both"),
                (pa.int32(), "taken_row taken_other"),
                (pa.float32(), "rotation scale_x scale_y fit left top right bottom tone"),
                (pa.float32(), "more_row more_other border_row border_other edge_row edge_other"),
                (
                    pa.float32(),
                    "chroma_row chroma_other most_chroma_row most_chroma_other paper_row paper_other",
                ),
                (pa.float32(), "clipped_row clipped_other ground_row ground_other"),
                (pa.float32(), "ground_chroma_row ground_chroma_other halo_row halo_other"),
                (pa.float32(), "added_area_row added_area_other added_x_row added_x_other"),
                (pa.float32(), "added_y_row added_y_other detail_x detail_y explained"),
                (pa.float32(), "noise_row noise_other grid_row grid_other ripples_row ripples_other"),
                (pa.float32(), "differ change spread coarse_row coarse_other"),
            )
            for name in names.split()
        ),
    ]
)
"""Of confirmed copies, what tells which was made from which (dedupe/direction/record.py); NaN is not known."""

STORE_FORMAT = pa.schema(
    [
        pa.field("format", pa.int64(), nullable=False),
        pa.field("migrating", pa.string(), nullable=False),
    ]
)


def vectors(dim: int) -> pa.Schema:
    """Return the schema of a vectors table of this width."""
    return pa.schema(
        [
            pa.field("row", pa.int64(), nullable=False),
            pa.field("item_id", pa.string(), nullable=False),
            pa.field("vector", pa.list_(pa.float16(), dim), nullable=False),
        ]
    )


def prompts(dim: int) -> pa.Schema:
    """Return the schema of a prompts table of this width: unit vectors of the vocabulary's zero-shot prompts."""
    return pa.schema(
        [
            pa.field("attribute", pa.string(), nullable=False),
            pa.field("value", pa.string(), nullable=False),
            pa.field("vector", pa.list_(pa.float32(), dim), nullable=False),
        ]
    )


def texts(dim: int) -> pa.Schema:
    """Return the schema of a texts table of this width: unit vectors of texts that the settings name."""
    return pa.schema(
        [
            pa.field("text", pa.string(), nullable=False),
            pa.field("vector", pa.list_(pa.float32(), dim), nullable=False),
        ]
    )


def neighbours(k: int) -> pa.Schema:
    """Return the schema of a neighbours table of k columns; ``ids`` are row numbers, -1 pads."""
    return pa.schema(
        [
            pa.field("row", pa.int64(), nullable=False),
            pa.field("ids", pa.list_(pa.int32(), k), nullable=False),
            pa.field("similarity", pa.list_(pa.float32(), k), nullable=False),
        ]
    )


def labels(attributes: list[tuple[str, str]]) -> pa.Schema:
    """Return the schema of the labels table for (name, kind) pairs, kind being 'single-label' or 'multi-label'."""
    fields = [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("ambiguous", pa.bool_(), nullable=False),
        pa.field("ambiguous_reason", pa.string()),
        pa.field("conflicts", pa.list_(CONFLICT)),
    ]
    for name, kind in attributes:
        many = kind == "multi-label"
        fields.append(pa.field(name, pa.list_(pa.string()) if many else pa.string()))
        fields.append(pa.field(f"{name}_confidence", pa.float32()))
        fields.append(pa.field(f"{name}_source", pa.string()))
        fields.append(pa.field(f"{name}_support", pa.int32()))
        if many:
            fields.append(pa.field(f"{name}_confidences", pa.list_(pa.float32())))
            fields.append(pa.field(f"{name}_sources", pa.list_(pa.string())))
    return pa.schema(fields)


def label_state(attributes: int) -> pa.Schema:
    """Return the schema of what a label run leaves for the next one, for a vocabulary of that many attributes."""
    return pa.schema(
        [
            pa.field("row", pa.int64(), nullable=False),
            pa.field("fitted", pa.int64(), nullable=False),
            pa.field("seen", pa.int64(), nullable=False),
            pa.field("fold", pa.int8(), nullable=False),
            pa.field("cells", pa.list_(pa.int16(), attributes), nullable=False),
        ]
    )


def sketches(words: int, view_bytes: int, colour_bytes: int) -> pa.Schema:
    """Return the schema of the thumbnail descriptors: 64-bit line hashes, a small grey view, colours."""
    return pa.schema(
        [
            pa.field("row", pa.int64(), nullable=False),
            pa.field("words", pa.list_(pa.int64(), words), nullable=False),
            pa.field("views", pa.list_(pa.uint8(), view_bytes), nullable=False),
            pa.field("colours", pa.list_(pa.uint8(), colour_bytes), nullable=False),
        ]
    )


def measures(columns: Iterable[pa.Field], key: str) -> pa.Schema:
    """Return the schema of a measure's table: row, item_id, what the measure declares, and under which key."""
    fields = [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("item_id", pa.string(), nullable=False),
        *columns,
    ]
    return pa.schema(fields, metadata={KEY_OF_ROWS: key.encode()})


KEY_OF_ROWS = b"likeness_key"
"""Entry of a table's schema metadata: the key of the plug-in that made its rows."""
