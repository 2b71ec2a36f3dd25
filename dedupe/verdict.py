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

from dedupe.align import Affine, Alignment, align, box_map, compose, frame, moved, refine, warp
from dedupe.picture import SIDE, Mask, Picture, Pixels, largest
from dedupe.tone import NONE, Tone, fit_tones, luma

SAME = "same artwork"
VARIANT = "variant"
DIFFERENT = "different"
# Names of tones (dedupe/tone.py), in the order of their numbers in memory.
TONES = ("none", "brightness", "gamma", "offset", "contrast", "saturation", "grey")

# Where this share of the content differs, neither a bar nor a better map makes two pictures the same.
FAR = 0.4
# Maps that move no corner further apart than this, in pixels of SIDE, are the same map.
NEAR = 0.4

# Half the side of the neighbourhood within which a detail may lie elsewhere, in pixels.
PLAY = 2
# Colours further apart than CLEAR are seen as another colour by anyone; SLIGHT ones only where the area is large.
CLEAR, SLIGHT = 0.09, 0.045
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
    """Return the kind of copy of each record of measures (dedupe/memory.py)."""
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


@dataclass(slots=True)
class Overlap:
    """Two pictures in one frame: ``a``, ``b`` [h, w, 3] equally sharp; ``valid`` where both are seen; ``content`` where
    colours count; ``regrounded`` when their plain grounds differ; ``flat`` weights away from lines; ``pixel`` how many
    pixels of SIDE one of these is."""

    a: Pixels
    b: Pixels
    valid: Mask
    content: Mask
    regrounded: bool
    flat: Pixels
    pixel: float
    shared: float

    def cover(self, box: tuple[int, int, int, int]) -> None:
        """Leave out a box and its rim."""
        left, top, right, bottom = box
        self.valid[max(0, top - 4) : bottom + 4, max(0, left - 4) : right + 4] = False
        self.content &= self.valid
        self.flat *= self.valid


def overlay_pair(reference: Picture, other: Picture, alignment: Alignment) -> Overlap | None:
    """Return both pictures in the frame of the reference, no larger than the smaller one deserves; None when they
    share less than a sixth of it."""
    native = SIDE / max(reference.scale, other.scale, 1e-6)
    scale = float(np.clip(1.5 * native / SIDE, 0.4, 1.0))
    size = (max(8, round(reference.size[0] * scale)), max(8, round(reference.size[1] * scale)))
    to_small = np.asarray(
        [[size[0] / reference.size[0], 0, 0], [0, size[1] / reference.size[1], 0]], dtype=np.float32
    )
    source = other.mirrored() if alignment.mirrored else other
    inner = compose(alignment.map, cv2.invertAffineTransform(to_small).astype(np.float32))
    seen = (warp(np.ones(source.lines.shape, dtype=np.float32), inner, size) > 0.99).astype(np.uint8)
    valid = cv2.erode(seen, np.ones((3, 3), dtype=np.uint8), borderValue=0).astype(bool)
    if float(valid.mean()) < 1 / 6:
        return None

    def own(image: npt.NDArray[np.float32]) -> Pixels:
        return image if scale == 1.0 else np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))

    def its(image: npt.NDArray[np.float32]) -> Pixels:
        return warp(softened(image, inner), inner, size)

    a, b = own(reference.rgb), its(source.rgb)
    ground = (
        (own(reference.ground.astype(np.float32)) > 0.5)
        & (its(source.ground.astype(np.float32)) > 0.5)
        & valid
    )
    content, regrounded = find_content(a, b, valid, ground)
    # Outlines against another ground are harder or softer than the drawing is sharp.
    a, b = equally_sharp(a, b, content if int(content.sum()) > 200 else valid)
    own_lines, its_lines = own(reference.lines), its(source.lines)
    flat = np.exp(-((np.maximum(own_lines, its_lines) / 0.5) ** 4)).astype(np.float32) * valid
    shared = share_of_lines(own_lines, its_lines, valid)
    return Overlap(a, b, valid, content, regrounded, flat, 1.0 / scale**2, shared)


def share_of_lines(a: Pixels, b: Pixels, valid: Mask) -> float:
    """Return which share of the clear lines of either picture has at least a faint line nearby in the other.

    The smaller of both ways: a recoloured drawing keeps nearly all lines, another character on the same template
    does not.
    """
    kernel = np.ones((3, 3), dtype=np.uint8)
    shares = []
    for own, its in ((a, b), (b, a)):
        clear = (own > 0.3) & valid
        if int(clear.sum()) < 20:
            return 0.0
        shares.append(float((cv2.dilate(its, kernel) > 0.15)[clear].mean()))
    return min(shares)


