"""What a person needs to trust the groups: counts, space saved, and the pairs nearest to every threshold as pictures.

Made from the stored measures of pairs alone, so moved thresholds show at once and nothing is measured again.
"""

from __future__ import annotations

import html
import io
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from dedupe.compare.verdict import DIFFERENT, SAME, VARIANT, Difference, Limits, judge_all
from dedupe.group.sentences import KINDS
from dedupe.verify.pair_cache import Memory, Pair
from dedupe.verify.pairs import read_thumbnails
from index.store import Store
from index.store.files import replace_text
from schema.errors import StoreError
from schema.settings import Settings

SIDE = 120
PAIRS_SHOWN = 24
GROUPS_SHOWN = 20
MEMBERS_SHOWN = 10


def write_report(store: Store, settings: Settings, folder: Path) -> Path:
    """Write duplicates.html, duplicates.json and contact sheets into a folder; return the page's path.

    Raises StoreError before duplicates were looked for.
    """
    if not store.has("groups"):
        raise StoreError("no duplicates were looked for yet", "Run: likeness dedupe --store ...")
    folder.mkdir(parents=True, exist_ok=True)
    limits = Limits.of(settings.dedupe)
    memory = Memory.of(store)
    records = store.read("groups").to_pylist()
    facts = count(store, records, memory, limits)
    sheets = {
        "groups": group_sheet(store, records),
        "just_the_same_artwork": pair_sheet(store, nearest(memory, limits, "area", inside=True)),
        "just_not_the_same_artwork": pair_sheet(store, nearest(memory, limits, "area", inside=False)),
        "just_a_variant": pair_sheet(store, nearest(memory, limits, "agreement", inside=True)),
        "just_no_variant": pair_sheet(store, nearest(memory, limits, "agreement", inside=False)),
    }
    body = ["<h1>Duplicates</h1>", "<table>"]
    body += [
        f"<tr><td>{html.escape(name)}</td><td>{html.escape(str(value))}</td></tr>"
        for name, value in facts.items()
    ]
    body.append("</table>")
    for name, sheet in sheets.items():
        if sheet is None:
            continue
        sheet.save(folder / f"duplicates_{name}.png")
        body.append(f"<h2>{name.replace('_', ' ')}</h2><img src='duplicates_{name}.png' alt='{name}'>")
    replace_text(folder / "duplicates.json", json.dumps(facts, indent=1))
    page = folder / "duplicates.html"
    style = (
        "<style>body{font-family:sans-serif;margin:2em}td{padding:.1em 1em .1em 0}img{max-width:100%}</style>"
    )
    replace_text(page, f"<!doctype html><meta charset='utf-8'>{style}" + "\n".join(body))
    return page


def count(store: Store, records: list[dict[str, Any]], memory: Memory, limits: Limits) -> dict[str, Any]:
    """Return groups by size, members by verdict, bytes saved, and the lowest similarity inside a group."""
    sizes = Counter(Counter(record["group_id"] for record in records).values())
    dropped = [record["row"] for record in records if not record["keep"]]
    saved = 0
    for start in range(0, len(dropped), 4096):
        saved += sum(
            b or 0 for b in store.take("items", dropped[start : start + 4096], ["bytes"])["bytes"].to_pylist()
        )
    copies = [record["similarity"] for record in records if record["verdict"] == "same artwork"]
    versions = [record["similarity"] for record in records if record["verdict"] == "variant"]
    return {
        "groups": sum(sizes.values()),
        "families": len({record["family"] for record in records}),
        "groups by size": {str(size): sizes[size] for size in sorted(sizes)},
        "members by verdict": dict(Counter(record["verdict"] for record in records)),
        "set aside": len(dropped),
        "set aside by what speaks against the copy": _faults(records),
        "copies that the pixels do not tell from the kept one": sum(
            bool(record.get("undecided")) for record in records if not record["keep"]
        ),
        "censored copies": sum(bool(record.get("censored")) for record in records),
        "kept copies that reviewers chose": disagreements(records),
        "bytes saved": saved,
        "lowest similarity of a copy to the kept one": min(copies, default=None),
        "lowest similarity of a variant to the kept one": min(versions, default=None),
        "pairs measured": len(memory),
        "pairs by verdict": _tally(judge_all(memory.pairs()[2], limits)),
    }


