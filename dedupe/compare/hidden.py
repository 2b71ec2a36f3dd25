"""A part of a picture that one of two copies hides: under a filled rectangle, a mosaic or a blur.

A censored copy is the same artwork as the full one. What tells it from another version of the drawing: a filled
rectangle has an edge all around where the other picture goes on, and a mosaic or a blur leaves the mean colours as they
are and takes the detail. A line that was drawn or left out moves the means, a recoloured part has its edge in both.
"""

from __future__ import annotations

import cv2
import numpy as np

from dedupe.compare.image import Mask, Pixels, largest
from dedupe.compare.overlap import Overlap
from dedupe.compare.overlays import Bar
from schema.arrays import Bools, Bytes

# Share of the picture that may be hidden, and pixels that have to be.
MOST, LEAST = 0.2, 40
# Share of the change that lies in the hidden part.
INSIDE = 0.9
# Pixels that differ this much belong to a softened part; the larger ones where compression differs as much everywhere.
SLIGHT = (0.012, 0.035, 0.07)
# One colour: this share of a rectangle within ONE_COLOUR of its middle.
ONE_COLOUR, FILLED = 0.08, 0.93
# An edge, the share of a rectangle's outline that is one, the least of a side, and the most of the other picture's.
EDGE, ALL_ROUND, EACH_SIDE, NOT_THERE = 0.07, 0.8, 0.45, 0.6
# A difference that is no noise; blurs that are tried, in pixels; the share of the difference that one of them may
# leave, and how much less that has to be than what is left the other way round.
NOT_NOISE, SIGMAS, EXPLAINED, LESS = 0.008, (1.0, 1.7, 2.8, 4.5), 0.75, 0.8
# Means differ by less than this share of the whole difference; by less than that where blurs explain nothing, but one
# picture varies less, by this share of how much the difference varies.
SAME_MEANS, EQUAL_MEANS, VARIED = 0.75, 0.25, 0.15

Box = tuple[int, int, int, int]


def find_hidden(overlap: Overlap, changed: Mask) -> Bar | None:
    """Return the box that one of two pictures hides, and which; None where none does."""
    if int(np.count_nonzero(changed)) < 4:
        return None
    valid = int(np.count_nonzero(overlap.valid))
    box = _bounds(changed)
    if box is None or _area(box) > MOST * valid:
        return None
    for side, own, its in ((1, overlap.a, overlap.b), (2, overlap.b, overlap.a)):
        filled = filled_rectangle(own, its, box)
        if filled is not None and LEAST <= _area(filled) <= MOST * valid and _holds(filled, changed):
            return Bar(filled, side)
    return find_softened(overlap.a, overlap.b, overlap.valid, box, changed)


def find_softened(a: Pixels, b: Pixels, valid: Mask, box: Box, changed: Mask | None = None) -> Bar | None:
    """Return the box around another one in which one of two pictures [h, w, 3] is a mosaic or a blur of the other, and
    which holds most of what ``changed`` where that is given."""
    tried: Box | None = None
    apart = cv2.blur(largest(np.abs(a - b)), (3, 3))
    for least in SLIGHT:
        wide = _part((apart > least) & valid, box)
        if wide is None or not LEAST <= _area(wide) <= MOST * int(np.count_nonzero(valid)) or wide == tried:
            continue
        # The boxes shrink as the least difference grows: none of the next ones holds more than this one.
        if changed is not None and not _holds(wide, changed):
            return None
        tried = wide
        side = softened_side(a, b, wide)
        if side:
            return Bar(wide, side)
    return None


