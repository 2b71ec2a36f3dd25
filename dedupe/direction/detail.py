"""How much detail each of two copies really holds, by how steep the same edges are in both, never by counting pixels.

An upscale has more pixels for an edge, not a steeper one; a blur has a flatter one in as many pixels. Both copies are
laid out in the same cells, and in each the steepest step of either is taken: neither has to be aligned to the pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from dedupe.direction.compression import BLIND_TO_RAMPS
from schema.arrays import Bytes, Floats32

# Cells along the long side of a window.
CELLS = 48
# Steps weaker than this in either copy, in grey levels, say nothing, nor what is fainter than FAINT in one of them:
# that may be noise of the other. The stronger part of the rest is used.
WEAK, FAINT = 12.0, 4.0
STRONG = 0.7
FEWEST = 10
# Long side at which contrast is compared: blurs and noise of a pixel or two are gone there.
COARSE = 40
# Cells whose range of grey levels at COARSE is below this quantile are the flat ones.
FLAT = 0.4


@dataclass(frozen=True, slots=True)
class Detail:
    """``across``, ``down``: octaves of detail that the first copy has more than the second, contrast apart, NaN where
    too little is drawn to tell; ``noise`` of each copy in grey levels where both are flat."""

    across: float
    down: float
    noise: tuple[float, float]


def compare_detail(first: Bytes, second: Bytes) -> Detail:
    """Return the detail of two grey pictures uint8 [h, w] of the same part, each in its own pixels."""
    contrast = _contrast(first, second)
    octaves = []
    for axis in (1, 0):
        own, its = _steepest(first, axis), _steepest(second, axis)
        its = _matched(its, own)
        own, its = own * first.shape[axis], its * second.shape[axis] * contrast
        unit = max(first.shape[axis], second.shape[axis])
        both, least = np.maximum(own, its) / unit, np.minimum(own, its) / unit
        clear = (both > WEAK) & (least >= max(float(np.quantile(least, STRONG)), FAINT))
        if int(clear.sum()) < FEWEST:
            octaves.append(float("nan"))
            continue
        octaves.append(float(np.median(np.log2((own[clear] + unit) / (its[clear] + unit)))))
    return Detail(octaves[0], octaves[1], _noise(first, second))


def _steepest(grey: Bytes, axis: int) -> Floats32:
    """Largest step between neighbours along an axis, in each cell."""
    step = cv2.absdiff(grey[:, 1:], grey[:, :-1]) if axis else cv2.absdiff(grey[1:], grey[:-1])
    side = max(step.shape) / CELLS
    reach = max(1, int(np.ceil(side)))
    most = cv2.dilate(step, np.ones((reach, reach), np.uint8))
    size = (max(1, round(step.shape[1] / side)), max(1, round(step.shape[0] / side)))
    return np.asarray(cv2.resize(most, size, interpolation=cv2.INTER_NEAREST), dtype=np.float32)


def _matched(cells: Floats32, like: Floats32) -> Floats32:
    if cells.shape == like.shape:
        return cells
    return np.asarray(cv2.resize(cells, like.shape[::-1], interpolation=cv2.INTER_NEAREST))


def _small(grey: Bytes | Floats32, like: Floats32 | None = None) -> Floats32:
    scale = COARSE / max(grey.shape)
    size = (max(2, round(grey.shape[1] * scale)), max(2, round(grey.shape[0] * scale)))
    return np.asarray(
        cv2.resize(grey, like.shape[::-1] if like is not None else size, interpolation=cv2.INTER_AREA),
        dtype=np.float32,
    )


def _contrast(first: Bytes, second: Bytes) -> float:
    """How much the first's contrast exceeds the second's, where both are coarse."""
    own = _small(first)
    its = _small(second, own)
    steps = [np.abs(np.diff(image, axis=axis)).ravel() for axis in (0, 1) for image in (own, its)]
    a, b = np.concatenate(steps[::2]), np.concatenate(steps[1::2])
    strong = np.maximum(a, b) > 4
    if int(strong.sum()) < FEWEST:
        return 1.0
    return float(np.median((a[strong] + 1) / (b[strong] + 1)))


def _noise(first: Bytes, second: Bytes) -> tuple[float, float]:
    """Standard deviation of white noise that would make what is left in the flattest cells of both, in grey levels."""
    cells: list[Floats32] = []
    ranges: list[Floats32] = []
    for grey in (first, second):
        # Immerkaer (1996): this kernel is blind to planes and edges along the axes; white noise comes out sixfold.
        rough = cv2.convertScaleAbs(cv2.filter2D(grey, cv2.CV_16S, BLIND_TO_RAMPS))
        cells.append(_small(rough, cells[0] if cells else None))
        coarse = _small(grey, cells[0])
        ranges.append(cv2.dilate(coarse, _THREE) - cv2.erode(coarse, _THREE))
    most = np.maximum(ranges[0], ranges[1])
    flat = most <= np.quantile(most, FLAT)
    own, its = (float(np.median(each[flat])) * _TO_SIGMA for each in cells)
    return own, its


_THREE = np.ones((3, 3), np.uint8)
_TO_SIGMA = float(np.sqrt(np.pi / 2)) / 6
