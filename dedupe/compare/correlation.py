"""The affine map that maximises the correlation of two line maps, found by second-order minimisation.

The criterion is that of Evangelidis and Psarakis 2008 (no change of tone moves it), the step that of Benhimane and
Malis 2004: the mean of both gradients converges in two or three steps where one of them takes five to ten. Gradients
serve several steps, so that most cost one warp and one product.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from schema.arrays import Bools, Floats32, Floats64

# What lies outside the other picture, far below any line.
OUTSIDE = -1e4
# Steps at the most: half a pixel takes two, a twentieth of the frame some five.
STEPS = 12
# Steps that one set of gradients serves: by then the pictures lie elsewhere.
SERVES = 3
# A step that moves no corner further than this, in pixels, is not taken: the correlation would change by some 1e-4.
STILL = 0.1
# Share of the frame that both have to show.
LEAST_SHARED = 0.2
_SLOPE = np.asarray([-0.5, 0.0, 0.5], dtype=np.float32)


def correlate(own: Floats32, its: Floats32, affine: Floats32, seen: Bools | None = None) -> float:
    """Return the correlation of two line maps [h, w] over the area that both show; 0 where that is too small.

    ``affine`` float32 [2, 3] takes pixels of ``own`` to those of ``its``; ``seen`` is the part of ``own`` that counts.
    """
    return _standardised(own, *_moved(own, its, affine, seen))[2]


def maximise(
    own: Floats32, its: Floats32, start: Floats32, seen: Bools | None = None
) -> tuple[Floats32, float]:
    """Return the map near ``start`` with the largest correlation of two line maps, and that: see ``correlate``."""
    height, width = own.shape
    # Pixels to -1/2..1/2: steps are of one size in all six parameters.
    unit = np.asarray([[1 / width, 0, 0.5 / width - 0.5], [0, 1 / height, 0.5 / height - 0.5], [0, 0, 1]])
    place = np.vstack([start, [0, 0, 1]]).astype(np.float64)
    best, most = start, -2.0
    jacobian = np.empty((6, 0), dtype=np.float32)
    inverse = np.empty((6, 6))
    for step in range(STEPS + 1):
        affine = place[:2].astype(np.float32)
        moved, valid = _moved(own, its, affine, seen)
        a, b, value = _standardised(own, moved, valid)
        if value <= most:
            break
        best, most = affine, value
        if step == STEPS or not len(a):
            break
        if not step % SERVES:
            jacobian = _jacobian(a, b, valid)
            inverse = _inverse_hessian(jacobian, b)
        turn = inverse @ (jacobian @ (a - np.float32(value) * b).ravel())
        reach = np.abs(turn).reshape(2, 3) @ (1.0, 0.5, 0.5)
        if not STILL <= float(reach.max()) < 0.5 * max(height, width):
            break
        move = np.eye(3)
        move[:2] += turn.reshape(2, 3)[:, (1, 2, 0)] @ unit
        place = place @ move
    return best, most


def _moved(
    own: Floats32, its: Floats32, affine: Floats32, seen: Bools | None
) -> tuple[Floats32, Bools | None]:
    """``its`` in the frame of ``own``, and where it shows something that counts; None for everywhere."""
    size = (own.shape[1], own.shape[0])
    moved = cv2.warpAffine(
        its,
        affine,
        size,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=OUTSIDE,
    )
    # Lines are never negative: what lies outside becomes so, and whatever it bleeds into.
    valid = moved > -1e-3
    if seen is not None:
        valid &= seen
    return (moved, None) if valid.all() else (moved, valid)


def _standardised(own: Floats32, moved: Floats32, valid: Bools | None) -> tuple[Floats32, Floats32, float]:
    """Both line maps with zero mean and unit length over what is valid, and the correlation; empty where it is 0."""
    count = own.size
    if valid is not None:
        count = int(np.count_nonzero(valid))
        if count < LEAST_SHARED * own.size:
            return own[:0], own[:0], 0.0
        own, moved = own * valid, np.where(valid, moved, np.float32(0))
    a, b = own - own.sum() / np.float32(count), moved - moved.sum() / np.float32(count)
    if valid is not None:
        a *= valid
        b *= valid
    length_a, length_b = (float(np.sqrt(np.vdot(each, each))) for each in (a, b))
    if min(length_a, length_b) < 1e-3:
        return own[:0], own[:0], 0.0
    a /= np.float32(length_a)
    b /= np.float32(length_b)
    return a, b, float(np.vdot(a, b))


def _jacobian(a: Floats32, b: Floats32, valid: Bools | None) -> Floats32:
    """How the moved map changes with each parameter, float32 [6, h * w], by the mean gradient of both."""
    both = a + b
    across = cv2.filter2D(both, -1, _SLOPE[None] / 2, borderType=cv2.BORDER_REPLICATE)
    down = cv2.filter2D(both, -1, _SLOPE[:, None] / 2, borderType=cv2.BORDER_REPLICATE)
    if valid is not None:
        # Next to what is not seen there is no gradient.
        inner = cv2.erode(valid.astype(np.uint8), np.ones((3, 3), dtype=np.uint8))
        across *= inner
        down *= inner
    places = _places(*a.shape)
    found = np.empty((2, 3, *a.shape), dtype=np.float32)
    np.multiply(across, places, out=found[0])
    np.multiply(down, places, out=found[1])
    return found.reshape(6, -1)


def _inverse_hessian(jacobian: Floats32, b: Floats32) -> Floats64:
    """The inverse of the Gauss-Newton matrix of the correlation: neither brightness nor contrast is a change."""
    along, mean = jacobian @ b.ravel(), jacobian.mean(axis=1)
    # A third of the places says it as well.
    some = np.ascontiguousarray(jacobian[:, ::3])
    hessian = (some @ some.T).astype(np.float64) * (b.size / some.shape[1])
    hessian -= np.outer(along, along) + b.size * np.outer(mean, mean)
    hessian[np.diag_indices(6)] *= 1 + 1e-3
    # Whatever no line tells of (stripes slide along themselves) is left as it is.
    hessian[np.diag_indices(6)] += 1e-6 * hessian.trace()
    found: Floats64 = np.linalg.inv(hessian)
    return found


@lru_cache(maxsize=256)
def _places(height: int, width: int) -> Floats32:
    """1, x and y of every pixel, float32 [3, h, w], from -1/2 to 1/2."""
    x = (np.arange(width, dtype=np.float32) + 0.5) / np.float32(width) - 0.5
    y = (np.arange(height, dtype=np.float32) + 0.5) / np.float32(height) - 0.5
    found = np.empty((3, height, width), dtype=np.float32)
    found[0], found[1], found[2] = 1, x, y[:, None]
    return found
