"""Where one picture lies in another: scale, shift, stretch, small rotation or mirror, found by its lines.

Guesses come from whole frames, from content boxes, from centred crops and from keypoints; the best one is refined by
maximising the correlation of the line maps (Evangelidis and Psarakis 2008), which no change of tone moves.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from dedupe.compare.image import Picture, Pixels
from schema.arrays import Floats32

Affine = Floats32
GUESS = 48
REFINE = 96
# Sketches that agree less than this in every guess are not worth refining.
HOPELESS = 0.3
# Sketches that agree more than this are not looked at in the mirror.
SURE = 0.97
# Keypoints are asked between this and 0.8; below it they never found what the guesses had not.
UNSURE = 0.65
OUTSIDE = -1e4
# Keypoint agreement below this many points says nothing: five points fit many affine maps by chance.
INLIERS = 8


@dataclass(frozen=True, slots=True)
class Alignment:
    """``map`` float32 [2, 3] takes reference pixels to those of the (mirrored) other; ``agreement`` of lines, -1..1."""

    map: Affine
    mirrored: bool
    agreement: float


def box_map(own: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> Affine:
    """Return the map that takes box ``own`` onto box ``other``."""
    sx = (other[2] - other[0]) / max(own[2] - own[0], 1e-6)
    sy = (other[3] - other[1]) / max(own[3] - own[1], 1e-6)
    return np.asarray([[sx, 0, other[0] - sx * own[0]], [0, sy, other[1] - sy * own[1]]], dtype=np.float32)


def frame(picture: Picture) -> tuple[float, float, float, float]:
    """Return the whole picture as a box."""
    width, height = picture.size
    return (0.0, 0.0, float(width), float(height))


def shrink(box: tuple[float, float, float, float], share: float) -> tuple[float, float, float, float]:
    """Return a box with this share cut off (or added, when negative) on all sides."""
    dx, dy = (box[2] - box[0]) * share, (box[3] - box[1]) * share
    return (box[0] + dx, box[1] + dy, box[2] - dx, box[3] - dy)


def warp(image: Floats32, affine: Affine, size: tuple[int, int]) -> Pixels:
    """Return ``image`` sampled at the mapped places of a reference of this size (width, height)."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    found: Pixels = cv2.warpAffine(
        image, affine, size, flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=0
    )
    return found


def guesses(reference: Picture, other: Picture) -> list[Affine]:
    """Return maps worth a try: frames, content boxes, one in the other, and centred crops of either."""
    own, its = frame(reference), frame(other)
    found = [
        box_map(own, its),
        box_map(reference.box, other.box),
        box_map(own, other.box),
        box_map(reference.box, its),
    ]
    for share in (0.03, 0.06, 0.1, 0.15):
        found.append(box_map(shrink(own, share), its))
        found.append(box_map(own, shrink(its, share)))
    return found


def align(reference: Picture, other: Picture) -> Alignment:
    """Return the best alignment of ``other`` in ``reference``; strangers are told from sketches alone."""
    whole = box_map(frame(reference), frame(other))
    best = Alignment(whole, False, -1.0)
    tried = []
    own = reference.small_lines(GUESS)
    small, back = scaled(GUESS / max(reference.size)), scaled(GUESS / max(other.size))
    for mirrored in (False, True):
        picture = other.mirrored() if mirrored else other
        its = picture.small_lines(GUESS)
        for guess in guesses(reference, picture):
            at = compose(back, compose(guess, inverse(small)))
            tried.append((score(own, its, at), mirrored, guess))
        if not mirrored and max(t[0] for t in tried) > SURE:
            break
    tried.sort(key=lambda t: -t[0])
    for value, mirrored, guess in tried[:2]:
        if value < HOPELESS:
            break
        found = refine(reference, other.mirrored() if mirrored else other, guess, mirrored)
        best = max(best, found, Alignment(guess, mirrored, value - 0.05), key=lambda a: a.agreement)
        # A second guess helps where the first was near: what stays far off after refinement is another drawing.
        if best.agreement > 0.9 or best.agreement < value + 0.05:
            break
    if UNSURE < best.agreement < 0.8:
        mirrored = tried[0][1]
        picture = other.mirrored() if mirrored else other
        agreed = by_keypoints(reference, picture)
        if agreed is not None:
            best = max(best, refine(reference, picture, agreed, mirrored), key=lambda a: a.agreement)
    return best


def score(own: Pixels, its: Pixels, affine: Affine) -> float:
    """Return the correlation of two line maps under a map, over the area that both show; 0 where that is too small."""
    # Lines are never negative: what lies outside becomes so, and whatever it bleeds into.
    moved = cv2.warpAffine(
        its,
        affine,
        (own.shape[1], own.shape[0]),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=OUTSIDE,
    )
    valid = moved > -1e-3
    a, b = own[valid], moved[valid]
    if a.size < 0.2 * own.size:
        return 0.0
    n = np.float32(a.size)
    mean_a, mean_b = a.sum() / n, b.sum() / n
    cross = a @ b - n * mean_a * mean_b
    spread = (a @ a - n * mean_a**2) * (b @ b - n * mean_b**2)
    return float(cross / (np.sqrt(max(float(spread), 0.0)) + 1e-6))


def refine(
    reference: Picture, other: Picture, guess: Affine, mirrored: bool, side: int = REFINE
) -> Alignment:
    """Return a guess after correlation maximisation with long sides of ``side`` pixels, if that helped."""
    by_own, by_other = side / max(reference.size), side / max(other.size)
    own, its = reference.small_lines(side), other.small_lines(side)
    start = compose(scaled(by_other), compose(guess, inverse(scaled(by_own))))
    before = score(own, its, start)
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 40, 1e-4)
    try:
        _, moved = cv2.findTransformECC(own, its, start.copy(), cv2.MOTION_AFFINE, criteria, None, 3)
    except cv2.error:
        moved = start
    after = score(own, its, moved) if plausible(moved) else -1.0
    best, value = (moved, after) if after > before else (start, before)
    return Alignment(compose(inverse(scaled(by_other)), compose(best, scaled(by_own))), mirrored, value)


def plausible(affine: Affine) -> bool:
    """Tell whether a map keeps shapes: scales within 0.3 and 3.3, stretch below 1.6, rotation below 20 degrees."""
    turn = affine[:, :2].astype(np.float64)
    if not np.isfinite(turn).all():
        return False
    a, b = float(np.linalg.norm(turn[:, 0])), float(np.linalg.norm(turn[:, 1]))
    angle = abs(np.degrees(np.arctan2(turn[1, 0], turn[0, 0])))
    shear = abs(float(turn[:, 0] @ turn[:, 1])) / max(a * b, 1e-9)
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
    turn = outer[:, :2] @ inner[:, :2]
    shift = outer[:, :2] @ inner[:, 2] + outer[:, 2]
    return np.column_stack([turn, shift]).astype(np.float32)


def inverse(affine: Affine) -> Affine:
    """Return the inverse map."""
    found: Affine = cv2.invertAffineTransform(affine).astype(np.float32)
    return found
