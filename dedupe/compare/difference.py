"""What is left between two pictures when they are aligned: measured as far as it can change the verdict.

Aligned by their lines, two pictures are the same artwork when one change of tone explains all that is left between
them: no area of another colour, no detail that only one has. A bar laid over the rim and another plain ground are
allowed. Where the lines agree and the colours or details do not, the picture is a variant.

Most pairs of a collection of versions differ in a large area: a look at some hundred cells (cells.py) says so, and of
these pairs only the lines are measured. What was not measured is NaN.
"""

from __future__ import annotations

from dataclasses import replace
from math import nan

import cv2
import numpy as np

from dedupe.compare.align import Affine, Alignment, align, box_map, frame, moved, refine, shared_box
from dedupe.compare.cells import Cells
from dedupe.compare.hidden import find_hidden
from dedupe.compare.image import SIDE, Mask, Picture, Pixels, largest, one_shape
from dedupe.compare.overlap import CLEAR, Overlap, compare_lines, overlay_pair, sample
from dedupe.compare.overlays import Bar, find_bar, find_writing
from dedupe.compare.tone import NONE, Tone, fit_tones, luma
from dedupe.compare.verdict import (
    CELL_SLACK,
    OUTLIER,
    TONED_CELL_SLACK,
    Difference,
    Limits,
    may_be_copy,
    may_be_same,
    passes,
)
from schema.settings import DedupeSettings

# Where this share of the content differs, neither a bar nor a better map makes two pictures the same.
FAR = 0.4
# Where this share of the content differs, a finer map does not.
NEARLY = 0.15
# Maps that move no corner further apart than this, in pixels of SIDE, are the same map.
NEAR = 0.4

# Where less of the frame than this is shown by both, what agrees lies elsewhere.
ELSEWHERE = 0.6
# Half the side of the neighbourhood within which a detail may lie elsewhere, in pixels.
PLAY = 2
# Colours this far apart matter only where the area is large.
SLIGHT = 0.045
# A detail that one picture lacks stands out this much from its neighbourhood in the other.
DETAIL = 0.12
# Tones that are measured at the most: the best by the sampled colours.
TONES_TRIED = 2
# What a whole channel is in whole numbers.
WHOLE = 65535.0
# Bins of a histogram of details.
BINS = 1024


def compare(reference: Picture, other: Picture, limits: Limits | None = None) -> Difference:
    """Return the smallest difference that an alignment and one change of tone leave between two pictures.

    What cannot change the verdict under ``limits`` is not measured: see Difference.
    """
    limits = limits or Limits.of(DedupeSettings())
    if reference.flat or other.flat:
        return Difference(0.0)
    found = align(reference, other)
    if found.agreement < limits.lowest:
        return replace(UNMEASURED, agreement=found.agreement, mirrored=found.mirrored)
    if _moved_shape(reference, other, found):
        return replace(UNMEASURED, mirrored=found.mirrored)
    cells = Cells(reference, other, found)
    glance = _glance(cells, found, limits)
    if not may_be_same(glance, limits):
        if found.agreement < limits.drawing:
            return glance
        shared, seen = compare_lines(reference, other, found)
        return replace(glance, shared=shared, seen=seen)
    best = _difference(reference, other, found, cells, limits)
    # Nothing but another map is left to try, and none mends as much as this.
    if passes(best, limits) or best.area > FAR:
        return best
    for affine in _other_maps(reference, other, found, best, limits):
        changed = replace(found, map=affine)
        cells = Cells(reference, other, changed)
        # What a bar covers is counted as well, and the map is not exact.
        if cells.outside_mark > limits.area + 2 * CELL_SLACK and not may_be_same(
            _glance(cells, changed, limits), limits
        ):
            continue
        again = _difference(reference, other, changed, cells, limits)
        if passes(again, limits):
            return again
        best = min(best, again, key=lambda d: d.area)
    return best


def _moved_shape(reference: Picture, other: Picture, alignment: Alignment) -> bool:
    """Tell whether all that agrees is a shape of one colour that lies elsewhere: a dot in the middle and one in the
    corner are two pictures."""
    box = shared_box(reference, other, alignment.map)
    width, height = reference.size
    if box is None or (box[2] - box[0]) * (box[3] - box[1]) > ELSEWHERE * width * height:
        return False
    return one_shape(reference) or one_shape(other)


