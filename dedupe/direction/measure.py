"""Measuring a confirmed pair of copies: thumbnails say most of it, the files themselves are read for what they cannot
say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np

from dedupe.compare.image import Picture
from dedupe.direction.additions import NONE, Region, find_regions, side_of
from dedupe.direction.beyond import beyond
from dedupe.direction.colour import (
    OTHER_GROUND,
    Colouring,
    Grounds,
    at_ends,
    clipped,
    colouring,
    grounds,
    lightness,
)
from dedupe.direction.compression import coarseness, count_colours, explained, grid, ripples
from dedupe.direction.detail import compare_detail
from dedupe.direction.frame import Frame, common_frame
from dedupe.direction.placement import UPRIGHT, Placement, place
from dedupe.direction.record import Direction
from dedupe.direction.tones import MOVED, Tone, away_from, equalised
from schema.arrays import Bools, Bytes, Floats32, Floats64

# Long side of the window that is looked at in the pixels of the files, and of the cut-outs around an addition.
WINDOW = 448
CUTOUT = 320
# A placement of thumbnails is right to this many pixels of the files.
NUDGE = 4
# A change of tone moves what it clips by no more than this.
CLIPPED_BY = 0.25
# A copy is grey where the other is not: a third of the other's chroma at most, which itself is not faint.
GREYED, COLOURED = 0.35, 0.08


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


def measure_direction(row: Subject, other: Subject) -> Direction:
    """Return what tells which of two copies was made from the other."""
    placement = place(row.picture, other.picture, (row.size, other.size))
    turned = other.picture.mirrored() if placement.mirrored else other.picture
    values: dict[str, Any] = {
        "mirrored": placement.mirrored,
        "rotation": placement.rotation,
        "scale_x": placement.scale[0],
        "scale_y": placement.scale[1],
        "fit": placement.fit,
    }
    box = _box(other.size, placement.inverse(), row.size)
    values |= dict(zip(("left", "top", "right", "bottom"), box, strict=True))
    its_frame = _in_picture(_corners(other.size), placement.inverse(), row)
    own_frame = _in_picture(_corners(row.size), placement.map, other)
    for name, found in (("row", beyond(row.picture, its_frame)), ("other", beyond(turned, own_frame))):
        values |= {f"more_{name}": found.more, f"border_{name}": found.border, f"edge_{name}": found.edge}
    own, its = row.pixels(), other.pixels()
    sharp = (
        replace(row.picture, rgb=own),
        replace(turned, rgb=np.ascontiguousarray(its[:, ::-1]) if placement.mirrored else its),
    )
    pair = _Pair(row, other, placement, common_frame(sharp, (row.size, other.size), placement))
    values |= pair.colours()
    values |= pair.fidelity()
    values |= pair.additions()
    values |= pair.colouring()
    return Direction(**values)


def _corners(size: tuple[int, int]) -> Floats64:
    return np.asarray([[0, 0], [size[0], 0], [size[0], size[1]], [0, size[1]]], dtype=np.float64)


def _box(
    size: tuple[int, int], affine: Floats64, frame: tuple[int, int]
) -> tuple[float, float, float, float]:
    """The box around a file's frame under a map, in shares of another frame."""
    corners = _corners(size) @ affine[:, :2].T + affine[:, 2]
    low, high = corners.min(axis=0) / frame, corners.max(axis=0) / frame
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _in_picture(corners: Floats64, affine: Floats64, subject: Subject) -> Floats64:
    """Corners mapped to the file of a subject, in pixels of its picture at working size."""
    moved = corners @ affine[:, :2].T + affine[:, 2]
    found: Floats64 = moved * np.asarray(subject.picture.size) / np.asarray(subject.size)
    return found


