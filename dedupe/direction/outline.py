"""Steps along the outline of a mask: what was laid over a picture has an edge all around, what belongs to it does
not."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from schema.arrays import Bools, Floats32

_THREE = np.ones((3, 3), dtype=np.uint8)


def step_shares(
    images: Sequence[Floats32], mask: Bools, edge: float, only: Bools | None = None
) -> list[float]:
    """Return, of each image [h, w, c], the share of the mask's outline inside the image where colours differ by
    ``edge``.

    Colours are means of 5 x 5 pixels on either side, a pixel off the outline: a soft edge counts as a step, too.
    ``only`` leaves the parts of the outline that lie in it or touch it.
    """
    solid = mask.astype(np.uint8)
    inner = cv2.erode(solid, _THREE, borderValue=1)
    outer = 1 - cv2.dilate(solid, _THREE)
    line = (cv2.dilate(solid, _THREE) != cv2.erode(solid, _THREE, borderValue=1)) & (solid > 0)
    if only is not None:
        line &= cv2.dilate(only.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    near_inner, near_outer = _means(inner), _means(outer)
    line &= (near_inner > 0) & (near_outer > 0)
    if not line.any():
        return [0.0] * len(images)
    shares = []
    for image in images:
        planes = image if image.ndim == 3 else image[..., None]
        own = cv2.blur(planes * inner[..., None], (5, 5)).reshape(planes.shape)[line] / near_inner[line, None]
        its = cv2.blur(planes * outer[..., None], (5, 5)).reshape(planes.shape)[line] / near_outer[line, None]
        shares.append(float((np.abs(own - its).max(axis=1) > edge).mean()))
    return shares


def _means(mask: np.typing.NDArray[np.uint8]) -> Floats32:
    return np.asarray(cv2.blur(mask.astype(np.float32), (5, 5)))
