"""Watermarks, known by recurring: the same text in several items of one artist, collection or source.

Told of all items at once from what the measure ``text`` read, in the table measures_watermark: a row for each item in
which such a text stands. Computed by column; a collection of millions needs no more than its lines of text in memory.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from index.store import Store
from schema import tables
from schema.ids import settings_hash

TABLE, SOURCE = "measures_watermark", "measures_text"
# Speech recurs, too ("yes", "ok"): a text of fewer letters is no watermark.
_LETTERS = 4

COLUMNS = (
    pa.field("watermark", pa.bool_()),
    pa.field("watermark_text", pa.string()),
    pa.field("watermark_items", pa.int64()),
    pa.field("watermark_of", pa.string()),
)
"""``watermark``: its text recurs; that text, in how many items, and of whom: artist NAME, collection NAME, source N."""


def update_watermarks(store: Store, least: int) -> list[str]:
    """Write which items hold a text that recurs in at least ``least`` items of one artist, collection or source.

    Rows of items without text are there, too, with false. Returns a note for the summary.
    """
    if not store.has(SOURCE):
        return []
    read = store.read(SOURCE, ["row", "item_id", "text_boxes"])
    found = recurring(_lines(read), _groups(store), least)
    best = found.sort_by([("items", "descending"), ("text", "ascending"), ("group", "ascending")])
    at = pc.index_in(read.column("row"), best.column("row").combine_chunks())
    hits = best.take(at)
    marked = pc.is_valid(at)
    columns = [read.column("row"), read.column("item_id"), marked]
    columns += [hits.column(name) for name in ("text", "items", "group")]
    schema = tables.measures(COLUMNS, settings_hash({"least": least, "letters": _LETTERS}))
    rows = pa.table(columns, names=schema.names).cast(schema)
    store.replace(TABLE, rows, schema)
    number = pc.sum(marked).as_py() or 0
    return [f"{number} items hold a text that recurs ({TABLE})"] if number else []


def recurring(lines: pa.Table, groups: pa.Table, least: int) -> pa.Table:
    """Return row, text, group, items for the lines whose text recurs in ``least`` items of a group.

    ``lines`` has row and text, ``groups`` has row and group, several of each for an item.
    """
    plain = pc.utf8_lower(pc.replace_substring_regex(lines.column("text"), r"[^\p{L}\p{N}@.]+", ""))
    lines = pa.table({"row": lines.column("row"), "text": plain})
    lines = lines.filter(pc.greater_equal(pc.utf8_length(lines.column("text")), _LETTERS))
    pairs = lines.group_by(["row", "text"]).aggregate([]).join(groups, "row", join_type="inner")
    counts = pairs.group_by(["text", "group"]).aggregate([("row", "count_distinct")])
    counts = counts.filter(pc.greater_equal(counts.column("row_count_distinct"), least))
    counts = counts.rename_columns({"row_count_distinct": "items"})
    joined = pairs.join(counts, ["text", "group"], join_type="inner")
    return joined.select(["row", "text", "group", "items"])


def _lines(read: pa.Table) -> pa.Table:
    boxes = read.column("text_boxes").combine_chunks()
    items = read.column("row").combine_chunks().take(pc.list_parent_indices(boxes))
    flat = boxes.flatten()
    return pa.table({"row": items, "text": flat.field("text") if len(flat) else pa.array([], pa.string())})


def _groups(store: Store) -> pa.Table:
    """Return row and group of all items: every artist, the collection, and the source."""
    parts = [pa.schema([("row", pa.int64()), ("group", pa.string())]).empty_table()]
    for batch in store.items(["row", "artists", "collection", "source"]):
        row, artists, collection, source = batch.columns
        parents = pc.list_parent_indices(artists)
        names = pc.binary_join_element_wise("artist", artists.flatten(), " ")
        parts.append(pa.table({"row": row.take(parents), "group": names}))
        named = pc.binary_join_element_wise("collection", collection, " ")
        parts.append(pa.table({"row": row, "group": named}).drop_null())
        number = pc.binary_join_element_wise("source", pc.cast(source, pa.string()), " ")
        parts.append(pa.table({"row": row, "group": number}))
    return (
        pa.concat_tables(parts)
        if parts
        else pa.table({"row": pa.array([], pa.int64()), "group": pa.array([], pa.string())})
    )
