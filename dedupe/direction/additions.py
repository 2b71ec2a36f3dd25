"""What was laid over one of two copies: a bar, writing, a patch, a mosaic, a local blur; and over which of them.

Regions come from the common frame, where whatever lies outside the range of the other's neighbourhood counts. Which
side they lie on is asked of the region itself, in the pixels of the files where those can be read: what was laid over
a picture is of one colour or has an edge all around, what belongs to it goes on beyond the region. A mosaic and a
blur leave the mean colours as they are and take the detail.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from dedupe.compare.hidden import filled_rectangle, find_softened
from dedupe.compare.image import largest
from dedupe.direction.colour import lightness
from dedupe.direction.outline import step_shares
from schema.arrays import Bools, Floats32

Box = tuple[int, int, int, int]
NONE, COVER, WRITING, PIXELS = range(4)
"""Kinds of additions: nothing, something of one colour (bar, patch), strokes, detail taken (mosaic, blur)."""

# What stands out less than this from the other's neighbourhood is no addition, nor what is under three times as
# strong as nine tenths of all differences.
LEAST, USUAL, MOST = 0.045, 3.0, 0.12
FAINT, ONE_PLACE = 0.012, 0.25
# Share of all difference that lies in the part that was hidden.
ALONE = 0.6
# A blur leaves this share of the deviation of what was there at least.
TRACE = 0.15
# Share of the frame that a region has to have, and its mean difference: palettes and JPEG stay below.
AREA = 0.0012
CONTRAST = 0.07
# An edge of a region; the share of an outline that has to be one, and by how much it has to exceed that of the other.
EDGE, ALL_ROUND, MARGIN = 0.05, 0.55, 0.15
# Rows and columns with fewer changed pixels than this share of the fullest one are not counted to the region.
FRINGE = 0.15
# One colour: nine tenths of a region within this.
ONE_COLOUR, FILLED = 0.06, 0.9
# Mean colours agree to this share of the whole difference: only detail was taken. A mosaic may be told by less, since
# its region may hold a part of it.
SAME_MEANS, HALF_SAME = 0.3, 0.7
# Writing changes less of its box than this, or less of the outline of its box is an edge.
STROKES, SOLID = 0.6, 0.85
# Means of rows and columns of a mosaic: steps at the lines of its blocks and none between.
BLOCKY = 0.22
# Blurs that are tried, in pixels, and the share of a difference that may be left where one was found.
SIGMAS = (1.0, 1.7, 2.8, 4.5, 7.5, 12.0)
STILL_THERE = 0.4


@dataclass(frozen=True, slots=True)
class Region:
    """A region that was changed, ``box`` left, top, right, bottom in the frame, with the ``share`` of it that
    differs."""

    box: Box
    area: int


def find_regions(
    first: Floats32, second: Floats32, valid: Bools, as_sharp: tuple[Floats32, Floats32] | None = None
) -> list[Region]:
    """Return the boxes of what differs locally between two pictures [h, w, c] of one tone and sharpness; ``as_sharp``
    are the same pictures of one tone, as sharp as they are."""
    apart = np.maximum(_beyond(first, second), _beyond(second, first))
    apart = cv2.blur(apart, (3, 3))
    apart[~valid] = 0
    usual = float(np.quantile(apart[valid], 0.9))
    strong = (apart > max(LEAST, min(USUAL * usual, MOST))).astype(np.uint8)
    # Where nothing differs but in one place, as in a lossless copy, a faint change is one, too.
    own, its = as_sharp or (first, second)
    faint = (cv2.blur(largest(np.abs(own - its)), (3, 3)) > FAINT) & valid
    rows, columns = np.flatnonzero(faint.any(axis=1)), np.flatnonzero(faint.any(axis=0))
    if len(rows) and (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1) < ONE_PLACE * valid.size:
        strong |= faint.astype(np.uint8)
    if not strong.any():
        return []
    joined = cv2.morphologyEx(strong, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    _, _, stats, _ = cv2.connectedComponentsWithStats(joined)
    found = [
        Region((int(x), int(y), int(x + w), int(y + h)), int(area))
        for x, y, w, h, area in stats[1:]
        if area >= AREA * valid.size
    ]
    return _banded(found)


def _beyond(reference: Floats32, other: Floats32) -> Floats32:
    """How far the other lies outside the range of the reference's neighbourhood of 3 x 3, in its farthest channel."""
    three = np.ones((3, 3), np.uint8)
    high, low = cv2.dilate(reference, three), cv2.erode(reference, three)
    outside = np.maximum(np.maximum(other - high.reshape(other.shape), low.reshape(other.shape) - other), 0)
    return largest(outside)


