"""Copies that need no alignment, the same picture encoded again or scaled: two small pictures laid on each other.

Most duplicates of a collection are of this kind, and this takes half a millisecond where the pixel check (verdict.py)
takes ten. It only ever says yes: whoever is not told to be a copy here is looked at there.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from dedupe.compare.overlap import LUMA_ROW
from dedupe.compare.verdict import Difference
from schema.arrays import Bytes, Floats32

# Long side at which they are laid on each other.
SIDE = 128
# Sides of one shape differ by the rounding of a thumbnail's sides at most.
SHAPE = 0.015
# Largest difference of lightness over 3 x 3 pixels and of a channel over 5 x 5 (JPEG stores colours at half the
# resolution). Of 14,000 pairs of versions of one drawing the closest is 0.075: two skin tones next to each other.
MOST = 0.055

# Cells of two such copies differ by less than this, of 255: three times MOST, as other pixels are
# averaged there.
CELLS_APART = 42
CELLS = 16

# Range of values below which a picture says too little to be told from another.
FAINT = 40


@dataclass(frozen=True, slots=True)
class Small:
    """A picture, its long side SIDE or less: ``pixels`` uint8 [h, w, 3], ``cells`` uint8 [CELLS, CELLS, 3], ``shape``
    its width / height."""

    pixels: Bytes
    cells: Bytes
    shape: float


def small(image: Bytes) -> Small | None:
    """Return a picture, uint8 [h, w, 3], scaled down; None when it shows next to nothing."""
    height, width = image.shape[:2]
    scale = SIDE / max(height, width)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        shown = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    else:
        shown = image
    if int(image.max()) - int(image.min()) < FAINT:
        return None
    cells = cv2.resize(shown, (CELLS, CELLS), interpolation=cv2.INTER_AREA)
    return Small(shown, np.asarray(cells, dtype=np.uint8), width / height)


def alike(reference: Small, other: Small) -> Difference | None:
    """Return the difference of a copy that shows the same at the same place in the same colours, else None."""
    if abs(reference.shape / other.shape - 1) > SHAPE:
        return None
    first, second = reference.pixels, other.pixels
    # Cells of fewer pixels than are averaged below say nothing.
    telling = min(max(first.shape), max(second.shape)) >= 5 * CELLS
    if telling and int(cv2.absdiff(reference.cells, other.cells).max()) > CELLS_APART:
        return None
    if first.shape != second.shape:
        low, high = sorted((first, second), key=lambda image: image.shape[0] * image.shape[1])
        size = (low.shape[1], low.shape[0])
        first, second = low, np.asarray(cv2.resize(high, size, interpolation=cv2.INTER_AREA), np.uint8)
    apart = cv2.subtract(first, second, dtype=cv2.CV_32F)
    lightness = cv2.blur(cv2.transform(apart, LUMA_ROW[None]), (3, 3))
    most = max(_most(lightness), _most(cv2.blur(apart, (5, 5)))) / 255
    if most > MOST:
        return None
    return Difference(
        agreement=1 - most, area=0.0, tint=0.0, detail=0.0, peak=most, usual=most, seen=1.0, shared=1.0
    )


def _most(values: Floats32) -> float:
    return max(float(values.max()), -float(values.min()))