def filled_rectangle(own: Pixels, its: Pixels, box: Box) -> Box | None:
    """Return the filled rectangle of ``own`` [h, w, 3] around the middle of a box, which ``its`` does not have."""
    left, top, right, bottom = box
    if right - left < 4 or bottom - top < 4:
        return None
    colour = np.median(own[top:bottom, left:right].reshape(-1, 3), axis=0)
    near = (largest(np.abs(own - colour.astype(np.float32))) < ONE_COLOUR).astype(np.uint8)
    # The soft rim of a rectangle belongs to it, what hangs on it by a line does not.
    near = cv2.morphologyEx(near, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    window = np.zeros(near.shape, np.uint8)
    window[max(0, top - 3) : bottom + 3, max(0, left - 3) : right + 3] = 1
    found = _bounds((near & window) > 0)
    if found is None:
        return None
    found = _trimmed(near, found)
    left, top, right, bottom = found
    if right - left < 4 or bottom - top < 4 or float(near[top:bottom, left:right].mean()) < FILLED:
        return None
    mine, theirs = _steps(own, found), _steps(its, found)
    # At the rim a side has nothing beyond it: bars there are found by their shape alone (overlays.py).
    if len(mine) < 4 or sum(map(np.sum, mine)) < ALL_ROUND * sum(map(len, mine)):
        return None
    if min(float(side.mean()) for side in mine) < EACH_SIDE:
        return None
    if sum(map(np.sum, theirs)) > NOT_THERE * sum(map(len, theirs)):
        return None
    return found


def _trimmed(near: Bytes, box: Box) -> Box:
    """A box without the rows and columns at its sides that are hardly filled."""
    left, top, right, bottom = box
    part = near[top:bottom, left:right]
    rows, columns = np.flatnonzero(part.mean(axis=1) > 0.5), np.flatnonzero(part.mean(axis=0) > 0.5)
    if not len(rows) or not len(columns):
        return left, top, left, top
    return left + int(columns[0]), top + int(rows[0]), left + int(columns[-1]) + 1, top + int(rows[-1]) + 1


def _steps(image: Pixels, box: Box) -> list[Bools]:
    """Where colours change across each side of a box: one array of places for every side that lies in the picture."""
    left, top, right, bottom = box
    height, width = image.shape[:2]
    gap = 2
    found = []
    for inner, outer, inside in (
        (top + 1, top - gap, top - gap >= 0),
        (bottom - 2, bottom - 1 + gap, bottom - 1 + gap < height),
    ):
        if inside:
            found.append(np.abs(image[inner, left:right] - image[outer, left:right]).max(axis=1) > EDGE)
    for inner, outer, inside in (
        (left + 1, left - gap, left - gap >= 0),
        (right - 2, right - 1 + gap, right - 1 + gap < width),
    ):
        if inside:
            found.append(np.abs(image[top:bottom, inner] - image[top:bottom, outer]).max(axis=1) > EDGE)
    return found


def softened_side(a: Pixels, b: Pixels, box: Box) -> int:
    """Return 1 or 2 where that picture, [h, w, 3], is the other one blurred or pixelated in a box, else 0.

    One is held against blurs of the other, either way round: a blur of the full picture comes near the softened one,
    a blur of the softened one is further away from the full one than that itself.
    """
    left, top, right, bottom = box
    grow = max(right - left, bottom - top) // 2
    window = (
        slice(max(0, top - grow), bottom + grow),
        slice(max(0, left - grow), right + grow),
    )
    first, second = a[window], b[window]
    inner = np.zeros(first.shape[:2], dtype=bool)
    inner[
        top - window[0].start : bottom - window[0].start, left - window[1].start : right - window[1].start
    ] = True
    apart = largest(np.abs(first - second))
    inner &= cv2.dilate((apart > NOT_NOISE).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    if int(np.count_nonzero(inner)) < LEAST:
        return 0
    whole = float(apart[inner].mean())
    if whole < NOT_NOISE:
        return 0
    # What was laid over a picture moves its means.
    size = max(5, min(right - left, bottom - top) // 2 | 1)
    means = float(largest(np.abs(cv2.blur(first - second, (size, size))))[inner].mean()) / whole
    if means > SAME_MEANS:
        return 0
    left_over = [
        min(
            float(largest(np.abs(cv2.GaussianBlur(full, (0, 0), sigma) - soft))[inner].mean())
            for sigma in SIGMAS
        )
        / whole
        for full, soft in ((second, first), (first, second))
    ]
    low = int(np.argmin(left_over))
    if left_over[low] < EXPLAINED and left_over[low] < LESS * left_over[1 - low]:
        return low + 1
    # Small blocks on something plain: averages vary less than what they were made of.
    part = _box_of(inner)
    varied = [_variation(image[part]) for image in (first, second)]
    between = _variation((first - second)[part])
    if means > EQUAL_MEANS or abs(varied[0] - varied[1]) < VARIED * between:
        return 0
    return 1 if varied[0] < varied[1] else 2


def _variation(image: Pixels) -> float:
    """Total variation of an image [h, w, 3], along rows and columns."""
    return float(np.abs(np.diff(image, axis=0)).sum() + np.abs(np.diff(image, axis=1)).sum())


def _box_of(mask: Mask) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _bounds(mask: Mask) -> Box | None:
    """The box around what a mask holds; single pixels far off are noise."""
    joined = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(joined)
    if count < 2:
        return None
    area = stats[1:, cv2.CC_STAT_AREA]
    large = stats[1:][area >= max(3, 0.05 * area.max())]
    if not len(large):
        return None
    left, top = int(large[:, 0].min()), int(large[:, 1].min())
    right, bottom = int((large[:, 0] + large[:, 2]).max()), int((large[:, 1] + large[:, 3]).max())
    return left, top, right, bottom


def _part(mask: Mask, box: Box) -> Box | None:
    """The box around those parts of a mask that touch another box."""
    joined = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    _, label, stats, _ = cv2.connectedComponentsWithStats(joined)
    left, top, right, bottom = box
    touched = np.unique(label[top:bottom, left:right])
    touched = touched[touched > 0]
    if not len(touched):
        return None
    parts = stats[touched]
    return (
        int(parts[:, 0].min()),
        int(parts[:, 1].min()),
        int((parts[:, 0] + parts[:, 2]).max()),
        int((parts[:, 1] + parts[:, 3]).max()),
    )


def _holds(box: Box, changed: Mask) -> bool:
    left, top, right, bottom = box
    inside = changed[max(0, top - 4) : bottom + 4, max(0, left - 4) : right + 4]
    return int(np.count_nonzero(inside)) >= INSIDE * int(np.count_nonzero(changed))


def _area(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])