def _banded(regions: list[Region]) -> list[Region]:
    """Join regions that touch or lie in one band: letters of a line, parts of a bar with the drawing showing
    through."""
    found = sorted(regions, key=lambda region: -region.area)[:40]
    joined = True
    while joined:
        joined = False
        for number, own in enumerate(found):
            mate = next((other for other in found[:number] if _one_band(own.box, other.box)), None)
            if mate is not None:
                left, top = min(own.box[0], mate.box[0]), min(own.box[1], mate.box[1])
                right, bottom = max(own.box[2], mate.box[2]), max(own.box[3], mate.box[3])
                found = [each for each in found if each is not own and each is not mate]
                found.append(Region((left, top, right, bottom), own.area + mate.area))
                joined = True
                break
    return sorted(found, key=lambda region: (-region.area, region.box))


def _one_band(own: Box, other: Box) -> bool:
    across = min(own[2], other[2]) - max(own[0], other[0])
    down = min(own[3], other[3]) - max(own[1], other[1])
    high, wide = max(own[3] - own[1], other[3] - other[1]), max(own[2] - own[0], other[2] - other[0])
    return (down > 0.6 * high) or (across > 0.6 * wide and down > -20) or (across > -6 and down > -6)


def side_of(first: Floats32, second: Floats32, box: Box) -> tuple[int, int]:
    """Return which of two aligned cut-outs [h, w, c] of one tone has something laid over it, and of which kind.

    ``box`` is where they were found to differ; the cut-outs show some of its surroundings. (0, NONE) where neither
    does.
    """
    left, top, right, bottom = box
    difference = largest(np.abs(first - second))
    apart = cv2.blur(difference, (3, 3))
    around = np.ones(apart.shape, dtype=bool)
    around[top:bottom, left:right] = False
    usual = float(np.quantile(apart[around], 0.95)) if around.any() else 0.0
    changed = apart > max(LEAST, 1.5 * usual)
    changed &= ~around
    if int(changed.sum()) < 9 or float(difference[changed].mean()) < CONTRAST:
        return 0, NONE
    # The ringing of a JPEG around a bar is no part of it.
    by_row, by_column = changed.mean(axis=1), changed.mean(axis=0)
    rows = np.flatnonzero(by_row > FRINGE * by_row.max())
    columns = np.flatnonzero(by_column > FRINGE * by_column.max())
    inner = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    a, b = first[inner], second[inner]
    side = _detail_taken(a, b)
    if side:
        return side, PIXELS
    filled = np.zeros(changed.shape, dtype=bool)
    filled[inner] = True
    solid = cv2.morphologyEx(changed.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)).astype(
        bool
    )
    share, drawn = float(solid[inner].mean()), float(changed[inner].mean())
    plain = (_one_colour(a), _one_colour(b))
    # Where a bar lies over something of its own colour, its outline says nothing.
    rims = step_shares([first, second], filled, EDGE, changed)
    for own, other in ((0, 1), (1, 0)):
        if (
            plain[own] > FILLED
            and rims[own] > ALL_ROUND
            and not (plain[other] > FILLED and rims[other] > rims[own] - MARGIN)
        ):
            return own + 1, _kind(drawn, rims[own], plain[own])
    if share > 0.6 or max(plain) > 0.5:
        high, low = max(rims), min(rims)
        if high > ALL_ROUND and high - low > MARGIN:
            side = 0 if rims[0] > rims[1] else 1
            return side + 1, _kind(drawn, high, plain[side])
    strokes = step_shares([first, second], solid, EDGE)
    high, low = max(strokes), min(strokes)
    if high > 0.4 and high - low > MARGIN:
        side = 0 if strokes[0] > strokes[1] else 1
        return side + 1, _kind(drawn, rims[side], plain[side])
    return 0, NONE


