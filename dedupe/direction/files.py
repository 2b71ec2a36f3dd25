"""The files of two placed copies: decoded once, and the same parts cut from both in their own pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np

from dedupe.compare.image import Picture
from dedupe.direction.placement import UPRIGHT, Placement
from schema.arrays import Bytes, Floats32, Floats64

# Long side of the window that is looked at in the pixels of the files, and of the cut-outs around an addition.
WINDOW = 448
CUTOUT = 320
# A placement of thumbnails is right to this many pixels of the files.
NUDGE = 4

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class FullPicture:
    """The decoded file: ``pixels`` uint8 [h, w, 3], ``tables`` the quantisation tables of a JPEG; whether it names a
    ``camera``, an ``editor``, and the day it was ``taken``, days since 1970, 0 for none."""

    pixels: Bytes
    tables: dict[int, list[int]] | None = None
    camera: bool = False
    editor: bool = False
    taken: int = 0


@dataclass(slots=True)
class Subject:
    """One copy: its file's ``size`` (width, height), its ``picture`` at working size, and how to read the file."""

    size: tuple[int, int]
    picture: Picture
    read: Callable[[], FullPicture | None]
    _pixels: Floats32 | None = None
    _full: list[FullPicture | None] = field(default_factory=list)

    def pixels(self) -> Floats32:
        """Return the picture at working size [h, w, 3], 0..1: from the file where it can be read, without the traces of
        the thumbnail's own compression."""
        full = self.full()
        if full is None or max(full.pixels.shape[:2]) < max(self.picture.size):
            return self.picture.rgb
        if self._pixels is None:
            small = cv2.resize(full.pixels, self.picture.size, interpolation=cv2.INTER_AREA)
            self._pixels = small.astype(np.float32) / np.float32(255)
        return self._pixels

    @property
    def held(self) -> int:
        """Bytes of the decoded file that are held."""
        return sum(full.pixels.nbytes for full in self._full if full is not None)

    def full(self) -> FullPicture | None:
        """Return the decoded file, read at most once; None where it cannot be read."""
        if not self._full:
            self._full.append(self.read())
        return self._full[0]


class FilePair:
    """The files of two placed copies; parts are None where they cannot be read or one is turned."""

    def __init__(self, row: Subject, other: Subject, placement: Placement) -> None:
        self._row, self._other, self._placement = row, other, placement
        self._nudge = np.zeros(2)

    @property
    def same_frame(self) -> bool:
        """Whether both show the same, at whatever sizes."""
        (width, height), (wide, high) = self._row.size, self._other.size
        scale = self._placement.scale
        return abs(scale[0] * width - wide) < 0.5 and abs(scale[1] * height - high) < 0.5

    def window(self) -> tuple[Bytes, Bytes] | None:
        """Return the same part of both files: all that both show, or WINDOW pixels where most is drawn."""
        affine = self._placement.map
        (width, height), (wide, high) = self._row.size, self._other.size
        left, right = _both(affine[0, 0], affine[0, 2], width, wide)
        top, bottom = _both(affine[1, 1], affine[1, 2], height, high)
        if right - left > WINDOW or bottom - top > WINDOW:
            left, top, right, bottom = self._busiest(left, top, right, bottom)
            # Whole pixels of the coarser file: the finer one has about whole pixels there, too.
            left, right = _whole(left, right, affine[0, 0], affine[0, 2])
            top, bottom = _whole(top, bottom, affine[1, 1], affine[1, 2])
        parts = self._parts((left, top, right, bottom))
        if parts is None or not (self._placement.scale == (1.0, 1.0) and affine[:, 2].any()):
            return parts
        # At one scale both have the same pixels: a shift by whole ones lays them on each other.
        self._nudge = _nudge(*parts)
        return self._parts((left, top, right, bottom))

    def _busiest(self, left: float, top: float, right: float, bottom: float) -> Box:
        lines = self._row.picture.lines
        by_x, by_y = lines.shape[1] / self._row.size[0], lines.shape[0] / self._row.size[1]
        size = (min(WINDOW, right - left), min(WINDOW, bottom - top))
        cells = (max(1, round(size[0] * by_x)), max(1, round(size[1] * by_y)))
        sums = cv2.boxFilter(
            lines, cv2.CV_32F, cells, anchor=(0, 0), normalize=False, borderType=cv2.BORDER_CONSTANT
        )
        x0, y0 = int(left * by_x), int(top * by_y)
        x1, y1 = max(x0 + 1, int(right * by_x) - cells[0]), max(y0 + 1, int(bottom * by_y) - cells[1])
        part = sums[y0:y1, x0:x1]
        y, x = np.unravel_index(int(part.argmax()), part.shape)
        x_file, y_file = left + float(x) / by_x, top + float(y) / by_y
        x_file, y_file = min(x_file, right - size[0]), min(y_file, bottom - size[1])
        return x_file, y_file, x_file + size[0], y_file + size[1]

    def _parts(self, box: Box) -> tuple[Bytes, Bytes] | None:
        """Return the part of both files in a box of pixels of the first; None where that cannot be had."""
        if abs(self._placement.rotation) > UPRIGHT:
            return None
        first, second = self._row.full(), self._other.full()
        if first is None or second is None:
            return None
        affine = self._placement.map
        own = _crop(first.pixels, box)
        seen = second.pixels[:, ::-1] if self._placement.mirrored else second.pixels
        shift = affine[:, 2] + self._nudge
        low = np.asarray(box[:2]) * (affine[0, 0], affine[1, 1]) + shift
        high = np.asarray(box[2:]) * (affine[0, 0], affine[1, 1]) + shift
        if self._placement.scale == (1.0, 1.0):
            # Neither part may be cut short: the other would lie beside it.
            box, low, high = _inside_both(box, low, high, seen.shape[1::-1])
            own = _crop(first.pixels, box)
        its = _crop(seen, (*low, *high))
        if min(*own.shape[:2], *its.shape[:2]) < 8:
            return None
        if abs(own.shape[0] - its.shape[0]) <= 1 and abs(own.shape[1] - its.shape[1]) <= 1:
            high, wide = min(own.shape[0], its.shape[0]), min(own.shape[1], its.shape[1])
            own, its = own[:high, :wide], its[:high, :wide]
        return np.ascontiguousarray(own), np.ascontiguousarray(its)

    def cutouts(self, box: Box) -> tuple[Bytes, Bytes] | None:
        """Return both files inside a box of pixels of the first, at the size that the smaller one has there."""
        parts = self._parts(box)
        if parts is None:
            return None
        own, its = parts
        # Both at the size of the smaller one.
        width, height = min(own.shape[1], its.shape[1]), min(own.shape[0], its.shape[0])
        scale = min(1.0, CUTOUT / max(width, height))
        size = (max(8, round(width * scale)), max(8, round(height * scale)))
        resized = []
        for image in (own, its):
            way = cv2.INTER_AREA if image.shape[1] > size[0] else cv2.INTER_LINEAR
            same = image.shape[1::-1] == size
            resized.append(
                image if same else np.asarray(cv2.resize(image, size, interpolation=way), np.uint8)
            )
        return resized[0], resized[1]


