"""What kind of copy a picture is of another, by their pixels: the same artwork, a variant of it, or neither.

Aligned by their lines, two pictures are the same artwork when one change of tone explains all that is left between
them: no area of another colour, no detail that only one has. A bar laid over the rim and another plain ground are
allowed. Where the lines agree and the colours or details do not, the picture is a variant.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from dedupe.compare.align import Alignment, align, box_map, frame, moved, refine
from dedupe.compare.image import SIDE, Mask, Picture, largest
from dedupe.compare.overlap import CLEAR, Overlap, overlay_pair, sample
from dedupe.compare.overlays import Bar, find_bar, find_writing
from dedupe.compare.tone import NONE, Tone, fit_tones, luma

SAME = "same artwork"
VARIANT = "variant"
DIFFERENT = "different"
# Names of tones (dedupe/compare/tone.py), in the order of their numbers in memory.
TONES = ("none", "brightness", "gamma", "offset", "contrast", "saturation", "grey")

# Where this share of the content differs, neither a bar nor a better map makes two pictures the same.
FAR = 0.4
# Maps that move no corner further apart than this, in pixels of SIDE, are the same map.
NEAR = 0.4

# Half the side of the neighbourhood within which a detail may lie elsewhere, in pixels.
PLAY = 2
# Colours this far apart matter only where the area is large.
SLIGHT = 0.045
# A detail that one picture lacks stands out this much from its neighbourhood in the other.
DETAIL = 0.12
# A mouth of a few pixels is small and faint; between two clean copies nothing else stands out like it.
OUTLIER = 0.08


@dataclass(frozen=True, slots=True)
class Limits:
    """Thresholds of the verdict: agreement and share of lines for one drawing, agreement at the least for the same
    artwork, shares of the content's area, pixels of SIDE for ``detail``, and how far the strongest detail may stand
    out."""

    drawing: float = 0.90
    shared: float = 0.90
    sketchy: float = 0.70
    area: float = 0.02
    tint: float = 0.25
    detail: float = 40
    outlier: float = 7.0
    toned_area: float = 0.006
    toned_tint: float = 0.12

    @property
    def firm(self) -> float:
        """Agreement of lines, half the way from the threshold to full, at which versions are never parted again."""
        return (1 + self.drawing) / 2


@dataclass(frozen=True, slots=True)
class Difference:
    """What is left between two aligned pictures under one tone.

    ``agreement`` of lines and the share of them that both have (``shared``); ``area``, ``tint`` shares of the
    content where colours differ clearly and at all; ``detail`` the largest patch of lines that only one has, in
    pixels of SIDE; ``peak`` how strong it is and ``usual`` how strong such things are elsewhere (JPEG); ``overlay`` 1
    or 2 when a bar lies on the reference or on the other; ``ground`` when their plain grounds differ; ``seen`` the
    share of the reference that both show.
    """

    agreement: float
    mirrored: bool = False
    tone: str = "none"
    area: float = 1.0
    tint: float = 1.0
    detail: float = 0.0
    peak: float = 0.0
    usual: float = 0.0
    overlay: int = 0
    ground: bool = False
    seen: float = 0.0
    shared: float = 0.0

    def rounded(self) -> Difference:
        """Return the measures as they will be read back: a resumed run judges as the first one did."""
        values: dict[str, Any] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            values[each.name] = float(np.float32(value)) if isinstance(value, float) else value
        return Difference(**values)


def judge(difference: Difference, limits: Limits) -> str:
    """Return the kind of copy that these measures speak for."""
    if passes(difference, limits):
        return SAME
    return VARIANT if bool(_one_drawing(difference, limits)) else DIFFERENT


def judge_all(measures: npt.NDArray[np.void], limits: Limits) -> npt.NDArray[np.str_]:
    """Return the kind of copy of each record of measures (dedupe/verify/pair_cache.py)."""
    records = measures.view(np.recarray)
    same = _passes(records, records.tone != TONES.index("none"), limits)
    found: npt.NDArray[np.str_] = np.where(
        same, SAME, np.where(_one_drawing(records, limits), VARIANT, DIFFERENT)
    )
    return found


def passes(difference: Difference, limits: Limits) -> bool:
    """Tell whether two pictures are the same artwork under the measured tone."""
    return bool(_passes(difference, difference.tone != "none", limits))


def _passes(found: Any, toned: Any, limits: Limits) -> Any:
    """As ``passes``, of one Difference or of arrays of its fields."""
    least = np.where(toned, limits.drawing, limits.sketchy)
    return (
        (found.agreement >= least)
        & (found.area <= np.where(toned, limits.toned_area, limits.area))
        & (found.tint <= np.where(toned, limits.toned_tint, limits.tint))
        & (found.detail <= limits.detail)
        & (found.ground | (found.peak <= np.maximum(OUTLIER, limits.outlier * np.maximum(found.usual, 0.01))))
    )


def _one_drawing(found: Any, limits: Limits) -> Any:
    return (found.agreement >= limits.drawing) & (found.shared >= limits.shared)


def compare(reference: Picture, other: Picture, limits: Limits | None = None) -> Difference:
    """Return the smallest difference that an alignment and one change of tone leave between two pictures."""
    limits = limits or Limits()
    if reference.flat or other.flat:
        return Difference(0.0)
    found = align(reference, other)
    if found.agreement < limits.sketchy - 0.1:
        return Difference(found.agreement, found.mirrored)
    best = _difference(reference, other, found, limits)
    if passes(best, limits):
        return best
    # Nothing but another map is left to try, and none mends as much as this.
    if best.area > FAR:
        return best
    # A bar over the rim tilts the refined map; frame on frame is exact when nothing else was moved.
    others = [box_map(frame(reference), frame(other))]
    if moved(reference, found.map, others[0]) < NEAR:
        others.clear()
    if best.area < 0.15 and found.agreement > 0.9:
        mirrored = other.mirrored() if found.mirrored else other
        finer = refine(reference, mirrored, found.map, found.mirrored, SIDE).map
        if moved(reference, found.map, finer) >= NEAR:
            others.append(finer)
    for affine in others:
        again = _difference(reference, other, replace(found, map=affine), limits)
        if passes(again, limits):
            return again
        best = min(best, again, key=lambda d: d.area)
    return best


def _difference(reference: Picture, other: Picture, alignment: Alignment, limits: Limits) -> Difference:
    overlap = overlay_pair(reference, other, alignment)
    if overlap is None:
        return Difference(alignment.agreement, alignment.mirrored)
    found, changed = _plain(overlap, alignment, 0)
    if passes(found, limits):
        return found
    # A bar covers a fifth of what is seen at most; more change than that it does not explain.
    bar = (find_bar(overlap, changed) or find_writing(overlap, changed)) if found.area < FAR else None
    if bar is not None:
        alignment = _align_without(reference, other, alignment, bar, overlap.pixel)
        covered = overlay_pair(reference, other, alignment)
        if covered is not None:
            overlap = covered
            overlap.cover(bar.box)
            found, _ = _plain(overlap, alignment, bar.side)
            if passes(found, limits):
                return found
    if alignment.agreement < limits.drawing:
        return found
    a, b = sample(overlap)
    for tone in fit_tones(a, b)[:2]:
        # Under a tone the ground has to follow as well.
        again, _ = measure(overlap, tone, overlap.valid, replace(found, ground=False))
        if passes(again, limits):
            return again
    return found


def _plain(overlap: Overlap, alignment: Alignment, bar: int) -> tuple[Difference, Mask]:
    seen = float(overlap.valid.mean())
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
    corners = np.asarray([[left, top, 1], [right, bottom, 1]], dtype=np.float32) @ alignment.map.T
    return refine(
        blanked(reference, (left, top, right, bottom)),
        blanked(source, (*corners.min(axis=0), *corners.max(axis=0))),
        alignment.map,
        alignment.mirrored,
    )


def blanked(picture: Picture, box: tuple[float, float, float, float]) -> Picture:
    """Return a picture without the lines inside a box."""
    lines = picture.lines.copy()
    left, top, right, bottom = (round(v) for v in box)
    lines[max(0, top - 3) : max(0, bottom + 3), max(0, left - 3) : max(0, right + 3)] = 0
    return replace(picture, lines=lines, _small={}, _mirror=None)


def measure(overlap: Overlap, tone: Tone, content: Mask, base: Difference) -> tuple[Difference, Mask]:
    """Return what a tone leaves, and where."""
    a, b = (overlap.b, overlap.a) if tone.backwards else (overlap.a, overlap.b)
    if tone is not NONE:
        a = np.ascontiguousarray(tone.apply(a), dtype=np.float32)
    if tone.grey:
        b = luma(b).repeat(3, axis=2)
    size = max(int(content.sum()), int(0.05 * overlap.valid.sum()), 1)
    # Signed differences averaged over flat places: noise and shifted edges cancel, another colour does not.
    half = (max(1, a.shape[1] // 2), max(1, a.shape[0] // 2))
    apart = cv2.resize((b - a) * overlap.flat[..., None], half, interpolation=cv2.INTER_AREA)
    weight = cv2.resize(overlap.flat, half, interpolation=cv2.INTER_AREA)
    apart, weight = cv2.GaussianBlur(apart, (0, 0), 1.0), cv2.GaussianBlur(weight, (0, 0), 1.0)
    colour = largest(np.abs(apart)) / (weight + 0.05)
    coloured = cv2.resize(colour, (a.shape[1], a.shape[0]), interpolation=cv2.INTER_LINEAR) * content
    # Details: what lies outside the range of the other's neighbourhood, either way.
    kernel = np.ones((2 * PLAY + 1, 2 * PLAY + 1), dtype=np.uint8)
    beyond = np.maximum(b - cv2.dilate(a, kernel), cv2.erode(a, kernel) - b)
    missing = np.maximum(a - cv2.dilate(b, kernel), cv2.erode(b, kernel) - a)
    # Padding bleeds into the outermost pixels of what it frames.
    mask = np.pad(overlap.valid.astype(np.uint8), 4)
    inner = cv2.erode(mask, kernel, iterations=2)[4:-4, 4:-4].astype(bool) & content
    detail = cv2.blur(largest(np.maximum(np.maximum(beyond, missing), 0)), (3, 3)) * inner
    usual = float(np.quantile(detail[inner], 0.99)) if inner.any() else 0.0
    strong = detail > max(DETAIL, 2.0 * usual)
    patch = 0
    if strong.any():
        _, _, stats, _ = cv2.connectedComponentsWithStats(strong.astype(np.uint8))
        patch = int(stats[1:, cv2.CC_STAT_AREA].max())
    found = replace(
        base,
        tone=tone.name,
        area=float((coloured > CLEAR).sum() / size),
        tint=float((coloured > SLIGHT).sum() / size),
        detail=patch * overlap.pixel,
        peak=float(detail.max()),
        usual=usual,
    )
    return found, (coloured > CLEAR) | (detail > DETAIL)
