"""Questions from the command line: similar items, why a label stands, the reports."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from schema.errors import EncoderError, StoreError
from schema.settings import Settings
from ui.review.items import Item
from ui.review.search import Hits, SearchRequest, predicted_labels, search
from ui.review.workspace import Workspace
from ui.terminal.tables import Cell, clean, table

if TYPE_CHECKING:
    from index.store import Store

SHOWN = ("gender", "age", "hair_color", "hair_length", "hair_style", "eye_color", "dress", "expression")


@dataclass(frozen=True, slots=True)
class Query:
    """What the query command was asked: pictures by path, words, what it should not be, a filter; and how to answer."""

    images: tuple[str, ...] = ()
    text: str = ""
    excluded: tuple[str, ...] = ()
    where: str = ""
    count: int = 10
    sample: int = 0
    seed: int = 0
    sheet: str = ""
    duplicates: bool = False


def query_text(store: Store, settings: Settings, query: Query) -> str:
    """Return a table of the items that answer a query, and write a contact sheet when one is asked for.

    Raises EncoderError when a picture cannot be read or the store's encoder is not here, FilterError for a bad filter.
    """
    workspace = Workspace(store, settings, readonly=True)
    images = tuple(_bytes_of(image) for image in query.images)
    request = SearchRequest(
        images, query.text, query.where, query.excluded, query.sample, query.seed, everything=True
    )
    hits = search(workspace, request, query.count)
    items = workspace.items(hits.rows[: query.sample or query.count])
    lines = [_items_table(items, hits)]
    if len(hits.rows) > len(items):
        lines.append(
            f"\n{len(items):,} of {len(hits.rows):,} items that match; -n shows more, --sample others"
        )
    if len(images) == 1 and not query.text and not query.excluded:
        lines += _predictions(workspace, hits)
    if query.duplicates:
        lines += [_duplicates(workspace, image, hits) for image in images]
    if query.sheet:
        contact_sheet(workspace, items, hits, Path(query.sheet))
        lines.append(f"\ncontact sheet: {query.sheet}")
    return "\n".join(lines)


def _items_table(items: Sequence[Item], hits: Hits) -> str:
    if not items:
        return "nothing matches"
    names = [name for name in SHOWN if any(i.labels[name].values for i in items if name in i.labels)]
    rows: list[tuple[Cell, ...]] = [
        (
            number,
            item.name,
            *([round(hits.similarity[item.row], 3)] if hits.ranked else []),
            *(item.labels[name].text or "-" for name in names),
            _group(item),
        )
        for number, item in enumerate(items, 1)
    ]
    return table(["", "item", *(["similarity"] if hits.ranked else []), *names, "group"], rows)


def _predictions(workspace: Workspace, hits: Hits) -> list[str]:
    """Return the labels that the picture would get, and the likeliest values of those left unknown."""
    found = predicted_labels(workspace, hits)
    if not found:
        return []

    def listed(accepted: bool) -> str:
        chosen = [each for each in found if each.accepted is accepted]
        return (
            ", ".join(f"{each.attribute} {each.value} ({each.probability:.2f})" for each in chosen) or "none"
        )

    return [f"\nlabels it would get: {listed(True)}", f"not certain enough: {listed(False)}"]


def _bytes_of(image: str) -> bytes:
    try:
        return Path(image).read_bytes()
    except OSError as error:
        raise EncoderError(f"cannot read the picture {clean(image)}: {error.strerror or error}") from error


def _group(item: Item) -> str:
    if not item.group_id:
        return "-"
    return f"{item.group_id[:8]} {item.verdict}"


def _duplicates(workspace: Workspace, data: bytes, hits: Hits) -> str:
    """Return which stored items show the same picture, or another version of it."""
    from dedupe.lookup import duplicates_of

    found = duplicates_of(workspace.store, workspace.settings, data, hits.rows.tolist())
    if not found:
        return "\nduplicates: none, no stored item shows this picture"
    items = {item.row: item for item in workspace.items([each.row for each in found], [])}
    rows = [(items[each.row].name, each.verdict, round(each.similarity, 3)) for each in found]
    return "\nduplicates\n" + table(["item", "verdict", "lines that agree"], rows, indent=2)


def contact_sheet(
    workspace: Workspace, items: Sequence[Item], hits: Hits, path: Path, side: int = 160
) -> None:
    """Write the thumbnails of items in order as one PNG, with their place and similarity below each."""
    from PIL import Image, ImageDraw

    columns = min(6, max(1, len(items)))
    lines = max(1, math.ceil(len(items) / columns))
    canvas = Image.new("RGB", (columns * (side + 8) + 8, lines * (side + 28) + 8), "white")
    pencil = ImageDraw.Draw(canvas)
    pictures = workspace.thumbnails([item.row for item in items])
    for n, item in enumerate(items):
        x, y = 8 + n % columns * (side + 8), 8 + n // columns * (side + 28)
        data = pictures.get(item.row)
        if data:
            picture = Image.open(io.BytesIO(data)).convert("RGB")
            picture.thumbnail((side, side))
            canvas.paste(picture, (x + (side - picture.width) // 2, y + (side - picture.height) // 2))
        name = "".join(c if c.isascii() and c.isprintable() else "?" for c in item.name)[-18:]
        pencil.text(
            (x, y + side + 4),
            f"{n + 1}  {f'{hits.similarity[item.row]:.3f}  ' if hits.ranked else ''}{name}",
            fill="black",
            font_size=11,
        )
    try:
        canvas.save(path, "PNG")
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from error


def explain_text(store: Store, settings: Settings, item: str, attribute: str | None) -> str:
    """Return why an item (row, id or key) has its labels, as text."""
    from index.store.keys import row_of
    from label.predict.explain import explain
    from label.update.stored import load_models

    workspace = Workspace(store, settings, readonly=True)
    row = row_of(store, item)
    names = [workspace.attribute(attribute).name] if attribute else [a.name for a in workspace.attributes]
    models, loader = load_models(store), workspace.item_loader()
    return "\n\n".join(str(explain(loader, models, row, name)) for name in names)
