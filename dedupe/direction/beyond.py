"""What each copy shows beyond the frame of the other: more of the drawing, or a border laid around it.

A crop ends in the middle of the drawing, and the other one goes on there. A border, a letterbox or the rest of a
screenshot begins with a straight edge along the frame of the bare picture. A plain margin without such an edge can have
been cut off or added: it is reported as such and decides nothing alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from dedupe.compare.image import Picture, largest
from dedupe.direction.outline import step_shares
from schema.arrays import Bools, Floats64

# Share of the area from which something is said to lie beyond the other's frame.
LEAST = 0.008
# Colours this far apart along the frame are an edge; JPEG moves plain areas by less.
EDGE = 0.05
# Share of the frame that is an edge: all of it for a border around a whole picture, a little where only the drawing
# reaches the frame, and nothing where a plain margin goes on.
ALL_ROUND = 0.7
SOFT_EDGE, CALM = 0.12, 0.15
# Share of the drawing that has to be missing: less is the fringe of its outline.
CONTENT = 0.012
PLAIN = 0.06


@dataclass(frozen=True, slots=True)
class Beyond:
    """Of one picture, outside the other's frame: ``more`` of the drawing, as a share of the drawing; or a ``border``,
    as a share of the area, with the share of the frame that is an ``edge``: a plain margin without one may be its
    own."""

    more: float = 0.0
    border: float = 0.0
    edge: float = 0.0


def beyond(picture: Picture, frame: Floats64) -> Beyond:
    """Return what a picture shows outside the other's frame; ``frame`` float64 [4, 2] are its corners in this one."""
    height, width = picture.rgb.shape[:2]
    inside = np.zeros((height, width), dtype=np.uint8)
    # Whole pixels between the corners; a sixteenth of a pixel is the precision of fillPoly.
    corners = np.round((frame - 0.5) * 16).astype(np.int32)
    cv2.fillPoly(inside, [corners.reshape(-1, 1, 2)], 1, lineType=cv2.LINE_8, shift=4)
    outside = inside == 0
    area = float(outside.mean())
    if area < LEAST:
        return Beyond()
    clear = cv2.erode(outside.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1).astype(bool)
    if not clear.any():
        return Beyond()
    edge = step_shares([picture.rgb], outside, EDGE)[0]
    drawn, plain = _drawn(picture, clear)
    more = float(drawn[clear].sum() / max(int(drawn.sum()), 1))
    # A border of the blurred picture itself has no lines, and the picture has an edge against it.
    far = cv2.erode(outside.astype(np.uint8), np.ones((9, 9), np.uint8), borderValue=1).astype(bool)
    calm = edge >= SOFT_EDGE and far.any() and _lines(picture, far) < CALM * _lines(picture, ~outside)
    if more >= CONTENT and not (plain or calm) and edge < ALL_ROUND:
        return Beyond(more=more, edge=edge)
    return Beyond(border=area, edge=edge)


def _lines(picture: Picture, where: Bools) -> float:
    return float((picture.lines[where] ** 4).mean())


def _drawn(picture: Picture, outside: Bools) -> tuple[Bools, bool]:
    """Return what is not of the commonest colour outside, and whether nearly all outside is of that colour."""
    colours = picture.rgb[outside]
    code = (np.clip(colours, 0, 0.999) * 12).astype(np.int64) @ np.asarray([144, 12, 1])
    common = np.median(colours[code == np.bincount(code).argmax()], axis=0)
    drawn = largest(np.abs(picture.rgb - common)) > PLAIN
    return drawn, float(drawn[outside].mean()) < CONTENT