def disagreements(records: list[dict[str, Any]]) -> dict[str, int]:
    """Return in how many groups a reviewer chose which copy stays, and in how many of these another one than dedupe."""
    chosen = [record for record in records if record["verdict"] == "kept" and record.get("reviewer")]
    return {"chosen": len(chosen), "against dedupe": sum(not record.get("proposed") for record in chosen)}


def _faults(records: list[dict[str, Any]]) -> dict[str, int]:
    kinds = Counter(
        record["criterion"] for record in records if record.get("criterion") and not record.get("undecided")
    )
    return {KINDS.get(kind, kind): count for kind, count in kinds.most_common()}


def nearest(memory: Memory, limits: Limits, measure: str, inside: bool) -> list[tuple[Pair, Difference]]:
    """Return the pairs nearest to a threshold on one side: ``area`` of another colour, or ``agreement`` of lines."""
    measures = memory.pairs()[2]
    kinds = judge_all(measures, limits)
    if measure == "area":
        at = np.flatnonzero((measures["agreement"] >= limits.drawing) & ((kinds == SAME) == inside))
    else:
        at = np.flatnonzero(kinds == (VARIANT if inside else DIFFERENT))
    # A copy has little area and a version much agreement: near the threshold is most of the one, least of the other.
    sign = -1.0 if inside == (measure == "area") else 1.0
    order = np.argsort(sign * measures[measure][at], kind="stable")
    return list(memory.differences(at[order[:PAIRS_SHOWN]]))


def _tally(kinds: npt.NDArray[np.str_]) -> dict[str, int]:
    names, counts = np.unique(kinds, return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))


def pair_sheet(store: Store, pairs: Sequence[tuple[Pair, Difference]]) -> Image.Image | None:
    """Return pairs side by side with their measures, or None when there are none."""
    if not pairs:
        return None
    pictures = read_thumbnails(store, [row for pair, _ in pairs for row in pair])
    columns = 4
    lines = -(-len(pairs) // columns)
    sheet = Image.new("RGB", (columns * (2 * SIDE + 24), lines * (SIDE + 36)), "white")
    pen = ImageDraw.Draw(sheet)
    for number, ((row, other), difference) in enumerate(pairs):
        x, y = number % columns * (2 * SIDE + 24), number // columns * (SIDE + 36)
        _paste(sheet, pictures.get(row), x, y)
        _paste(sheet, pictures.get(other), x + SIDE + 4, y)
        pen.text((x, y + SIDE + 2), f"{row} {other} {difference.tone}", fill="black")
        measures = (
            f"lines {difference.agreement:.2f}  area {difference.area:.3f}  detail {difference.detail:.0f}"
        )
        pen.text((x, y + SIDE + 16), measures, fill="black")
    return sheet


def group_sheet(store: Store, records: Sequence[dict[str, Any]]) -> Image.Image | None:
    """Return the largest groups, one per line, the kept one first, verdicts below."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        groups.setdefault(record["group_id"], []).append(record)
    largest = sorted(groups.values(), key=lambda group: (-len(group), group[0]["row"]))[:GROUPS_SHOWN]
    if not largest:
        return None
    shown = [
        sorted(g, key=lambda r: (r["verdict"] != "kept", r["verdict"], r["row"]))[:MEMBERS_SHOWN]
        for g in largest
    ]
    pictures = read_thumbnails(store, [record["row"] for group in shown for record in group])
    sheet = Image.new("RGB", (MEMBERS_SHOWN * (SIDE + 6), len(shown) * (SIDE + 22)), "white")
    pen = ImageDraw.Draw(sheet)
    for line, group in enumerate(shown):
        for column, record in enumerate(group):
            x, y = column * (SIDE + 6), line * (SIDE + 22)
            _paste(sheet, pictures.get(record["row"]), x, y)
            pen.text((x, y + SIDE + 2), f"{record['row']} {record['verdict']}", fill="black")
    return sheet


def _paste(sheet: Image.Image, data: bytes | None, x: int, y: int) -> None:
    if not data:
        return
    with Image.open(io.BytesIO(data)) as opened:
        picture = opened.convert("RGB")
    picture.thumbnail((SIDE, SIDE))
    sheet.paste(picture, (x + (SIDE - picture.width) // 2, y + (SIDE - picture.height) // 2))