UNMEASURED = Difference(0.0, area=nan, tint=nan, detail=nan, peak=nan, usual=nan, seen=nan, shared=nan)


def _glance(cells: Cells, alignment: Alignment, limits: Limits) -> Difference:
    """What the cells say: ``area`` and ``tint`` are shares of them, without a tone and under the best one."""
    found = replace(
        UNMEASURED,
        agreement=alignment.agreement,
        mirrored=alignment.mirrored,
        area=min(cells.plain, cells.outside_mark),
        seen=cells.seen,
    )
    # Under a tone, the lines have to agree as those of one drawing do.
    if may_be_copy(found, limits) or alignment.agreement < limits.drawing:
        return found
    return replace(found, tint=min(cells.toned.values()))


def _other_maps(
    reference: Picture, other: Picture, alignment: Alignment, best: Difference, limits: Limits
) -> list[Affine]:
    """Maps that may leave less than the one that maximises the agreement of lines."""
    # A bar over the rim tilts the refined map; frame on frame is exact when nothing else was moved.
    found = [box_map(frame(reference), frame(other))]
    if moved(reference, alignment.map, found[0]) < NEAR:
        found.clear()
    if best.area < NEARLY and alignment.agreement > limits.drawing:
        source = other.mirrored() if alignment.mirrored else other
        finer = refine(reference, source, alignment.map, alignment.mirrored, SIDE).map
        if moved(reference, alignment.map, finer) >= NEAR:
            found.append(finer)
    return found


def _difference(
    reference: Picture, other: Picture, alignment: Alignment, cells: Cells, limits: Limits
) -> Difference:
    overlap = overlay_pair(reference, other, alignment)
    if overlap is None:
        return Difference(alignment.agreement, alignment.mirrored)
    found, changed = _plain(overlap, alignment, 0)
    if passes(found, limits):
        return found
    # A bar covers a fifth of what is seen at most; more change than that it does not explain.
    marked = found.area < FAR and cells.outside_mark <= limits.area + 2 * CELL_SLACK
    bare, plain = overlap, found
    for find in (find_bar, find_writing, find_hidden) if marked else ():
        bar = find(bare, changed)
        if bar is None:
            continue
        without = _align_without(reference, other, alignment, bar, bare.pixel)
        covered = overlay_pair(reference, other, without)
        if covered is None:
            continue
        covered.cover(bar.box)
        again, _ = _plain(covered, without, bar.side)
        if passes(again, limits):
            return again
        # Outside a bar or writing there may be a tone as well.
        if found is plain and find is not find_hidden:
            overlap, found, alignment = covered, again, without
    # Where hardly more differs than may under a tone, what differs is no tone.
    if alignment.agreement < limits.drawing or found.tint <= limits.toned_tint:
        return found
    most = limits.toned_area + TONED_CELL_SLACK
    # Where a tone clips, it is told from one side alone.
    kinds = {kind for (kind, _), share in cells.toned.items() if share <= most}
    for tone in fit_tones(*sample(overlap), kinds)[:TONES_TRIED]:
        # Under a tone the ground has to follow as well.
        again, _ = measure(overlap, tone, overlap.valid, replace(found, ground=False))
        if passes(again, limits):
            return again
    return found


def _plain(overlap: Overlap, alignment: Alignment, bar: int) -> tuple[Difference, Mask]:
    seen = float(np.count_nonzero(overlap.valid)) / overlap.valid.size
    base = Difference(
        alignment.agreement,
        alignment.mirrored,
        overlay=bar,
        ground=overlap.regrounded,
        seen=seen,
        shared=overlap.shared,
    )
    return measure(overlap, NONE, overlap.content, base)


def _align_without(
    reference: Picture, other: Picture, alignment: Alignment, bar: Bar, pixel: float
) -> Alignment:
    """Return the alignment refined on the lines outside a bar."""
    source = other.mirrored() if alignment.mirrored else other
    grow = np.sqrt(pixel)
    left, top, right, bottom = (float(v) * grow for v in bar.box)
    box = (left, top, right, bottom)
    return refine(reference, source, alignment.map, alignment.mirrored, covered=box)


