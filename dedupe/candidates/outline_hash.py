"""Hashes of the lines of a picture: of its frame, its content without the uniform rim, and its inner part.

The stored perceptual hash sees tones, so another ground, a wide rim or a crop changes it. These see outlines: the
content box undoes padding, and the inner part of an uncropped picture meets the frame of a cropped one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pyarrow as pa

from dedupe.candidates.prefilter import COLOUR_BYTES, VIEW_BYTES, views_of
from dedupe.compare.align import frame
from dedupe.compare.image import Picture, load, shrink, shrunk
from dedupe.group.clusters import Edges, unique_edges
from index.neighbours.hamming import hamming_pairs
from index.stages.progress import progress
from index.store import Store
from schema import tables
from schema.arrays import Bytes, Hashes, Ints

# Shares cut off on each side: crops by a tenth and by a twentieth are the usual ones.
INNER = (0.05, 0.10)
# A bar along the lower or upper rim is left out of both pictures.
BAR = 0.125
COUNT = 4 + len(INNER)
# Hashes that are compared with all others of another picture: frame, content box, and the two without a bar's place.
WHOLE = [0, 1, 2, 3]
READ_ROWS = 4096


def line_hashes(picture: Picture) -> Hashes:
    """Return COUNT hashes of one picture: frame, content box, all but a rim, inner parts; zeros for a flat one."""
    if picture.flat:
        return np.zeros(COUNT, dtype=np.uint64)
    whole = frame(picture)
    width, height = picture.size
    left, top, right, bottom = picture.box
    boxes = [
        whole,
        (float(left), float(top), float(right), float(bottom)),
        (0.0, 0.0, float(width), height * (1 - BAR)),
        (0.0, height * BAR, float(width), float(height)),
        *(shrink(whole, share) for share in INNER),
    ]
    half = picture.half_lines()
    low = np.stack([cv2.dct(cv2.GaussianBlur(shrunk(half, box, 32), (0, 0), 1.0))[:8, :8] for box in boxes])
    # The signs of the 64 lowest frequencies against their median.
    low = low.reshape(COUNT, 64)
    bits = np.packbits(low > np.median(low, axis=1, keepdims=True), axis=1)
    found: Hashes = bits.view(">u8").astype(np.uint64).ravel()
    return found


SKETCHES = tables.sketches(COUNT, VIEW_BYTES, COLOUR_BYTES)
# A mirror negates every odd horizontal frequency, see dedupe/candidates/find.py.
MIRROR = np.uint64(0x5555555555555555)
# Bits apart at which strangers stay fewer than a hundred or so per picture: (pictures, radius).
RADII = ((20_000, 10), (100_000, 8), (500_000, 6), (2_000_000, 4))
SMALLEST_RADIUS = 3


def radius_for(count: int, radii: Sequence[tuple[int, int]] = RADII, beyond: int = SMALLEST_RADIUS) -> int:
    """Return how many bits hashes may differ in a store of this many pictures, line hashes if nothing else is said."""
    return next((radius for most, radius in radii if count <= most), beyond)


def read_sketches(store: Store) -> tuple[Ints, Hashes]:
    """Return rows [n] and line hashes [n, COUNT] of all sketches."""
    if not store.has("sketches"):
        return np.empty(0, dtype=np.int64), np.empty((0, COUNT), dtype=np.uint64)
    return store.rows("sketches"), store.column("sketches", "words").astype(np.int64).view(np.uint64)


def make_sketches(store: Store, threads: int) -> None:
    """Sketch the thumbnails that have none yet: line hashes and views, one append at the end of each READ_ROWS."""
    if store.has("sketches") and store.schema("sketches") != SKETCHES:
        store.drop("sketches")
    done = store.rows("sketches") if store.has("sketches") else np.empty(0, dtype=np.int64)
    have = store.rows("thumbnails") if store.has("thumbnails") else np.empty(0, dtype=np.int64)
    fresh = np.setdiff1d(have, done)
    if len(fresh):
        store.append("sketches", _compute(store, fresh, threads), SKETCHES)


def _compute(store: Store, rows: Ints, threads: int) -> Iterator[pa.RecordBatch]:
    with ThreadPoolExecutor(max(1, threads)) as pool, progress(len(rows), "outlines", unit="picture") as bar:
        for start in range(0, len(rows), READ_ROWS):
            part = rows[start : start + READ_ROWS]
            table = store.take("thumbnails", part, ["row", "thumbnail"])
            found = list(pool.map(_sketch, table.column("thumbnail").to_pylist()))
            words, views, colours = (np.concatenate(part) for part in zip(*found, strict=True))
            columns = [
                table.column("row").combine_chunks(),
                pa.FixedSizeListArray.from_arrays(pa.array(words.view(np.int64)), COUNT),
                pa.FixedSizeListArray.from_arrays(pa.array(views), VIEW_BYTES),
                pa.FixedSizeListArray.from_arrays(pa.array(colours), COLOUR_BYTES),
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=SKETCHES)
            bar.add(len(part))


def _sketch(data: bytes) -> tuple[Hashes, Bytes, Bytes]:
    try:
        picture = load(data)
    except (OSError, ValueError, SyntaxError):
        return np.zeros(COUNT, np.uint64), np.zeros(VIEW_BYTES, np.uint8), np.zeros(COLOUR_BYTES, np.uint8)
    return line_hashes(picture), *views_of(picture)


def sketch_edges(rows: Ints, words: Hashes, threads: int = 1) -> Edges:
    """Return pairs of rows of which some part's lines look like the other's frame or content box, mirrored or not."""
    none = np.empty(0, dtype=np.int64)
    drawn = (words != 0).all(axis=1)
    rows, words = rows[drawn], words[drawn]
    if len(rows) < 2:
        return Edges(none, none, np.empty(0, dtype=np.float32))
    radius = radius_for(len(rows))
    parts, first, back = np.unique(words.ravel(), return_index=True, return_inverse=True)
    owner = np.repeat(rows, COUNT)
    # Rows that share a word are a star around the first of them.
    low, high, bits = [owner[first][back]], [owner], [np.zeros(len(owner), dtype=np.int64)]
    whole, start = np.unique(words[:, WHOLE].ravel(), return_index=True)
    its = np.repeat(rows, len(WHOLE))[start]
    for mask in (np.uint64(0), MIRROR):
        turned = whole ^ mask
        order = np.argsort(turned)
        # Unturned, every word meets itself.
        i, j, distance = hamming_pairs(parts, radius, turned[order], threads, least=0 if mask else 1)
        low.append(owner[first][i])
        high.append(its[order][j])
        bits.append(distance)
    a, b = np.concatenate(low), np.concatenate(high)
    # The similarity only orders the pairs: after equal tones, before far ones.
    similarity = (0.97 - 0.01 * np.concatenate(bits)).astype(np.float32)
    return unique_edges(np.minimum(a, b), np.maximum(a, b), similarity)
