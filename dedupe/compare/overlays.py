"""Marks laid over a picture near its rim: a filled bar, or a line of writing."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from dedupe.compare.image import Mask, largest, middle
from dedupe.compare.overlap import LUMA_ROW, Overlap
from schema.arrays import Bytes, Floats32, Ints

# Changed pixels that say which colour a bar has.
COLOURS = 800
# Differences from which a pixel counts as crossed by a stroke.
STROKE = 0.045


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar over the rim: ``box`` left, top, right, bottom, on picture ``side`` (1 the reference, 2 the other)."""

    box: tuple[int, int, int, int]
    side: int


def find_bar(overlap: Overlap, changed: Mask) -> Bar | None:
    """Return a bar laid over one picture; None where there is none.

    A bar is a filled rectangle at the rim, of one colour but for the writing on it, under a fifth of the picture; the
    one that explains most of the change is taken.
    """
    if int(changed.sum()) < 20:
        return None
    rows, columns = np.flatnonzero(overlap.valid.any(axis=1)), np.flatnonzero(overlap.valid.any(axis=0))
    best, most = None, 0.3 * int(changed.sum())
    # The commonest colour is as common among some hundred of the changed pixels.
    places = np.flatnonzero(changed)
    places = places[:: max(1, len(places) // COLOURS)]
    for side, own, its in ((1, overlap.a, overlap.b), (2, overlap.b, overlap.a)):
        colours = own.reshape(-1, 3)[places]
        code = np.clip(colours * 7.999, 0, 7).astype(np.int64) @ np.asarray([64, 8, 1])
        colour = middle(colours[code == np.bincount(code).argmax()])
        near = _near(own, colour) & overlap.valid
        # Writing makes gaps of the height of the bar; what hangs on the bar by a thread is not the bar.
        closed = cv2.morphologyEx(near.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 25), dtype=np.uint8))
        closed = cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((5, 25), dtype=np.uint8))
        if not closed.any():
            continue
        for left, top, right, bottom in (_strip(closed, rows, columns), _blob(closed, changed)):
            box = (slice(top, bottom), slice(left, right))
            at_rim = (
                left <= columns[0] + 5
                or top <= rows[0] + 5
                or right >= columns[-1] - 4
                or bottom >= rows[-1] - 4
            )
            area = (right - left) * (bottom - top)
            long = max((right - left) / len(columns), (bottom - top) / len(rows))
            covers = int(changed[box].sum())
            if (
                at_rim
                and covers > most
                and long >= 0.3
                and 60 <= area <= 0.2 * int(overlap.valid.sum())
                and float((near | changed)[box][overlap.valid[box]].mean()) > 0.9
                and float(near[box].mean()) > 0.4
                and float(_near(its[box], colour).mean()) < 0.7
            ):
                best, most = Bar((left, top, right, bottom), side), covers
    return best


def _near(image: Floats32, colour: Floats32) -> Mask:
    """Where an image [h, w, 3] is of about this colour."""
    low, high = (colour - 0.1).astype(np.float64), (colour + 0.1).astype(np.float64)
    found: Mask = cv2.inRange(image, low, high) > 0
    return found


# Letters that cross a row of a line of writing; eyes, mouths and glasses make fewer.
STROKES = 8


def find_writing(overlap: Overlap, changed: Mask) -> Bar | None:
    """Return the box of a line of writing laid over one picture near its upper or lower rim; None where there is none.

    Writing is a wide low box that holds nearly all of the change, crossed by many strokes, where one of the two has far
    more lines than the other.
    """
    if int(changed.sum()) < 20:
        return None
    rows, columns = np.flatnonzero(overlap.valid.any(axis=1)), np.flatnonzero(overlap.valid.any(axis=0))
    joined = cv2.morphologyEx(changed.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 21), dtype=np.uint8))
    left, top, right, bottom = _blob(joined, changed)
    left, top = max(left - 2, 0), max(top - 2, 0)
    right, bottom = min(right + 2, changed.shape[1]), min(bottom + 2, changed.shape[0])
    box = (slice(top, bottom), slice(left, right))
    high, wide = (bottom - top) / len(rows), (right - left) / len(columns)
    middle = ((top + bottom) / 2 - rows[0]) / len(rows)
    if high > 0.2 or wide < 0.25 or right - left < 3 * (bottom - top) or 0.25 < middle < 0.75:
        return None
    if float(changed[box].sum()) < 0.85 * float(changed.sum()):
        return None
    apart = largest(np.abs(overlap.a[box] - overlap.b[box])) > STROKE
    strokes = (apart[:, 1:] & ~apart[:, :-1]).sum(axis=1)
    if float((strokes >= STROKES).mean()) < 0.25:
        return None
    energy = [
        float(np.abs(np.diff(image[box] @ LUMA_ROW, axis=1)).mean()) for image in (overlap.a, overlap.b)
    ]
    if max(energy) < 1.5 * min(energy):
        return None
    return Bar((left, top, right, bottom), 1 if energy[0] > energy[1] else 2)


def _blob(closed: Bytes, changed: Mask) -> tuple[int, int, int, int]:
    """The box of the patch that holds most of the change."""
    _, label, stats, _ = cv2.connectedComponentsWithStats(closed)
    largest = 1 + int(np.argmax(np.bincount(label[changed], minlength=len(stats))[1:]))
    left, top, wide, high = (int(v) for v in stats[largest, :4])
    return left, top, left + wide, top + high


def _strip(closed: Bytes, rows: Ints, columns: Ints) -> tuple[int, int, int, int]:
    """The box of the full rows at the lower or upper rim: dark drawing may touch a dark bar."""
    left, right = int(columns[0]), int(columns[-1]) + 1
    full = closed[:, left:right].mean(axis=1) > 0.95
    bottom = int(rows[-1]) + 1
    top = bottom
    while top > rows[0] and full[top - 1]:
        top -= 1
    if bottom - top >= 3:
        return left, top, right, bottom
    top = bottom = int(rows[0])
    while bottom <= rows[-1] and full[bottom]:
        bottom += 1
    return left, top, right, bottom
