"""Everything about one item, gathered by row: facts, labels with evidence, neighbours, group, history."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np

from index.reviews.log import Review, live_batches
from schema.arrays import Rows
from schema.errors import StoreError
from ui.review.tiles import source_word
from ui.review.workspace import Workspace

LARGE = 900


@dataclass(frozen=True, slots=True)
class ItemDetails:
    """One item for its page: facts a reviewer wants, where it comes from, labels, titles of what is not known."""

    name: str
    facts: dict[str, str]
    source: dict[str, str]
    tags: list[str]
    labels: list[dict[str, Any]]
    unknown: list[str]
    neighbours: Rows
    similarity: dict[int, str]
    group: Rows
    history: list[dict[str, str]]


def item_details(workspace: Workspace, row: int) -> ItemDetails:
    """Return everything that is known of one item."""
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
    labels, unknown = [], []
    for attribute in workspace.attributes:
        label = item.labels[attribute.name]
        if not label.values and not label.known and not label.rejected:
            unknown.append(attribute.title)
            continue
        labels.append(
            {
                "Attribute": attribute.title,
                "Label": label.text or ("cannot be known" if label.known else "none"),
                "Confidence": label.confidence,
                "Source": source_word(label.source),
                "Voters": label.support or None,
                **({"Not": ", ".join(label.rejected)} if label.rejected else {}),
            }
        )
    rows, similarity = neighbours(workspace, row)
    notes = {int(r): f"{s:.3f}" for r, s in zip(rows, similarity, strict=True)}
    return ItemDetails(
        item.name,
        {name: value for name, value in facts.items() if value},
        {name: value for name, value in source.items() if value},
        record["tags"] or [],
        labels,
        unknown,
        rows,
        notes,
        group_rows(workspace, item.group_id),
        history(workspace, row),
    )


def neighbours(workspace: Workspace, row: int) -> tuple[Rows, Any]:
    """Return the rows and similarities of an item's neighbours in the graph, closest first."""
    nothing = np.empty(0, np.int64), np.empty(0, np.float32)
    try:
        table = f"neighbours_{workspace.store.encoder_key()}"
    except StoreError:
        return nothing
    if not workspace.store.has(table):
        return nothing
    found = workspace.store.take(table, [row]).to_pylist()
    if not found:
        return nothing
    ids = np.array(found[0]["ids"], np.int64)
    similarity = np.array(found[0]["similarity"], np.float32)
    return ids[ids >= 0], similarity[ids >= 0]


def group_rows(workspace: Workspace, group_id: str) -> Rows:
    """Return the rows of a group, the kept one first."""
    if not group_id:
        return np.empty(0, np.int64)
    from ui.review.search import quoted

    found = workspace.store.read("groups", ["row", "keep"], f"group_id = {quoted(group_id)}").to_pylist()
    return np.array([r["row"] for r in sorted(found, key=lambda r: (not r["keep"], r["row"]))], np.int64)


def history(workspace: Workspace, row: int) -> list[dict[str, str]]:
    """Return what reviewers decided about one item, newest first."""
    reviews = workspace.reviews()
    live = live_batches(reviews)
    return [history_row(r, live[r.batch]) for r in reversed(reviews) if r.row == row]


def history_row(review: Review, counts: bool) -> dict[str, str]:
    """Return one decision as a line of a table."""
    what = review.attribute or review.kind
    said = review.value if review.value is not None else "unknown"
    return {
        "when (UTC)": review.time[:19].replace("T", " "),
        "who": review.reviewer,
        "what": f"{what}: {'' if review.action == 'set' else review.action + ' '}{said}",
        "seen": review.seen or "",
        "state": "counts" if counts else "undone",
    }


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
