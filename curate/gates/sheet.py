"""One page of HTML with samples on both sides of each gate, to set limits by looking; it needs no other file."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path

from curate.gates.evaluate import Act
from curate.gates.samples import Side, can_ask, sides
from index.store import Store
from index.store.files import replace_text
from schema.errors import StoreError
from schema.settings import Settings

STYLE = (
    "body{font:14px sans-serif;margin:1.5em;max-width:1300px}h2{margin-bottom:.2em}p{margin:.2em 0}"
    ".row{display:flex;flex-wrap:wrap;gap:8px;margin:.4em 0 1.2em}figure{margin:0;width:136px}"
    "img,.none{width:136px;height:136px;object-fit:contain;background:#eee;display:block}"
    "figcaption{font-size:11px;overflow-wrap:anywhere}code{background:#eee;padding:1px 4px}"
)
KINDS = ((b"\x89PNG", "png"), (b"\xff\xd8", "jpeg"), (b"RIFF", "webp"), (b"GIF8", "gif"))


def write_sheet(store: Store, settings: Settings, acts: list[Act], path: Path, count: int = 18) -> None:
    """Write the page; raises StoreError where the file cannot be written."""
    parts = [
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>Gates</title>",
        f"<style>{STYLE}</style><h1>Gates</h1>",
    ]
    if not acts:
        parts.append("<p>The settings have no gate.</p>")
    for act in acts:
        gate = act.gate
        parts.append(
            f"<h2>{escape(gate.name)}</h2><p>{escape(gate.action)} where <code>{escape(gate.where)}</code></p>"
            f"<p>{escape(gate.reason)}</p>"
        )
        if not act.matching and act.unknown and not can_ask(store, gate):
            parts.append("<p>No item has what this gate asks for yet.</p>")
            continue
        for side in sides(store, gate, count, settings.select.seed):
            parts.append(f"<p><b>{side.title}</b>: {side.count:,}</p><div class='row'>")
            parts += _figures(store, side)
            parts.append("</div>")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, "\n".join(parts) + "\n")
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from error


def _figures(store: Store, side: Side) -> list[str]:
    rows = side.rows
    if not len(rows):
        return ["<p>none</p>"]
    taken = (
        store.take("thumbnails", rows, ["row", "thumbnail"]).to_pylist() if store.has("thumbnails") else []
    )
    pictures = {record["row"]: record["thumbnail"] for record in taken}
    names = {
        record["row"]: (record["keys"] or [record["uri"] or ""])[0]
        for record in store.take_items(rows, ["row", "keys", "uri"]).to_pylist()
    }
    return [
        f"<figure>{_picture(pictures.get(row))}<figcaption>{escape(words)}<br>{escape(str(names.get(row, row)))}"
        "</figcaption></figure>"
        for row, words in zip(rows.tolist(), side.words, strict=True)
    ]


def _picture(data: bytes | None) -> str:
    kind = next((name for start, name in KINDS if data and data.startswith(start)), "")
    if not data or not kind:
        return "<div class='none'></div>"
    return f"<img alt='' src='data:image/{kind};base64,{base64.b64encode(data).decode()}'>"