def measure(overlap: Overlap, tone: Tone, content: Mask, base: Difference) -> tuple[Difference, Mask]:
    """Return what a tone leaves, and where."""
    a, b = (overlap.b, overlap.a) if tone.backwards else (overlap.a, overlap.b)
    if tone is not NONE:
        a = np.ascontiguousarray(tone.apply(a), dtype=np.float32)
    if tone.grey:
        b = luma(b).repeat(3, axis=2)
    size = max(int(np.count_nonzero(content)), int(0.05 * np.count_nonzero(overlap.valid)), 1)
    coloured = _recoloured(a, b, overlap.flat) * content
    detail, usual = _details(a, b, overlap.valid, content)
    peak = float(detail.max())
    strong = detail > max(DETAIL, 2.0 * usual)
    patch = 0
    if peak > DETAIL and strong.any():
        _, _, stats, _ = cv2.connectedComponentsWithStats(strong.view(np.uint8))
        patch = int(stats[1:, cv2.CC_STAT_AREA].max())
    clear = coloured > CLEAR
    found = replace(
        base,
        tone=tone.name,
        area=float(np.count_nonzero(clear) / size),
        tint=float(np.count_nonzero(coloured > SLIGHT) / size),
        detail=patch * overlap.pixel,
        peak=peak,
        usual=usual,
    )
    return found, clear | (detail > DETAIL)


def _recoloured(a: Pixels, b: Pixels, flat: Pixels) -> Pixels:
    """How far colours are apart in flat places, [h, w], in the channel where it is most.

    Signed differences are averaged: noise and shifted edges cancel, another colour does not.
    """
    height, width = flat.shape
    half = (max(1, width // 2), max(1, height // 2))
    apart = cv2.multiply(cv2.subtract(b, a), cv2.cvtColor(flat, cv2.COLOR_GRAY2RGB))
    apart = cv2.resize(apart, half, interpolation=cv2.INTER_AREA)
    weight = cv2.resize(flat, half, interpolation=cv2.INTER_AREA)
    apart, weight = cv2.GaussianBlur(apart, (0, 0), 1.0), cv2.GaussianBlur(weight, (0, 0), 1.0)
    colour = largest(np.abs(apart, out=apart))
    colour /= weight + np.float32(0.05)
    return np.asarray(cv2.resize(colour, (width, height), interpolation=cv2.INTER_LINEAR))


def _details(a: Pixels, b: Pixels, valid: Mask, content: Mask) -> tuple[Pixels, float]:
    """How far one picture lies outside the range of the other's neighbourhood, either way, [h, w], and what 99 % of the
    content stay below, 0 where nothing stands out."""
    kernel = np.ones((2 * PLAY + 1, 2 * PLAY + 1), dtype=np.uint8)
    # Whole numbers stop at 0 by themselves, and half as many bytes are moved.
    own, its = (cv2.multiply(each, WHOLE, dtype=cv2.CV_16U) for each in (a, b))
    most = cv2.subtract(its, cv2.dilate(own, kernel))
    most = cv2.max(most, cv2.subtract(cv2.erode(own, kernel), its))
    most = cv2.max(most, cv2.subtract(own, cv2.dilate(its, kernel)))
    most = cv2.max(most, cv2.subtract(cv2.erode(its, kernel), own))
    red, green, blue = cv2.split(most)
    beyond = cv2.max(cv2.max(red, green), blue).astype(np.float32)
    # Padding bleeds into the outermost pixels of what it frames.
    inner = cv2.erode(
        valid.view(np.uint8), kernel, iterations=2, borderType=cv2.BORDER_CONSTANT, borderValue=0
    )
    inner &= content.view(np.uint8)
    detail: Pixels = cv2.blur(beyond, (3, 3))
    detail *= inner * np.float32(1 / WHOLE)
    # What does not stand out is nobody's outlier.
    if float(detail.max()) <= OUTLIER:
        return detail, 0.0
    counts = cv2.calcHist([detail], [0], inner, [BINS], [0.0, 1.0]).ravel().cumsum()
    return detail, (int(np.searchsorted(counts, 0.99 * counts[-1])) + 0.5) / BINS
