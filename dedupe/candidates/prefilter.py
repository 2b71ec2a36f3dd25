"""A quick look at candidate pairs by thumbnails of their lines, so that the pixel check sees few strangers.

Every picture keeps its lines at 16 x 16 for four parts: frame, content box, two centred crops. The best correlation of
two parts, mirrored or not, is a dot product: some 3 microseconds a pair, where the pixel check takes milliseconds.
Lines know no colours, so versions and tones of one drawing pass as well as copies do.
"""

from __future__ import annotations

import cv2
import numpy as np

from dedupe.compare.align import frame
from dedupe.compare.cells import left, planes, tone_shares
from dedupe.compare.image import Picture, shrink, shrunk
from schema.arrays import Bytes, Floats32, Ints

GRID = 16
CROPS = (0.05, 0.11)
PARTS = 2 + len(CROPS)
VIEW_BYTES = PARTS * GRID * GRID
CELLS = 16
COLOUR_BYTES = PARTS * CELLS * CELLS * 4
# Parts that are held against each other, of the reference and of the other: a crop meets the frame it was cut from, a
# content box the frame that was padded.
MEETINGS = (
    (0, 0), (1, 1), (0, 1), (1, 0), *((part, 0) for part in range(2, PARTS)), *((0, part) for part in range(2, PARTS)),
)  # fmt: skip
# Of copies in twenty kinds of edit, one pair in a thousand falls below this; five of six random pairs do.
LIKELY = 0.62
# Two versions of one drawing, whose lines agree by 0.9 when aligned, are above this but for one in two hundred.
VERSION = 0.88
# Share of cells of another colour that one copy in fifty exceeds, by the correlation of lines: what agrees less is
# worse aligned. Measured on twenty kinds of edit; a bar over the rim and another ground are the ones at the upper end.
LINES = (0.95, 0.97, 0.985, 0.99, 1.0)
RECOLOURED = (0.50, 0.40, 0.33, 0.25, 0.12)
# Where fewer cells than this differ, no tone is tried.
TONED = 0.15
# A cell of another colour differs this much in a channel, of 1.
OFF = 0.10
# Pairs scored at a time: some dozen arrays of 1 KB a pair stay in the processor's cache.
CHUNK = 256


def views_of(picture: Picture) -> tuple[Bytes, Bytes]:
    """Return the lines of PARTS parts, uint8 [VIEW_BYTES], 128 their mean, and their colours, uint8 [COLOUR_BYTES].

    Colours are red, green, blue and the share of plain ground in each of CELLS x CELLS cells. All is zero for a flat
    picture.
    """
    if picture.flat:
        return np.zeros(VIEW_BYTES, dtype=np.uint8), np.zeros(COLOUR_BYTES, dtype=np.uint8)
    whole = frame(picture)
    left, top, right, bottom = picture.box
    content = (float(left), float(top), float(right), float(bottom))
    boxes = [whole, content, *(shrink(whole, share) for share in CROPS)]
    half = picture.half_lines()
    size = (half.shape[1], half.shape[0])
    both = cv2.merge([picture.pixels, picture.ground.view(np.uint8) * 255])
    half_colours = cv2.resize(both, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    lines = np.empty((PARTS, GRID, GRID), dtype=np.float32)
    colours = np.empty((PARTS, CELLS, CELLS, 4), dtype=np.float32)
    for part, box in enumerate(boxes):
        small = cv2.GaussianBlur(shrunk(half, box, GRID), (0, 0), 0.5)
        small -= small.mean()
        lines[part] = small / max(float(np.abs(small).max()), 1e-6)
        colours[part] = shrunk(half_colours, box, CELLS)
    return np.round(128 + 127 * lines).astype(np.uint8).ravel(), np.round(colours).astype(np.uint8).ravel()


def unit_views(views: Bytes) -> Floats32:
    """Return views uint8 [n, VIEW_BYTES] as float32 [n, PARTS, GRID, GRID] of zero mean and unit length."""
    found = views.reshape(-1, PARTS, GRID * GRID).astype(np.float32)
    found -= found.mean(axis=2, keepdims=True)
    found /= np.maximum(np.linalg.norm(found, axis=2, keepdims=True), 1e-6)
    return found.reshape(-1, PARTS, GRID, GRID)


def meet(units: Floats32, i: Ints, j: Ints) -> tuple[Floats32, Ints]:
    """Return, of each pair of places in ``units``, the best correlation of lines and which meeting of parts has it."""
    plain = units.reshape(len(units), PARTS, -1)
    mirrored = np.ascontiguousarray(units[..., ::-1]).reshape(len(units), PARTS, -1)
    lines, best = np.empty(len(i), dtype=np.float32), np.empty(len(i), dtype=np.int64)
    own_part, its_part = np.asarray(MEETINGS).T
    for start in range(0, len(i), CHUNK):
        a, b = i[start : start + CHUNK], j[start : start + CHUNK]
        own = plain[a]
        # All parts of one with all of the other: one small product costs less than those that are wanted alone.
        every = (own @ each[b].transpose(0, 2, 1) for each in (plain, mirrored))
        scores = np.concatenate([part[:, own_part, its_part] for part in every], axis=1)
        best[start : start + CHUNK] = scores.argmax(axis=1)
        lines[start : start + CHUNK] = scores.max(axis=1)
    return lines, best


def allowed(lines: Floats32) -> Floats32:
    """Return the share of cells of another colour that copies with this correlation of lines may have."""
    return np.interp(lines, LINES, RECOLOURED).astype(np.float32)


def repainted(colours: Bytes, i: Ints, j: Ints, meeting: Ints, fine: bool) -> Floats32:
    """Return, of each pair of places in ``colours`` uint8 [n, COLOUR_BYTES], the share of cells of another colour.

    Only the parts of a pair's best meeting are looked at, in CELLS x CELLS cells, or a quarter of them if not ``fine``.
    """
    cells = colours.reshape(-1, PARTS, CELLS, CELLS, 4)
    if not fine:
        parts = [cells[:, :, y::2, x::2].astype(np.uint16) for y in (0, 1) for x in (0, 1)]
        cells = (sum(parts[1:], parts[0]) // 4).astype(np.uint8)
    found = np.empty(len(i), dtype=np.float32)
    for start in range(0, len(i), CHUNK):
        part = slice(start, start + CHUNK)
        which = np.asarray(MEETINGS)[meeting[part] % len(MEETINGS)]
        own, its = cells[i[part], which[:, 0]], cells[j[part], which[:, 1]]
        turned = meeting[part] >= len(MEETINGS)
        its[turned] = its[turned][:, :, ::-1]
        found[part] = recoloured(own, its)
    return found


def recoloured(a: Bytes, b: Bytes) -> Floats32:
    """Return the share of cells whose colour no change of tone explains, float32 [n]; cells uint8 [n, h, w, 4].

    Plain ground of both does not count: another ground is allowed. A tone is a gain, contrast and offset, a gamma, a
    change of saturation, or lightness alone, fitted by least squares; together more than the pixel check allows.
    """
    x, y = planes(a), planes(b)
    weight = ((x[3] < 0.5) | (y[3] < 0.5)).astype(np.float32)
    total = np.maximum(weight.sum(axis=1), 1)
    x, y = x[:3], y[:3]
    found = left(x, y, weight, total, OFF)
    open_ = np.flatnonzero(found > TONED)
    x, y, weight, total = x[:, open_], y[:, open_], weight[open_], total[open_]
    least = tone_shares(x, y, weight, total, OFF).min(axis=(0, 1), initial=1)
    found[open_] = np.minimum(found[open_], least)
    return found