class _Pair:
    """Two placed copies under way: what is measured first decides what is worth measuring next."""

    def __init__(self, row: Subject, other: Subject, placement: Placement, frame: Frame) -> None:
        self._row, self._other, self._placement, self._frame = row, other, placement, frame
        self._grey = False
        self._valid: Bools = frame.shared
        self._added: list[Region] = []
        self._equal: tuple[Floats32, Floats32] | None = None
        self._tone: Tone | None = None
        self._octaves = 0.0
        self._regrounded = False
        self._nudge = np.zeros(2)
        self._colourings: list[Colouring] = []

    def colours(self) -> dict[str, Any]:
        """Return changes of ground, tone and range."""
        frame = self._frame
        values: dict[str, Any] = {}
        found = grounds(frame.first, frame.second, frame.ground)
        if found is not None:
            drawing = frame.shared & away_from(frame.ground[0] | frame.ground[1])
            if int(drawing.sum()) > 300:
                self._valid = drawing
        if int(self._valid.sum()) < 200:
            return values
        found_colours = [colouring(image, self._valid) for image in (frame.first, frame.second)]
        low, high = sorted(each.chroma for each in found_colours)
        self._grey = found_colours[0].one_tint != found_colours[1].one_tint or (
            high > COLOURED and low < GREYED * high
        )
        self._colourings = found_colours
        own, its, tone = equalised(frame.first, frame.second, self._valid, self._grey)
        self._equal, self._tone = (own, its), tone
        if found is not None and not self._follows(found, tone):
            self._regrounded = True
            for at, name in enumerate(("row", "other")):
                values |= {
                    f"ground_{name}": found.lightness[at],
                    f"ground_chroma_{name}": found.chroma[at],
                    f"halo_{name}": found.halo[at],
                }
        values["tone"] = tone.moved
        if tone.moved > MOVED and not self._grey:
            # Something of one colour laid over either would look like a clipped area.
            near = np.abs(own - its).max(axis=2) < CLIPPED_BY
            lost = clipped(frame.first, frame.second, self._valid & near)
            values |= {"clipped_row": lost[0], "clipped_other": lost[1]}
            # What a change of tone drove to an end of the scale is nowhere to be found in the other.
            gone = near & at_ends(frame.first, frame.second)
            self._equal = (np.where(gone[..., None], its, own), its)
        return values

    def _follows(self, found: Grounds, tone: Tone) -> bool:
        """Tell whether the change of tone that the drawing went through takes one ground to the other."""
        own, its = (np.asarray(colour, np.float32)[None, None] for colour in found.colours)
        if self._grey:
            own, its = (lightness(colour)[..., None] for colour in (own, its))
        return float(np.abs(tone.apply(own) - its).max()) < 1.5 * OTHER_GROUND

    def fidelity(self) -> dict[str, Any]:
        """Return detail, noise and traces of compression, from the files."""
        windows = self._windows()
        if windows is None:
            return {}
        own, its = windows
        first, second = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (own, its))
        detail = compare_detail(first, second)
        self._octaves = max((abs(v) for v in (detail.across, detail.down) if np.isfinite(v)), default=0.0)
        values: dict[str, Any] = {
            "read": True,
            "detail_x": detail.across,
            "detail_y": detail.down,
            "noise_row": detail.noise[0],
            "noise_other": detail.noise[1],
            "grid_row": grid(first),
            "grid_other": grid(second),
        }
        for name, subject in (("row", self._row), ("other", self._other)):
            full = subject.full()
            if full is not None:
                values[f"coarse_{name}"] = coarseness(full.tables)
                values |= {
                    f"camera_{name}": full.camera,
                    f"editor_{name}": full.editor,
                    f"taken_{name}": full.taken,
                }
        if own.shape == its.shape:
            found = ripples(first, second)
            colours = count_colours(own, its)
            values |= {
                "ripples_row": found.first,
                "ripples_other": found.second,
                "colours_row": colours.first,
                "colours_other": colours.second,
                "colours_both": colours.both,
                "differ": colours.differ,
                "change": colours.change,
                "spread": colours.spread,
            }
        elif self._same_frame():
            values["explained"] = explained(first, second)
        return values

    def _same_frame(self) -> bool:
        (width, height), (wide, high) = self._row.size, self._other.size
        scale = self._placement.scale
        return abs(scale[0] * width - wide) < 0.5 and abs(scale[1] * height - high) < 0.5

    def additions(self) -> dict[str, Any]:
        """Return what was laid over either of the two."""
        # Where the ground was replaced, what is half transparent has changed as well.
        if self._equal is None or self._regrounded:
            return {}
        values: dict[str, Any] = {}
        height, width = self._valid.shape
        for region in find_regions(*self._equal, self._valid)[:8]:
            side, kind = self._side(region)
            if side:
                self._added.append(region)
            name = {1: "row", 2: "other"}.get(side, "")
            if not name or f"added_{name}" in values:
                continue
            left, top, right, bottom = region.box
            values |= {
                f"added_{name}": kind,
                f"added_area_{name}": region.area / (height * width),
                f"added_x_{name}": (left + right) / 2 / width,
                f"added_y_{name}": (top + bottom) / 2 / height,
            }
        return values

    def colouring(self) -> dict[str, Any]:
        """Return how coloured both are where nothing was laid over them."""
        if self._grey and self._added:
            valid = self._valid.copy()
            for region in self._added:
                left, top, right, bottom = region.box
                valid[max(0, top - 2) : bottom + 2, max(0, left - 2) : right + 2] = False
            if int(valid.sum()) > 200:
                self._colourings = [
                    colouring(image, valid) for image in (self._frame.first, self._frame.second)
                ]
        values: dict[str, Any] = {}
        for name, found in zip(("row", "other"), self._colourings, strict=False):
            values |= {
                f"chroma_{name}": found.chroma,
                f"most_chroma_{name}": found.most,
                f"one_tint_{name}": found.one_tint,
                f"paper_{name}": found.paper,
            }
        return values

    def _side(self, region: Region) -> tuple[int, int]:
        cut = self._cutout(region)
        return side_of(*cut) if cut else (0, NONE)

    def _cutout(self, region: Region) -> tuple[Floats32, Floats32, tuple[int, int, int, int]] | None:
        """Return both copies around a region, in the pixels of the files where they can be read, and its box in
        them."""
        assert self._equal is not None and self._tone is not None
        height, width = self._valid.shape
        left, top, right, bottom = region.box
        grow = max(6, (right - left) // 4, (bottom - top) // 4)
        around = (
            max(0, left - grow),
            max(0, top - grow),
            min(width, right + grow),
            min(height, bottom + grow),
        )
        box = (left - around[0], top - around[1], right - around[0], bottom - around[1])
        # Whatever is blurred as a whole is compared in the frame, where it was made equally sharp.
        sharp = None if self._octaves > 0.6 else self._from_files(around)
        if sharp is None:
            inner = (slice(around[1], around[3]), slice(around[0], around[2]))
            return self._equal[0][inner], self._equal[1][inner], box
        own, its = (np.asarray(image, np.float32) / np.float32(255) for image in sharp)
        if self._grey:
            own, its = (lightness(image)[..., None] for image in (own, its))
        by_x, by_y = own.shape[1] / (around[2] - around[0]), own.shape[0] / (around[3] - around[1])
        scaled = (
            int(box[0] * by_x),
            int(box[1] * by_y),
            int(np.ceil(box[2] * by_x)),
            int(np.ceil(box[3] * by_y)),
        )
        return self._tone.apply(own), its, scaled

    def _from_files(self, around: tuple[int, int, int, int]) -> tuple[Bytes, Bytes] | None:
        across, down = self._frame.scale
        parts = self._parts((around[0] * across, around[1] * down, around[2] * across, around[3] * down))
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

    def _windows(self) -> tuple[Bytes, Bytes] | None:
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

    def _busiest(
        self, left: float, top: float, right: float, bottom: float
    ) -> tuple[float, float, float, float]:
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

    def _parts(self, box: tuple[float, float, float, float]) -> tuple[Bytes, Bytes] | None:
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


def _whole(low: float, high: float, scale: float, shift: float) -> tuple[float, float]:
    """Move two ends to whole pixels of the coarser of two files."""
    if scale >= 1:
        return float(round(low)), float(round(high))
    return (round(low * scale + shift) - shift) / scale, (round(high * scale + shift) - shift) / scale


def _inside_both(
    box: tuple[float, float, float, float], low: Floats64, high: Floats64, size: tuple[int, ...]
) -> tuple[tuple[float, float, float, float], Floats64, Floats64]:
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


def _crop(image: Bytes, box: tuple[float, float, float, float]) -> Bytes:
    left, top, right, bottom = (round(value) for value in box)
    return image[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
