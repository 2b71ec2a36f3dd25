"""A picture made ready for comparison: its pixels at working size, its uniform ground, and the lines it is made of.

Everything is computed once per picture and reused for all pairs it is in; keypoints only when a pair asks for them.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field

import cv2
import numpy as np
from PIL import Image

from schema.arrays import Bools, Bytes, Floats32

Pixels = Floats32
Mask = Bools

# Long side at which pairs are compared; thumbnails have 256, so lines stay some two pixels wide.
SIDE = 192
KEYPOINT_SIDE = 128
# Largest difference of a channel (of 1) inside a uniform ground: JPEG at quality 12 stays below it.
GROUND = 0.07


@dataclass(slots=True)
class Picture:
    """``rgb`` float32 [h, w, 3] in 0..1, long side SIDE; ``ground`` the uniform area connected to the border, bool
    [h, w]; ``ground_colour`` float32 [3]; ``box`` left, top, right, bottom of the content; ``lines`` float32 [h, w]."""

    rgb: Pixels
    ground: Mask
    ground_colour: Pixels
    box: tuple[int, int, int, int]
    lines: Pixels
    scale: float
    _keypoints: tuple[Pixels, Pixels] | None = None
    _mirror: Picture | None = None
    _small: dict[int, Pixels] = field(default_factory=dict)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height at working size."""
        return self.rgb.shape[1], self.rgb.shape[0]

    @property
    def flat(self) -> bool:
        """Whether there is nothing but ground to see: such pictures are never compared."""
        left, top, right, bottom = self.box
        return right - left < 8 or bottom - top < 8 or float(self.lines.max()) < 0.02

    def mirrored(self) -> Picture:
        """Return the picture seen in a mirror."""
        if self._mirror is None:
            left, top, right, bottom = self.box
            width = self.rgb.shape[1]
            self._mirror = Picture(
                np.ascontiguousarray(self.rgb[:, ::-1]),
                np.ascontiguousarray(self.ground[:, ::-1]),
                self.ground_colour,
                (width - right, top, width - left, bottom),
                np.ascontiguousarray(self.lines[:, ::-1]),
                self.scale,
            )
        return self._mirror

    def small_lines(self, side: int) -> Pixels:
        """Return the lines at a long side of ``side`` pixels, soft enough that neighbouring pixels overlap."""
        if side not in self._small:
            scale = side / max(self.size)
            small = cv2.resize(self.lines, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            self._small[side] = cv2.GaussianBlur(small, (0, 0), 1.0)
        return self._small[side]

    def keypoints(self) -> tuple[Pixels, Pixels]:
        """Return SIFT keypoints [n, 2] and their descriptors [n, 128], square-rooted (Arandjelovic, Zisserman 2012)."""
        if self._keypoints is None:
            # SIFT doubles its input first: 128 pixels are searched as 256.
            scale = KEYPOINT_SIDE / max(self.size)
            grey = cv2.cvtColor((self.rgb * 255).astype(np.uint8), cv2.COLOR_RGB2GRAY)
            grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            sift = cv2.SIFT_create(nfeatures=300, contrastThreshold=0.02, edgeThreshold=20)
            points, found = sift.detectAndCompute(grey, None)
            if found is None or not len(points):
                self._keypoints = (np.empty((0, 2), np.float32), np.empty((0, 128), np.float32))
            else:
                places = np.asarray([p.pt for p in points], dtype=np.float32) / np.float32(scale)
                found = np.sqrt(found / (found.sum(axis=1, keepdims=True) + 1e-6))
                self._keypoints = (places, found.astype(np.float32))
        return self._keypoints


def load(data: bytes) -> Picture:
    """Return a stored thumbnail ready for comparison. Raises OSError or ValueError when it does not decode."""
    with Image.open(io.BytesIO(data)) as image:
        return prepare(np.asarray(image.convert("RGB")))


def prepare(image: Bytes) -> Picture:
    """Return a picture, uint8 [h, w, 3], ready for comparison."""
    height, width = image.shape[:2]
    scale = SIDE / max(height, width)
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    rgb = np.clip(cv2.resize(image, size, interpolation=way).astype(np.float32) / 255.0, 0, 1)
    ground, colour = find_ground(rgb)
    rows, columns = np.flatnonzero(~ground.all(axis=1)), np.flatnonzero(~ground.all(axis=0))
    if len(rows) and len(columns):
        box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    else:
        box = (0, 0, 0, 0)
    return Picture(rgb, ground, colour, box, find_lines(rgb), scale)


def find_ground(rgb: Pixels) -> tuple[Mask, Pixels]:
    """Return the area of one colour that is connected to the border, and its colour; empty where there is none.

    The colour is the commonest one along the border, and has to hold a quarter of it.
    """
    height, width = rgb.shape[:2]
    rim = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]])
    code = (rim * 15.999).astype(np.int64) @ np.asarray([256, 16, 1])
    colour = np.median(rim[code == np.bincount(code).argmax()], axis=0)
    if (np.abs(rim - colour).max(axis=1) < GROUND).mean() < 0.25:
        return np.zeros((height, width), dtype=bool), colour
    near = largest(np.abs(rgb - colour)) < GROUND
    _, label = cv2.connectedComponents(near.astype(np.uint8), connectivity=4)
    touching = np.unique(np.concatenate([label[0], label[-1], label[:, 0], label[:, -1]]))
    inside = np.zeros(label.max() + 1, dtype=bool)
    inside[touching] = True
    inside[0] = False
    return inside[label], colour.astype(np.float32)


def find_lines(rgb: Pixels) -> Pixels:
    """Return the strength of edges, float32 [h, w]: the largest gradient of a channel, compressed.

    A square root keeps one hard outline from outweighing all that is drawn inside it; the sign of contrast is gone,
    so that a drawing on white and on black has the same outlines.
    """
    soft = cv2.GaussianBlur(rgb, (0, 0), 1.0)
    across = cv2.Sobel(soft, cv2.CV_32F, 1, 0, ksize=3)
    down = cv2.Sobel(soft, cv2.CV_32F, 0, 1, ksize=3)
    strength = np.sqrt(largest(across**2 + down**2)) / 4.0
    found: Pixels = np.sqrt(np.minimum(strength, 1.0))
    return found


def largest(channels: Pixels) -> Pixels:
    """Return the largest of three channels [h, w, 3]; numpy's own reduction of a short axis is ten times slower."""
    found: Pixels = np.maximum(np.maximum(channels[..., 0], channels[..., 1]), channels[..., 2])
    return found