def hidden_part(first: Floats32, second: Floats32, valid: Bools, box: Box) -> tuple[int, int]:
    """Return which of two pictures [h, w, c] hides a part of the other around a box, and how: a filled rectangle is a
    COVER, a blur or a mosaic PIXELS; (0, NONE) where neither does.

    A part without any trace of what the other shows there is no blur: writing was laid over the other.
    """
    first, second = (image if image.shape[2] == 3 else image.repeat(3, axis=2) for image in (first, second))
    apart = largest(np.abs(first - second)) * valid
    for side, own, its in ((1, first, second), (2, second, first)):
        filled = filled_rectangle(own, its, box)
        if filled is not None and _alone(apart, filled):
            return side, COVER
    found = find_softened(first, second, valid, box)
    if found is None:
        return 0, NONE
    left, top, right, bottom = found.box
    both = min(left, box[0]), min(top, box[1]), max(right, box[2]), max(bottom, box[3])
    if not _alone(apart, both):
        return 0, NONE
    soft, full = (image[top:bottom, left:right] for image in (first, second)[:: 3 - 2 * found.side])
    trace = float(soft.std(axis=(0, 1)).max()) > TRACE * float(full.std(axis=(0, 1)).max())
    return (found.side, PIXELS) if trace else (0, NONE)


def _alone(apart: Floats32, box: Box) -> bool:
    """Tell whether most of all difference lies in a box: compression, noise and palettes differ everywhere."""
    left, top, right, bottom = box
    inside = apart[max(0, top - 2) : bottom + 2, max(0, left - 2) : right + 2]
    return float(inside.sum()) > ALONE * float(apart.sum())


def _kind(drawn: float, rim: float, plain: float) -> int:
    """Something solid is mostly of one colour with an edge all around its box, writing or a mark is not."""
    return COVER if drawn > STROKES and rim > SOLID and plain > STROKES else WRITING


def _one_colour(part: Floats32) -> float:
    """Share of a part, its rim apart, within ONE_COLOUR of its commonest colour."""
    inner = part[2:-2, 2:-2] if min(part.shape[:2]) > 8 else part
    pixels = inner.reshape(-1, part.shape[2])
    return float((np.abs(pixels - np.median(pixels, axis=0)).max(axis=1) < ONE_COLOUR).mean())


def _detail_taken(a: Floats32, b: Floats32) -> int:
    """Return 1 or 2 where that part is a blur or a mosaic of the other, else 0."""
    if min(a.shape[:2]) < 8:
        return 0
    side = max(5, min(a.shape[:2]) // 3 | 1)
    means = float(np.abs(cv2.blur(a - b, (side, side))).mean())
    whole = float(np.abs(a - b).mean())
    grey = [_grey(part) for part in (a, b)]
    blocky = [_blocky(part) for part in grey]
    mosaic = 0 if blocky[0] < blocky[1] else 1
    # Something of one colour has no steps at all.
    if (
        blocky[mosaic] < BLOCKY
        and blocky[1 - mosaic] > 1.5 * BLOCKY
        and _one_colour((a, b)[mosaic]) < FILLED
        and means < HALF_SAME * whole
    ):
        return mosaic + 1
    if means > SAME_MEANS * whole:
        return 0
    return _blurred(a, b)


def _blurred(a: Floats32, b: Floats32) -> int:
    """Return 1 or 2 where that part is the other one blurred: what is left after blurring that one as well is
    little."""
    energy = [float(np.abs(cv2.Laplacian(_grey(part), cv2.CV_32F)).mean()) for part in (a, b)]
    low = 0 if energy[0] < energy[1] else 1
    if energy[1 - low] < 1.6 * energy[low]:
        return 0
    soft, sharp = (a, b) if low == 0 else (b, a)
    whole = float(np.abs(sharp - soft).mean())
    for sigma in SIGMAS:
        left = np.abs(cv2.GaussianBlur(sharp, (0, 0), sigma).reshape(soft.shape) - soft)
        edge = min(int(2 * sigma) + 1, min(soft.shape[:2]) // 4)
        inner = left[edge:-edge, edge:-edge]
        if float(inner.mean()) < STILL_THERE * whole:
            return low + 1
    return 0


def _grey(part: Floats32) -> Floats32:
    return part[..., 0] if part.shape[2] == 1 else lightness(part)


def _blocky(grey: Floats32) -> float:
    """Median over mean of the steps between columns and between rows: 0 for the blocks of a mosaic, near 1 elsewhere.

    1 where there are fewer than three lines of blocks either way: an edge or two in something plain are no mosaic.
    """
    values = []
    for axis in (0, 1):
        steps = np.abs(np.diff(grey, axis=axis)).mean(axis=1 - axis)
        lines = np.flatnonzero(steps > 0.25 * steps.max())
        if int((np.diff(lines) > 1).sum()) < 2:
            return 1.0
        values.append(float(np.median(steps) / max(float(steps.mean()), 1e-4)))
    return max(values)
