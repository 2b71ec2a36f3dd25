"""Measuring a confirmed pair of copies: thumbnails say most of it, the files themselves are read for what they cannot
say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from dedupe.compare.image import Picture, largest
from dedupe.direction.additions import NONE, Region, find_regions, hidden_part, side_of
from dedupe.direction.beyond import beyond
from dedupe.direction.colour import (
    OTHER_GROUND,
    Colouring,
    Grounds,
    at_ends,
    burnt,
    clipped,
    colouring,
    grounds,
    lightness,
)
from dedupe.direction.compression import coarseness, count_colours, explained, grid, ripples
from dedupe.direction.detail import compare_detail
from dedupe.direction.files import FilePair, Subject
from dedupe.direction.frame import Frame, common_frame
from dedupe.direction.placement import Placement, place
from dedupe.direction.record import Direction
from dedupe.direction.tones import MOVED, Tone, away_from, equalised
from schema.arrays import Bools, Floats32, Floats64

# A change of tone moves what it clips by no more than this.
CLIPPED_BY = 0.25
# A copy is grey where the other is not: a third of the other's chroma at most, which itself is not faint.
GREYED, COLOURED = 0.35, 0.08


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
        _with_pixels(row.picture, own),
        _with_pixels(turned, np.ascontiguousarray(its[:, ::-1]) if placement.mirrored else its),
    )
    pair = _Pair(row, other, placement, common_frame(sharp, (row.size, other.size), placement))
    values |= pair.colours()
    values |= pair.fidelity()
    values |= pair.additions()
    values |= pair.colouring()
    return Direction(**values)


def _with_pixels(picture: Picture, rgb: Floats32) -> Picture:
    """Return a picture with other pixels, float32 [h, w, 3] in 0..1; what was worked out of the old ones is dropped."""
    pixels = np.rint(rgb * 255).clip(0, 255).astype(np.uint8)
    return replace(picture, pixels=pixels, _mirror=None, _crops=None, _colours=None, _small={})


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
        self._row, self._other, self._frame = row, other, frame
        self._files = FilePair(row, other, placement)
        self._grey = False
        self._valid: Bools = frame.shared
        self._added: list[Region] = []
        self._equal: tuple[Floats32, Floats32] | None = None
        self._tone: Tone | None = None
        self._octaves = 0.0
        self._regrounded = False
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
        if found is not None and self._follows(found, tone):
            self._valid = frame.shared
            self._colourings = [colouring(image, self._valid) for image in (frame.first, frame.second)]
        elif found is not None:
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
            near = largest(np.abs(own - its)) < CLIPPED_BY
            lost = clipped(frame.first, frame.second, self._valid & near)
            values |= {"clipped_row": lost[0], "clipped_other": lost[1]}
            # What a change of tone drove to an end of the scale is nowhere to be found in the other.
            gone = (near & at_ends(frame.first, frame.second)) | burnt(own, its) | burnt(its, own)
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
        windows = self._files.window()
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
        elif self._files.same_frame:
            values["explained"] = explained(first, second)
        return values

    def additions(self) -> dict[str, Any]:
        """Return what was laid over either of the two."""
        # Where the ground was replaced, what is half transparent has changed as well.
        if self._equal is None or self._regrounded:
            return {}
        values: dict[str, Any] = {}
        height, width = self._valid.shape
        as_sharp = self._one_tone()
        for region in find_regions(*self._equal, self._valid, as_sharp)[:8]:
            side, kind = hidden_part(*as_sharp, self._valid, region.box)
            if not side:
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

    def _one_tone(self) -> tuple[Floats32, Floats32]:
        """Both pictures in the frame in one tone, as sharp as they are."""
        assert self._tone is not None
        own, its = self._frame.first, self._frame.second
        if self._grey:
            own, its = (lightness(image)[..., None] for image in (own, its))
        return self._tone.apply(own), its

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
        across, down = self._frame.scale
        in_file = (around[0] * across, around[1] * down, around[2] * across, around[3] * down)
        sharp = None if self._octaves > 0.6 else self._files.cutouts(in_file)
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
