"""Everything about one item, gathered by row: facts, labels, neighbours, group."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from index.store.encoder_key import known_encoder_key
from schema.arrays import Floats32, Rows
from schema.errors import StoreError
from schema.source_metadata import COLUMN_OF, RATINGS, as_text
from schema.tables import ITEMS
from ui.review.items import Item
from ui.review.workspace import Workspace

LARGE = 900


@dataclass(frozen=True, slots=True)
class ItemDetails:
    """One item for its page: facts that a reviewer wants, where it comes from, its neighbours and its group."""

    item: Item
    facts: dict[str, str]
    source: dict[str, str]
    tags: list[str]
    neighbours: Rows
    similarity: dict[int, str]
    group: Rows


def item_details(workspace: Workspace, row: int) -> ItemDetails:
    """Return everything that is known of one item; raises StoreError when there is none in this row."""
    found = workspace.store.take_items([row]).to_pylist()
    if not found:
        raise StoreError(f"there is no item in row {row}")
    record = found[0]
    item = workspace.items([row])[0]
    facts = {
        "size": f"{record['width']} x {record['height']} {record['format'] or ''}" if record["width"] else "",
        "note": item.reason,
        "several characters": item.ambiguous,
        "duplicates": item.verdict + (f" ({item.why})" if item.why else "") if item.group_id else "",
        "text": record["text"] or "",
    }
    source = {
        "row": str(row),
        "item id": record["item_id"],
        "file": record["uri"] or "",
        "keys": ", ".join(record["keys"] or []),
        "group": item.group_id,
    }
    for name, value in source_facts(record).items():
        source[f"source {name}" if name in source else name] = value
    rows, similarity = neighbours(workspace, row)
    return ItemDetails(
        item,
        {name: value for name, value in facts.items() if value},
        {name: value for name, value in source.items() if value},
        record["tags"] or [],
        rows,
        {int(r): f"{s:.3f}" for r, s in zip(rows, similarity, strict=True)},
        workspace.group_rows(item.group_id),
    )


def source_facts(record: Mapping[str, Any]) -> dict[str, str]:
    """Return what the source says of an item beyond tags and text, as words: rating, score, its own columns."""
    own = [name for name in record if name not in ITEMS.names]
    facts = {}
    for name in (*COLUMN_OF.values(), *own, "prompt", "prompt_source"):
        value = record.get(name)
        if value is None or value in ("", []):
            continue
        if name == "source_rating":
            value = RATINGS.get(value, value)
        elif isinstance(value, list):
            value = tuple(value)
        elif isinstance(value, float) and value.is_integer():
            value = int(value)
        facts[name.replace("_", " ")] = as_text(value)
    return facts


def neighbours(workspace: Workspace, row: int) -> tuple[Rows, Floats32]:
    """Return the rows and similarities of an item's neighbours in the graph, closest first."""
    table = f"neighbours_{known_encoder_key(workspace.store)}"
    found: list[dict[str, Any]] = (
        workspace.store.take(table, [row]).to_pylist() if workspace.store.has(table) else []
    )
    if not found:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    ids = np.array(found[0]["ids"], np.int64)
    similarity = np.array(found[0]["similarity"], np.float32)
    return ids[ids >= 0], similarity[ids >= 0]


def large_picture(workspace: Workspace, row: int) -> bytes | None:
    """Return the item's picture, decoded again from its source and drawn at most 900 px; else its thumbnail.

    Only the uri that the store holds for this row is read, and only what decodes as a picture leaves.
    """
    from index.images.decode import BadImage
    from index.images.reader import Reader, ReadError

    uri = workspace.store.take("items", [row], ["uri"]).to_pylist()[0]["uri"]
    if uri:
        reader = Reader(workspace.settings.ingest.max_bytes)
        try:
            return drawn(workspace, reader.read(uri))
        except (ReadError, BadImage, OSError):
            pass
        finally:
            reader.close()
    return workspace.thumbnails([row]).get(row)


def drawn(workspace: Workspace, data: bytes, side: int = LARGE) -> bytes:
    """Return a picture drawn anew as WebP of at most ``side`` px; raises BadImage when it is none."""
    from index.images.decode import decode, to_rgb

    options = workspace.settings.ingest
    image = decode(
        data, target=side, background=to_rgb(options.background), max_pixels=options.max_pixels
    ).image
    image.thumbnail((side, side))
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=90)
    return buffer.getvalue()
