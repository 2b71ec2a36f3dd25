"""Where one picture lies in another: scale, shift, stretch, small rotation or mirror, found by its lines.

Guesses come from whole frames, from content boxes, from centred crops and from keypoints; the best one is refined by
maximising the correlation of the line maps (correlation.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from dedupe.compare.correlation import correlate, maximise
from dedupe.compare.image import SHARES, Box, Picture, Pixels
from schema.arrays import Bytes, Floats32

Affine = Floats32

# Long sides at which a guess is refined: a far one at the small one first.
COARSE_SIDE = 48
REFINE = 96
# Crops whose lines agree less than this in every guess are not worth refining.
HOPELESS = 0.3
# Crops that agree more than this are not looked at in the mirror.
SURE = 0.97
# A guess that agrees by this much is within a pixel or so of the best map.
NEAR = 0.93
# Keypoints are asked between this and 0.8; below it they never found what the guesses had not.
UNSURE = 0.65
# A frame that lies this far inside another one, in pixels of SIDE, is no frame on frame.
FRAMED = 3.0
# What a covered box bleeds into, in pixels of the size at which maps are refined.
RIM = 3
# Keypoint agreement below this many points says nothing: five points fit many affine maps by chance.
INLIERS = 8
_CENTRED = range(2, 2 + len(SHARES))
# Crops of the reference and of the other (Picture.crop_boxes) that may show the same: frame and frame, content and
# content, one in the other, and centred crops of either.
CROP_PAIRS = np.asarray(
    [
        (0, 0),
        (1, 1),
        (0, 1),
        (1, 0),
        *((crop, 0) for crop in _CENTRED),
        *((0, crop) for crop in _CENTRED),
    ]
)


@dataclass(frozen=True, slots=True)
class Alignment:
    """``map`` float32 [2, 3] takes reference pixels to those of the (mirrored) other; ``agreement`` of lines, -1..1."""

    map: Affine
    mirrored: bool
    agreement: float


def box_map(own: Box, other: Box) -> Affine:
    """Return the map that takes box ``own`` onto box ``other``."""
    sx = (other[2] - other[0]) / max(own[2] - own[0], 1e-6)
    sy = (other[3] - other[1]) / max(own[3] - own[1], 1e-6)
    return np.asarray([[sx, 0, other[0] - sx * own[0]], [0, sy, other[1] - sy * own[1]]], dtype=np.float32)


def frame(picture: Picture) -> Box:
    """Return the whole picture as a box."""
    width, height = picture.size
    return (0.0, 0.0, float(width), float(height))


def warp(image: Pixels, affine: Affine, size: tuple[int, int]) -> Pixels:
    """Return ``image`` sampled at the mapped places of a reference of this size (width, height)."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    found: Pixels = cv2.warpAffine(
        image, affine, size, flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=0
    )
    return found


def nearest(image: Bytes, affine: Affine, size: tuple[int, int]) -> Bytes:
    """Return ``image`` at the pixels nearest to the mapped places of a reference of this size (width, height)."""
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    found: Bytes = cv2.warpAffine(
        image, affine, size, flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=0
    )
    return found


def guess(reference: Picture, other: Picture) -> list[tuple[float, bool, Affine]]:
    """Return the two best guesses, best first: agreement of the lines of two crops, whether mirrored, and the map."""
    own, its = reference.crops(), other.crops()
    flat = own.reshape(len(own), -1)
    left, right = CROP_PAIRS.T
    scores = (flat @ its.reshape(len(its), -1).T)[left, right]
    if scores.max() <= SURE:
        turned = np.ascontiguousarray(its[:, :, ::-1]).reshape(len(its), -1)
        scores = np.concatenate([scores, (flat @ turned.T)[left, right]])
    found = []
    for place in np.argsort(-scores, kind="stable")[:2].tolist():
        mirrored, pair = divmod(place, len(CROP_PAIRS))
        picture = other.mirrored() if mirrored else other
        crop, its_crop = CROP_PAIRS[pair]
        affine = box_map(reference.crop_boxes()[crop], picture.crop_boxes()[its_crop])
        found.append((float(scores[place]), bool(mirrored), affine))
    return found


def align(reference: Picture, other: Picture) -> Alignment:
    """Return the best alignment of ``other`` in ``reference``; strangers are told from crops alone."""
    best = Alignment(box_map(frame(reference), frame(other)), False, -1.0)
    guesses = guess(reference, other)
    for value, mirrored, affine in guesses:
        if value < HOPELESS:
            break
        found = approach(reference, other.mirrored() if mirrored else other, affine, mirrored, value)
        best = max(best, found, Alignment(affine, mirrored, value - 0.05), key=lambda a: a.agreement)
        # A second guess helps where the first was near: what stays far off after refinement is another drawing.
        if best.agreement > 0.9 or best.agreement < value + 0.05:
            break
    if UNSURE < best.agreement < 0.8:
        mirrored = guesses[0][1]
        picture = other.mirrored() if mirrored else other
        agreed = by_keypoints(reference, picture)
        if agreed is not None:
            best = max(best, refine(reference, picture, agreed, mirrored), key=lambda a: a.agreement)
    return best