def softened(image: Pixels, affine: Affine) -> Pixels:
    """Return an image blurred for being scaled down by a map, so that sampling does not alias."""
    shrink = float(np.sqrt(abs(np.linalg.det(affine[:, :2].astype(np.float64)))))
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 0.5 * shrink)) if shrink > 1.2 else image


def equally_sharp(a: Pixels, b: Pixels, valid: Mask) -> tuple[Pixels, Pixels]:
    """Return both pictures with the sharper one blurred to the energy of the other's gradients."""

    def energy(grey: Pixels) -> float:
        soft = cv2.GaussianBlur(grey, (0, 0), 0.8)
        across, down = np.diff(soft, axis=1)[:-1], np.diff(soft, axis=0)[:, :-1]
        return float((across**2 + down**2)[inside].mean()) + 1e-9

    inside = valid[1:, 1:]
    grey_a, grey_b = a @ LUMA_ROW, b @ LUMA_ROW
    own, its = energy(grey_a), energy(grey_b)
    sharp, goal = (grey_a, its) if own > its else (grey_b, own)
    best, nearest = 0.0, abs(float(np.log(max(own, its) / goal)))
    for sigma in (0.7, 1.0, 1.5, 2.0, 2.8):
        if nearest < 0.05:
            break
        off = abs(float(np.log(energy(cv2.GaussianBlur(sharp, (0, 0), sigma)) / goal)))
        if off >= nearest:
            break
        best, nearest = sigma, off
    if not best:
        return a, b
    if own > its:
        return np.asarray(cv2.GaussianBlur(a, (0, 0), best)), b
    return a, np.asarray(cv2.GaussianBlur(b, (0, 0), best))


LUMA_ROW = np.asarray([0.299, 0.587, 0.114], dtype=np.float32)


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


def find_content(a: Pixels, b: Pixels, valid: Mask, ground: Mask) -> tuple[Mask, bool]:
    """Return where colours count: all but the common ground, and all pockets of it when the ground was replaced."""
    content = valid & ~ground
    if int(ground.sum()) < 50:
        return content, False
    # The ground is one colour: some hundred of its pixels say which.
    places = np.flatnonzero(ground)
    places = places[:: max(1, len(places) // 500)]
    own, its = (np.median(image.reshape(-1, 3)[places], axis=0) for image in (a, b))
    if float(np.abs(own - its).max()) < CLEAR:
        return content, False
    pockets = (largest(np.abs(a - own)) < 0.1) & (largest(np.abs(b - its)) < 0.1)
    rim = cv2.dilate((pockets | ground).astype(np.uint8), np.ones((7, 7), dtype=np.uint8)).astype(bool)
    return valid & ~rim, True


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
    for side, own, its in ((1, overlap.a, overlap.b), (2, overlap.b, overlap.a)):
        inside = np.clip(own[changed] * 7.999, 0, 7).astype(np.int64) @ np.asarray([64, 8, 1])
        colour = np.median(own[changed][inside == np.bincount(inside).argmax()], axis=0)
        near = (largest(np.abs(own - colour)) < 0.1) & overlap.valid
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
                and float((largest(np.abs(its[box] - colour)) < 0.1).mean()) < 0.7
            ):
                best, most = Bar((left, top, right, bottom), side), covers
    return best


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
    apart = largest(np.abs(overlap.a[box] - overlap.b[box])) > SLIGHT
    strokes = (apart[:, 1:] & ~apart[:, :-1]).sum(axis=1)
    if float((strokes >= STROKES).mean()) < 0.25:
        return None
    energy = [
        float(np.abs(np.diff(image[box] @ LUMA_ROW, axis=1)).mean()) for image in (overlap.a, overlap.b)
    ]
    if max(energy) < 1.5 * min(energy):
        return None
    return Bar((left, top, right, bottom), 1 if energy[0] > energy[1] else 2)


def _blob(closed: npt.NDArray[np.uint8], changed: Mask) -> tuple[int, int, int, int]:
    """The box of the patch that holds most of the change."""
    _, label, stats, _ = cv2.connectedComponentsWithStats(closed)
    largest = 1 + int(np.argmax(np.bincount(label[changed], minlength=len(stats))[1:]))
    left, top, wide, high = (int(v) for v in stats[largest, :4])
    return left, top, left + wide, top + high


def _strip(
    closed: npt.NDArray[np.uint8], rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]
) -> tuple[int, int, int, int]:
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


def sample(overlap: Overlap, count: int = 1200) -> tuple[Pixels, Pixels]:
    """Return colours of up to ``count`` flat places of both pictures, evenly spread."""
    places = np.flatnonzero((overlap.flat > 0.3).ravel())
    if len(places) < 200:
        places = np.flatnonzero(overlap.valid.ravel())
    step = max(1, len(places) // count)
    chosen = places[::step]
    return overlap.a.reshape(-1, 3)[chosen], overlap.b.reshape(-1, 3)[chosen]
