"""A quick look at candidate pairs by thumbnails of their lines, so that the pixel check sees few strangers.

Every picture keeps its lines at 16 x 16 for four parts: frame, content box, two centred crops. The best correlation of
two parts, mirrored or not, is a dot product: some 3 microseconds a pair, where the pixel check takes milliseconds.
Lines know no colours, so versions and tones of one drawing pass as well as copies do.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from dedupe.compare.align import frame, shrink
from dedupe.compare.image import Picture
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
LUMA = np.asarray([0.299, 0.587, 0.114], dtype=np.float32)
# Pairs scored at a time: some dozen arrays of 1 KB a pair stay in the processor's cache.
CHUNK = 512


def views_of(picture: Picture) -> tuple[Bytes, Bytes]:
    """Return the lines of PARTS parts, uint8 [VIEW_BYTES], 128 their mean, and their colours, uint8 [COLOUR_BYTES].

    Colours are red, green, blue and the share of plain ground in each of CELLS x CELLS cells. All is zero for a flat
    picture.
    """
    if picture.flat:
        return np.zeros(VIEW_BYTES, dtype=np.uint8), np.zeros(COLOUR_BYTES, dtype=np.uint8)
    whole = frame(picture)
    boxes = [whole, tuple(float(v) for v in picture.box), *(shrink(whole, share) for share in CROPS)]
    lines = np.empty((PARTS, GRID, GRID), dtype=np.float32)
    colours = np.empty((PARTS, CELLS, CELLS, 4), dtype=np.float32)
    for part, box in enumerate(boxes):
        left, top, right, bottom = (round(v) for v in box)
        inside = (slice(top, bottom), slice(left, right))
        small = cv2.resize(picture.lines[inside], (GRID, GRID), interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small, (0, 0), 0.5)
        small -= small.mean()
        lines[part] = small / max(float(np.abs(small).max()), 1e-6)
        cells = (CELLS, CELLS)
        colours[part, ..., :3] = cv2.resize(picture.rgb[inside], cells, interpolation=cv2.INTER_AREA)
        ground = picture.ground[inside].astype(np.float32)
        colours[part, ..., 3] = cv2.resize(ground, cells, interpolation=cv2.INTER_AREA)
    return np.round(128 + 127 * lines).astype(np.uint8).ravel(), np.round(255 * colours).astype(
        np.uint8
    ).ravel()


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
    for start in range(0, len(i), CHUNK):
        a, b = i[start : start + CHUNK], j[start : start + CHUNK]
        own = plain[a]
        scores = np.stack(
            [
                np.einsum("nd,nd->n", own[:, x], its[:, y])
                for its in (plain[b], mirrored[b])
                for x, y in MEETINGS
            ],
            axis=1,
        )
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
    found = _left(x, y, weight, total)
    open_ = np.flatnonzero(found > TONED)
    x, y, weight, total = x[:, open_], y[:, open_], weight[open_], total[open_]
    least = found[open_]
    for u, v in ((x, y), (y, x)):
        for mapped, goal in _tones(u, v, weight):
            least = np.minimum(least, _left(mapped, goal, weight, total))
    found[open_] = least
    return found


def planes(cells: Bytes) -> Floats32:
    """Return cells uint8 [n, h, w, 4] as float32 [4, n, h * w] in 0..1."""
    found: Floats32 = np.moveaxis(cells.reshape(len(cells), -1, 4), 2, 0).astype(np.float32) / np.float32(255)
    return found


def _left(mapped: Floats32, goal: Floats32, weight: Floats32, total: Floats32) -> Floats32:
    """Share of the weight where colours, planes [c, n, cells], differ in a channel."""
    apart = np.abs(mapped - goal)
    most = apart[0] if len(apart) == 1 else np.maximum(np.maximum(apart[0], apart[1]), apart[2])
    found: Floats32 = np.einsum("nc,nc->n", (most > OFF).astype(np.float32), weight) / total
    return found


def _tones(u: Floats32, v: Floats32, weight: Floats32) -> Iterator[tuple[Floats32, Floats32]]:
    """Yield ``u`` under each kind of tone, fitted to ``v``, with what it is to be compared with."""
    slope, offset = _line(u, v, weight)
    yield np.clip(slope * u + offset, 0, 1), v
    heavy = u * weight
    gain = (heavy * v).sum(axis=(0, 2)) / ((heavy * u).sum(axis=(0, 2)) + 1e-3)
    yield np.minimum(gain[:, None] * u, 1), v
    grey_u, grey_v = (np.einsum("k,knc->nc", LUMA, each)[None] for each in (u, v))
    log_u, log_v = (np.log(np.clip(grey, 0.02, 0.98)) for grey in (grey_u, grey_v))
    gamma = np.clip((log_v * weight).sum(axis=(0, 2)) / ((log_u * weight).sum(axis=(0, 2)) - 1e-3), 0.4, 2.5)
    yield np.power(u, gamma[:, None]), v
    chroma = u - grey_u
    heavy = chroma * weight
    rate = (heavy * (v - grey_v)).sum(axis=(0, 2)) / ((heavy * chroma).sum(axis=(0, 2)) + 1e-3)
    yield np.clip(grey_u + rate[:, None] * chroma, 0, 1), v
    # A picture in shades of one tint: all channels follow its lightness, and lightness is all that is compared.
    tint = v - grey_v
    middle = ((tint * weight).sum(axis=2) / np.maximum(weight.sum(axis=1), 1))[..., None]
    plain = np.abs(tint - middle).max(axis=0).max(axis=1) < 2 * OFF
    slope, offset = _line(grey_u, grey_v, weight)
    mapped = np.where(plain[:, None], np.clip(slope * grey_u + offset, 0, 1), 2.0)
    yield mapped, grey_v


def _line(u: Floats32, v: Floats32, weight: Floats32) -> tuple[Floats32, Floats32]:
    """Slope and offset of ``v`` over ``u``, all channels together, float32 [n, 1]."""
    mass = len(u) * weight.sum(axis=1) + 1e-6
    heavy = u * weight
    mean_u, mean_v = heavy.sum(axis=(0, 2)) / mass, (v * weight).sum(axis=(0, 2)) / mass
    cross = (heavy * v).sum(axis=(0, 2)) - mass * mean_u * mean_v
    slope = cross / ((heavy * u).sum(axis=(0, 2)) - mass * mean_u**2 + 1e-3)
    return slope[:, None], (mean_v - slope * mean_u)[:, None]
