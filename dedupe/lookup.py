"""Which stored items show the same picture as one file: bytes, then hashes and their neighbours, then pixels."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageColor, ImageOps

from dedupe.candidates.find import MIRROR, read_hashes
from dedupe.compare.difference import compare
from dedupe.compare.image import prepare
from dedupe.compare.verdict import DIFFERENT, judge
from dedupe.stage import limits_of
from dedupe.verify.pairs import Pixels
from index.store import Store
from schema.arrays import Floats64
from schema.errors import EncoderError, StoreError
from schema.ids import content_id
from schema.settings import Settings

SAME_FILE = "same file"
# Stored pictures that are compared pixel by pixel with the one asked for: some 30 ms each.
MOST = 48


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A stored item that shows the picture: its ``row``, ``verdict`` and the ``similarity`` of lines, 1 for bytes."""

    row: int
    verdict: str
    similarity: float


def duplicates_of(store: Store, settings: Settings, data: bytes) -> list[Duplicate]:
    """Return the stored items that show the picture in these bytes, best first.

    Raises EncoderError when the bytes are no picture.
    """
    image = decode(data, settings)
    found = [Duplicate(row, SAME_FILE, 1.0) for row in _rows_of_bytes(store, data)]
    asked = prepare(np.asarray(image))
    limits = limits_of(settings.dedupe)
    rows = [row for row in nearest(store, image, settings) if row not in {each.row for each in found}]
    pixels = Pixels(store)
    pixels.fetch(rows)
    for row in rows:
        stored = pixels.get(row)
        if stored is None:
            continue
        difference = compare(stored, asked, limits)
        kind = judge(difference, limits)
        if kind != DIFFERENT:
            found.append(Duplicate(row, kind, float(difference.agreement)))
    found.sort(key=lambda each: (each.verdict != SAME_FILE, each.verdict, -each.similarity, each.row))
    return found


def decode(data: bytes, settings: Settings) -> Image.Image:
    """Return the first frame as RGB, upright, transparency on the ingest background."""
    try:
        with Image.open(io.BytesIO(data)) as opened:
            if opened.width * opened.height > settings.ingest.max_pixels:
                raise EncoderError(
                    f"the picture has more than {settings.ingest.max_pixels} pixels (ingest.max_pixels)"
                )
            opened.draft("RGB", (512, 512))
            image = ImageOps.exif_transpose(opened).convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise EncoderError(f"the file is no picture that can be read: {error}") from error
    ground = Image.new("RGBA", image.size, ImageColor.getrgb(settings.ingest.background))
    flat = Image.alpha_composite(ground, image).convert("RGB")
    flat.thumbnail((512, 512), Image.Resampling.BICUBIC)
    return flat


def nearest(store: Store, image: Image.Image, settings: Settings) -> list[int]:
    """Return the rows to compare with, nearest hash first, then the groups and neighbours of the nearest ones."""
    rows, words = read_hashes(store)
    if not len(rows):
        return []
    word = picture_hash(image)
    own, mirrored = np.bitwise_count(words ^ word), np.bitwise_count(words ^ (word ^ MIRROR))
    distance = np.minimum(own, mirrored.astype(np.int64) + 2)
    reach = np.flatnonzero(distance <= settings.dedupe.hamming + 8)
    order = reach[np.argsort(distance[reach], kind="stable")][: MOST // 2]
    first = rows[order].tolist()
    return list(dict.fromkeys([*first, *_around(store, first[:6])]))[:MOST]


def _around(store: Store, rows: list[int]) -> list[int]:
    """Members of the groups of these rows, and their nearest neighbours in the graph."""
    found: list[int] = []
    if not rows:
        return found
    if store.has("groups"):
        names = store.take("groups", np.asarray(rows), ["group_id"]).column("group_id").to_pylist()
        for name in dict.fromkeys(names):
            found += store.read("groups", ["row"], f"group_id = '{name}'").column("row").to_pylist()
    try:
        table = f"neighbours_{store.encoder_key()}"
    except StoreError:
        return found
    if store.has(table):
        for ids in store.take(table, np.asarray(rows), ["ids"]).column("ids").to_pylist():
            found += [row for row in ids[:8] if row >= 0]
    return found


def _rows_of_bytes(store: Store, data: bytes) -> list[int]:
    found: list[int] = (
        store.read("items", ["row"], f"item_id = '{content_id(data)}'").column("row").to_pylist()
    )
    return found


def picture_hash(image: Image.Image) -> np.uint64:
    """Return the 64-bit DCT hash of a picture, bit for bit the one that ingest stores (a test holds them together)."""
    grey = image.convert("L").resize((32, 32), Image.Resampling.BOX)
    basis = _cosines()
    low = basis @ np.asarray(grey, dtype=np.float64) @ basis.T
    low[np.abs(low) < 1e-6] = 0.0
    return np.uint64(np.packbits((low > np.median(low)).ravel()).view(">u8")[0])


@lru_cache(maxsize=1)
def _cosines() -> Floats64:
    frequency, place = np.arange(8)[:, None], np.arange(32)[None]
    basis: Floats64 = np.cos(np.pi * (2 * place + 1) * frequency / 64)
    return basis
