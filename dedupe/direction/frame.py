"""Two placed copies in one frame: both at the same size, the same way round, with what of them can be compared."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from dedupe.compare.image import Picture
from dedupe.direction.placement import Placement
from schema.arrays import Bools, Floats32, Floats64

# Long side of the frame.
SIDE = 160


@dataclass(frozen=True, slots=True)
class Frame:
    """``first``, ``second`` float32 [h, w, 3] in 0..1; ``shared`` where both are seen; ``ground`` the plain ground of
    each; ``scale`` pixels of the first file per pixel of the frame."""

    first: Floats32
    second: Floats32
    shared: Bools
    ground: tuple[Bools, Bools]
    scale: tuple[float, float]


def common_frame(
    pictures: tuple[Picture, Picture], sizes: tuple[tuple[int, int], tuple[int, int]], placement: Placement
) -> Frame:
    """Return both pictures in the frame of the first; the second has to be turned round beforehand if mirrored."""
    first, second = pictures
    (width, height), (wide, high) = sizes
    scale = min(1.0, SIDE / max(first.size))
    size = (max(8, round(first.size[0] * scale)), max(8, round(first.size[1] * scale)))
    to_file = np.diag([width / size[0], height / size[1]])
    from_file = np.diag([second.size[0] / wide, second.size[1] / high])
    turn = from_file @ placement.map[:, :2] @ to_file
    small = np.column_stack([turn, from_file @ placement.map[:, 2]])
    # Centres of pixels, not their corners, lie on each other.
    small[:, 2] += 0.5 * (turn.sum(axis=1) - 1)
    shrink = float(np.sqrt(abs(np.linalg.det(turn))))
    soft = cv2.GaussianBlur(second.rgb, (0, 0), 0.5 * shrink) if shrink > 1.2 else second.rgb
    own = cv2.resize(first.rgb, size, interpolation=cv2.INTER_AREA)
    if _whole(small, second.size, size):
        # Sampled in the same way, equal pixels stay equal.
        its = cv2.resize(second.rgb, size, interpolation=cv2.INTER_AREA)
    else:
        its = _moved(soft, small, size, cv2.BORDER_REPLICATE)
    seen = _moved(np.ones(second.lines.shape, np.float32), small, size, cv2.BORDER_CONSTANT) > 0.99
    shared = cv2.erode(seen.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1).astype(bool)
    ground = (
        cv2.resize(first.ground.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.5,
        (_moved(second.ground.astype(np.float32), small, size, cv2.BORDER_CONSTANT) > 0.5) & shared,
    )
    return Frame(own, its, shared, ground, (width / size[0], height / size[1]))


def _whole(affine: Floats64, size: tuple[int, int], frame: tuple[int, int]) -> bool:
    """Tell whether a map takes the whole frame to the whole of a picture of this size, to a twentieth of a pixel."""
    scale = np.asarray(size) / np.asarray(frame)
    plain = np.column_stack([np.diag(scale), 0.5 * (scale - 1)])
    corners = np.asarray([[0, 0, 1], [frame[0], 0, 1], [0, frame[1], 1], [frame[0], frame[1], 1]])
    return bool(np.abs(corners @ (affine - plain).T).max() < 0.05)


def _moved(image: Floats32, affine: Floats64, size: tuple[int, int], border: int) -> Floats32:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(image, affine, size, flags=flags, borderMode=border, borderValue=0), dtype=np.float32
    )