def _whole(low: float, high: float, scale: float, shift: float) -> tuple[float, float]:
    """Move two ends to whole pixels of the coarser of two files."""
    if scale >= 1:
        return float(round(low)), float(round(high))
    return (round(low * scale + shift) - shift) / scale, (round(high * scale + shift) - shift) / scale


def _inside_both(
    box: Box, low: Floats64, high: Floats64, size: tuple[int, ...]
) -> tuple[Box, Floats64, Floats64]:
    """Cut a box, and what it is mapped to at one scale, to what is inside the second file."""
    start = np.round(np.maximum(low, 0) - low)
    stop = np.round(np.minimum(high, size) - high)
    left, top = np.round(box[:2]) + start
    right, bottom = np.round(box[2:]) + stop
    whole = np.round(low - np.asarray(box[:2])) + np.asarray([left, top])
    return (left, top, right, bottom), whole, whole + np.asarray([right - left, bottom - top])


def _nudge(own: Bytes, its: Bytes) -> Floats64:
    """Return by how many whole pixels the second part has to be read further on to lie on the first, up to NUDGE."""
    first, second = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (own, its))
    height, width = min(first.shape[0], second.shape[0]), min(first.shape[1], second.shape[1])
    side = min(192, height - 2 * NUDGE, width - 2 * NUDGE)
    if side < 24:
        return np.zeros(2)
    steps = cv2.absdiff(first[1:height, 1:width], first[: height - 1, : width - 1])
    sums = cv2.boxFilter(steps, cv2.CV_32F, (side, side), anchor=(0, 0), borderType=cv2.BORDER_CONSTANT)
    inner = sums[NUDGE : height - NUDGE - side + 1, NUDGE : width - NUDGE - side + 1]
    if not inner.size:
        return np.zeros(2)
    y, x = (int(v) + NUDGE for v in np.unravel_index(int(inner.argmax()), inner.shape))
    patch = first[y : y + side, x : x + side]
    around = second[y - NUDGE : y + side + NUDGE, x - NUDGE : x + side + NUDGE]
    if around.shape[0] < side or around.shape[1] < side:
        return np.zeros(2)
    found = cv2.matchTemplate(around, patch, cv2.TM_CCOEFF_NORMED)
    _, most, _, place = cv2.minMaxLoc(found)
    return np.asarray(place, dtype=np.float64) - NUDGE if most > 0.5 else np.zeros(2)


def _both(scale: float, shift: float, own: int, other: int) -> tuple[float, float]:
    low, high = sorted((-shift / scale, (other - shift) / scale))
    return max(0.0, low), min(float(own), high)


def _crop(image: Bytes, box: Box) -> Bytes:
    left, top, right, bottom = (round(value) for value in box)
    return image[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