def approach(reference: Picture, other: Picture, affine: Affine, mirrored: bool, value: float) -> Alignment:
    """Return a guess refined, at a small size first where its agreement ``value`` says that it may be far off."""
    shown = shared_box(reference, other, affine)
    if value < NEAR:
        affine = refine(reference, other, affine, mirrored, COARSE_SIDE, shown=shown).map
    return refine(reference, other, affine, mirrored, shown=shown)


def shared_box(reference: Picture, other: Picture, affine: Affine) -> Box | None:
    """Return the box of the reference in which a map shows both pictures, where it is the frame of one of them inside
    the other; None where frame lies on frame.

    Along such a frame a border has a line where the bare picture has none, and the map would give way to it.
    """
    own, its = frame(reference), frame(other)
    left, top, right, bottom = mapped(own, affine)
    gaps = (left, top, its[2] - right, its[3] - bottom)
    if max(abs(gap) for gap in gaps) < FRAMED:
        return None
    back = mapped(its, inverse(affine))
    return max(own[0], back[0]), max(own[1], back[1]), min(own[2], back[2]), min(own[3], back[3])


def mapped(box: Box, affine: Affine) -> Box:
    """Return the box around another one under a map."""
    corners = np.asarray([[box[x], box[y], 1] for x in (0, 2) for y in (1, 3)], dtype=np.float32)
    moved_corners = corners @ affine.T
    low, high = moved_corners.min(axis=0), moved_corners.max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def refine(
    reference: Picture,
    other: Picture,
    affine: Affine,
    mirrored: bool,
    side: int = REFINE,
    covered: Box | None = None,
    shown: Box | None = None,
) -> Alignment:
    """Return a map after correlation maximisation with long sides of ``side`` pixels, if that helped.

    Lines inside the box ``covered`` of the reference do not count, nor those outside ``shown`` or on its rim.
    """
    by_own, by_other = side / max(reference.size), side / max(other.size)
    own, its = reference.small_lines(side), other.small_lines(side)
    start = compose(scaled(by_other), compose(affine, scaled(1 / by_own)))
    seen = None
    if covered is not None:
        left, top, right, bottom = (round(value * by_own) for value in covered)
        seen = np.ones(own.shape, dtype=bool)
        seen[max(0, top - RIM) : max(0, bottom + RIM), max(0, left - RIM) : max(0, right + RIM)] = False
    if shown is not None:
        left, top, right, bottom = (round(value * by_own) for value in shown)
        inner = np.zeros(own.shape, dtype=bool)
        inner[max(0, top + RIM) : max(0, bottom - RIM), max(0, left + RIM) : max(0, right - RIM)] = True
        seen = inner if seen is None else seen & inner
    best, value = maximise(own, its, start, seen)
    if best is not start and not plausible(best):
        best, value = start, correlate(own, its, start, seen)
    return Alignment(compose(scaled(1 / by_other), compose(best, scaled(by_own))), mirrored, value)


def plausible(affine: Affine) -> bool:
    """Tell whether a map keeps shapes: scales within 0.3 and 3.3, stretch below 1.6, rotation below 20 degrees."""
    turn = affine[:, :2].astype(np.float64)
    if not np.isfinite(turn).all():
        return False
    (m00, m01), (m10, m11) = turn.tolist()
    a, b = float(np.hypot(m00, m10)), float(np.hypot(m01, m11))
    angle = abs(np.degrees(np.arctan2(m10, m00)))
    shear = abs(m00 * m01 + m10 * m11) / max(a * b, 1e-9)
    return bool(
        min(a, b) > 0.3 and max(a, b) < 3.3 and max(a, b) < 1.6 * min(a, b) and angle < 20 and shear < 0.15
    )


def by_keypoints(reference: Picture, other: Picture) -> Affine | None:
    """Return the affine map that most keypoints agree on, or None."""
    own, own_found = reference.keypoints()
    its, its_found = other.keypoints()
    if len(own) < INLIERS or len(its) < INLIERS:
        return None
    likeness = own_found @ its_found.T
    first = likeness.argmax(axis=1)
    top = likeness[np.arange(len(own)), first]
    back = likeness.argmax(axis=0)
    mutual = (back[first] == np.arange(len(own))) & (top > 0.8)
    if int(mutual.sum()) < INLIERS:
        return None
    affine, inliers = cv2.estimateAffine2D(
        own[mutual],
        its[first[mutual]],
        method=cv2.RANSAC,
        ransacReprojThreshold=3.0,
        maxIters=1000,
        confidence=0.99,
    )
    if affine is None or int(inliers.sum()) < INLIERS or not plausible(affine):
        return None
    found: Affine = affine.astype(np.float32)
    return found


def moved(reference: Picture, first: Affine, second: Affine) -> float:
    """Return how far apart two maps take a corner of the reference, in pixels of the other."""
    width, height = reference.size
    corners = np.asarray([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], dtype=np.float32)
    return float(np.abs(corners @ (first - second).T).max())


def scaled(scale: float) -> Affine:
    """Return the map that multiplies by a scale."""
    return np.asarray([[scale, 0, 0], [0, scale, 0]], dtype=np.float32)


def compose(outer: Affine, inner: Affine) -> Affine:
    """Return the map that applies ``inner``, then ``outer``."""
    found = outer[:, :2] @ inner
    found[:, 2] += outer[:, 2]
    return found


def inverse(affine: Affine) -> Affine:
    """Return the inverse map."""
    found: Affine = cv2.invertAffineTransform(affine).astype(np.float32)
    return found
