"""A picture made ready for comparison: its pixels at working size, its uniform ground, and the lines it is made of.

Everything is computed once per picture and reused for all pairs it is in, what few pairs need only when one asks for
it. A picture takes some 0.4 MB.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import cv2
import numpy as np

from schema.arrays import Bools, Bytes, Floats32

Pixels: TypeAlias = Floats32
"""Pictures at working size, float32 [h, w, 3] or [h, w] in 0..1."""
Mask: TypeAlias = Bools
"""Where something is, bool [h, w]."""
Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right, bottom, in pixels."""

# Long side at which pairs are compared; thumbnails have 256, so lines stay some two pixels wide.
SIDE = 192
KEYPOINT_SIDE = 128
# Largest difference of a channel (of 1) inside a uniform ground: JPEG at quality 12 stays below it.
GROUND = 0.07
# Share of a shape that is of its colour: the rim of a small one is a mixture.
ONE_COLOUR = 0.7
# Side of a crop's lines, for guessing where one picture lies in another.
CROP_SIDE = 32
# Shares cut off on all sides, of the crops that are guessed.
SHARES = (0.03, 0.06, 0.1, 0.15)
# Long side of the colours that tell recoloured pictures at a glance.
COLOUR_SIDE = 48


@dataclass(slots=True)
class Picture:
    """``pixels`` uint8 [h, w, 3], long side SIDE; ``ground`` the uniform area connected to the border, bool [h, w];
    ``ground_colour`` float32 [3]; ``box`` left, top, right, bottom of the content; ``lines`` float32 [h, w]; ``scale``
    from the stored thumbnail to SIDE."""

    pixels: Bytes
    ground: Mask
    ground_colour: Pixels
    box: tuple[int, int, int, int]
    lines: Pixels
    scale: float
    _keypoints: tuple[Pixels, Pixels] | None = None
    _mirror: Picture | None = None
    _crops: Floats32 | None = None
    _colours: Floats32 | None = None
    _small: dict[int, Pixels] = field(default_factory=dict)

    @property
    def rgb(self) -> Pixels:
        """Colours, float32 [h, w, 3] in 0..1."""
        return self.pixels * np.float32(1 / 255)

    @property
    def layers(self) -> Pixels:
        """Colours and lines, float32 [h, w, 4]: four channels are warped in half the time of three."""
        return np.asarray(cv2.merge([self.rgb, self.lines]))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height at working size."""
        return self.pixels.shape[1], self.pixels.shape[0]

    @property
    def flat(self) -> bool:
        """Whether there is nothing but ground to see: such pictures are never compared."""
        left, top, right, bottom = self.box
        return right - left < 8 or bottom - top < 8 or float(self.lines.max()) < 0.02

    def mirrored(self) -> Picture:
        """Return the picture seen in a mirror."""
        if self._mirror is None:
            left, top, right, bottom = self.box
            width = self.size[0]
            self._mirror = Picture(
                np.ascontiguousarray(self.pixels[:, ::-1]),
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

    def half_lines(self) -> Pixels:
        """Return the lines at half the size: what is scaled down further begins there, at a quarter of the cost."""
        size = (max(1, self.size[0] // 2), max(1, self.size[1] // 2))
        return np.asarray(cv2.resize(self.lines, size, interpolation=cv2.INTER_AREA))

    def crop_boxes(self) -> list[Box]:
        """Return the boxes that may be those of another picture: frame, content, and the frame less SHARES."""
        whole = (0.0, 0.0, float(self.size[0]), float(self.size[1]))
        content = (float(self.box[0]), float(self.box[1]), float(self.box[2]), float(self.box[3]))
        return [whole, content, *(shrink(whole, share) for share in SHARES)]

    def crops(self) -> Floats32:
        """Return the lines inside each of ``crop_boxes``, float32 [6, CROP_SIDE, CROP_SIDE], zero mean, unit length."""
        if self._crops is None:
            half = self.half_lines()
            found = [shrunk(half, box, CROP_SIDE) for box in self.crop_boxes()]
            crops = np.stack([cv2.GaussianBlur(each, (0, 0), 0.7) for each in found])
            crops -= crops.mean(axis=(1, 2), keepdims=True)
            crops /= np.maximum(np.sqrt(np.einsum("nhw,nhw->n", crops, crops)), 1e-6)[:, None, None]
            self._crops = crops
        return self._crops

    def colours(self) -> Floats32:
        """Return red, green, blue and the share of ground, float32 [h, w, 4] in 0..1, at a long side of COLOUR_SIDE."""
        if self._colours is None:
            scale = COLOUR_SIDE / max(self.size)
            size = (max(2, round(self.size[0] * scale)), max(2, round(self.size[1] * scale)))
            both = cv2.merge([self.pixels, self.ground.view(np.uint8) * 255])
            small = cv2.resize(both, size, interpolation=cv2.INTER_AREA)
            self._colours = small * np.float32(1 / 255)
        return self._colours

    def keypoints(self) -> tuple[Pixels, Pixels]:
        """Return SIFT keypoints [n, 2] and their descriptors [n, 128], square-rooted (Arandjelovic, Zisserman 2012)."""
        if self._keypoints is None:
            # SIFT doubles its input first: 128 pixels are searched as 256.
            scale = KEYPOINT_SIDE / max(self.size)
            grey = cv2.cvtColor(self.pixels, cv2.COLOR_RGB2GRAY)
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


def shrunk(half: Pixels, box: Box, side: int) -> Pixels:
    """Return what is inside a box of a picture, given at half its size, [side, side]: means of its cells.

    Edges lie where the box has them and not on the next pixel, or a crop would not meet what it was cut from.
    """
    across, down = (box[2] - box[0]) / side / 2, (box[3] - box[1]) / side / 2
    width, height = (max(1, round(step / 2 - 0.5) * 2 + 1) for step in (across, down))
    soft = cv2.blur(half, (width, height), borderType=cv2.BORDER_REPLICATE)
    affine = np.asarray(
        [[across, 0, box[0] / 2 + across / 2 - 0.5], [0, down, box[1] / 2 + down / 2 - 0.5]], dtype=np.float32
    )
    return np.asarray(
        cv2.warpAffine(
            soft,
            affine,
            (side, side),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
    )


def shrink(box: Box, share: float) -> Box:
    """Return a box with this share cut off (or added, when negative) on all sides."""
    dx, dy = (box[2] - box[0]) * share, (box[3] - box[1]) * share
    return (box[0] + dx, box[1] + dy, box[2] - dx, box[3] - dy)


def decode(data: bytes) -> Bytes | None:
    """Return a stored thumbnail, uint8 [h, w, 3], RGB; None when it does not decode."""
    image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR) if data else None
    return None if image is None else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def load(data: bytes) -> Picture:
    """Return a stored thumbnail ready for comparison. Raises ValueError when it does not decode."""
    image = decode(data)
    if image is None:
        raise ValueError("the thumbnail does not decode")
    return prepare(image)


def prepare(image: Bytes) -> Picture:
    """Return a picture, uint8 [h, w, 3], ready for comparison."""
    height, width = image.shape[:2]
    scale = SIDE / max(height, width)
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    pixels = cv2.resize(image, size, interpolation=way)
    ground, colour = find_ground(pixels)
    rows, columns = np.flatnonzero(~ground.all(axis=1)), np.flatnonzero(~ground.all(axis=0))
    if len(rows) and len(columns):
        box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    else:
        box = (0, 0, 0, 0)
    return Picture(pixels, ground, colour, box, find_lines(pixels * np.float32(1 / 255)), scale)


def find_ground(pixels: Bytes) -> tuple[Mask, Pixels]:
    """Return the area of one colour that is connected to the border, and its colour; empty where there is none.

    The colour is the commonest one along the border, and has to hold a quarter of it.
    """
    height, width = pixels.shape[:2]
    rim = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    code = (rim >> 4).astype(np.int64) @ np.asarray([256, 16, 1])
    colour = middle(rim[code == np.bincount(code).argmax()])
    low, high = (
        np.ceil(colour - 255 * GROUND).astype(np.float64),
        np.floor(colour + 255 * GROUND).astype(np.float64),
    )
    near = cv2.inRange(pixels, low, high) & 1
    along = np.concatenate([near[0], near[-1], near[:, 0], near[:, -1]])
    if np.count_nonzero(along) < 0.25 * len(along):
        return np.zeros((height, width), dtype=bool), colour / np.float32(255)
    # A frame laid around joins all that touches the border.
    framed = cv2.copyMakeBorder(near, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
    cv2.floodFill(framed, None, (0, 0), 2)
    return framed[1:-1, 1:-1] == 2, colour / np.float32(255)


def find_lines(rgb: Pixels) -> Pixels:
    """Return the strength of edges, float32 [h, w]: the largest gradient of a channel, compressed.

    A square root keeps one hard outline from outweighing all that is drawn inside it; the sign of contrast is gone,
    so that a drawing on white and on black has the same outlines.
    """
    soft = cv2.GaussianBlur(rgb, (0, 0), 1.0)
    across = cv2.Sobel(soft, cv2.CV_32F, 1, 0, ksize=3)
    down = cv2.Sobel(soft, cv2.CV_32F, 0, 1, ksize=3)
    across *= across
    down *= down
    across += down
    strength = np.sqrt(largest(across))
    strength *= np.float32(0.25)
    np.minimum(strength, 1.0, out=strength)
    return np.sqrt(strength, out=strength)


def middle(colours: Floats32 | Bytes) -> Floats32:
    """Return the middle value of each column of [n, c], float32 [c]: a median at a tenth of the price of numpy's."""
    half = len(colours) // 2
    found: Floats32 = np.partition(colours, half, axis=0)[half].astype(np.float32)
    return found


def largest(channels: Pixels) -> Pixels:
    """Return the largest of the channels [h, w, 3] or [h, w, 1]; numpy's own reduction of a short axis takes ten
    times as long."""
    if channels.shape[-1] == 1:
        return channels[..., 0]
    found: Pixels = np.maximum(channels[..., 0], channels[..., 1])
    return np.maximum(found, channels[..., 2], out=found)


def one_shape(picture: Picture) -> bool:
    """Tell whether a picture shows nothing but a shape of one colour on plain ground."""
    if not picture.ground.any():
        return False
    content = picture.pixels[~picture.ground].astype(np.float32) / np.float32(255)
    if not len(content):
        return True
    near = largest(np.abs(content - middle(content))) < GROUND
    return float(near.mean()) > ONE_COLOUR
