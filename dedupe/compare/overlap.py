"""Two aligned pictures in one frame, equally large and equally sharp, with what of them is to be compared."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from dedupe.compare.align import Affine, Alignment, compose, nearest, warp
from dedupe.compare.image import SIDE, Mask, Picture, Pixels, largest, middle
from schema.arrays import Floats32

# Colours further apart than this are seen as another colour by anyone.
CLEAR = 0.09
# Share of the reference that both have to show.
LEAST_SEEN = 1 / 6
LUMA_ROW = np.asarray([0.299, 0.587, 0.114], dtype=np.float32)


@dataclass(slots=True)
class Overlap:
    """Two pictures in one frame: ``a``, ``b`` [h, w, 3] equally sharp; ``valid`` where both are seen; ``content`` where
    colours count; ``regrounded`` when their plain grounds differ; ``flat`` weights away from lines; ``pixel`` how many
    pixels of SIDE one of these is."""

    a: Pixels
    b: Pixels
    valid: Mask
    content: Mask
    regrounded: bool
    flat: Pixels
    pixel: float
    shared: float

    def cover(self, box: tuple[int, int, int, int]) -> None:
        """Leave out a box and its rim."""
        left, top, right, bottom = box
        self.valid[max(0, top - 4) : bottom + 4, max(0, left - 4) : right + 4] = False
        self.content &= self.valid
        self.flat *= self.valid


@dataclass(frozen=True, slots=True)
class Frame:
    """What it takes to lay the ``other`` (mirrored where it is) into the frame of a ``reference``: ``size`` width and
    height, ``scale`` of the reference, and the ``map`` from the frame's pixels to the other's."""

    reference: Picture
    other: Picture
    size: tuple[int, int]
    scale: float
    map: Affine

    def own(self, image: Floats32) -> Pixels:
        """Return an image of the reference in this frame."""
        if self.scale == 1.0:
            return image
        return np.asarray(cv2.resize(image, self.size, interpolation=cv2.INTER_AREA))

    def its(self, image: Floats32) -> Pixels:
        """Return an image of the other in this frame."""
        return warp(softened(image, self.map), self.map, self.size)

    def valid(self) -> Mask:
        """Return where both are seen."""
        width, height = self.size
        corners = np.asarray([[0, 0, 1], [width - 1, 0, 1], [0, height - 1, 1], [width - 1, height - 1, 1]])
        reached = corners @ self.map.T.astype(np.float64)
        most = np.asarray(self.other.size) - 1
        if (reached >= 0).all() and (reached <= most).all():
            found = np.zeros((height, width), dtype=bool)
            found[1:-1, 1:-1] = True
            return found
        seen = (warp(np.ones(self.other.lines.shape, dtype=np.float32), self.map, self.size) > 0.99).astype(
            np.uint8
        )
        return np.asarray(cv2.erode(seen, np.ones((3, 3), dtype=np.uint8), borderValue=0), dtype=bool)


def common_frame(reference: Picture, other: Picture, alignment: Alignment) -> Frame:
    """Return the frame of the reference, no larger than the smaller of both pictures deserves."""
    native = SIDE / max(reference.scale, other.scale, 1e-6)
    scale = float(np.clip(1.5 * native / SIDE, 0.4, 1.0))
    size = (max(8, round(reference.size[0] * scale)), max(8, round(reference.size[1] * scale)))
    to_frame = np.asarray(
        [[reference.size[0] / size[0], 0, 0], [0, reference.size[1] / size[1], 0]], dtype=np.float32
    )
    source = other.mirrored() if alignment.mirrored else other
    return Frame(reference, source, size, scale, compose(alignment.map, to_frame))


def compare_lines(reference: Picture, other: Picture, alignment: Alignment) -> tuple[float, float]:
    """Return which share of the lines of either picture is in the other (``share_of_lines``), and which share of the
    reference both show; no share of lines where that is less than a sixth."""
    shared_frame = common_frame(reference, other, alignment)
    valid = shared_frame.valid()
    seen = float(np.count_nonzero(valid)) / valid.size
    if seen < LEAST_SEEN:
        return 0.0, seen
    own, its = shared_frame.own(reference.lines), shared_frame.its(shared_frame.other.lines)
    return share_of_lines(own, its, valid), seen


def overlay_pair(reference: Picture, other: Picture, alignment: Alignment) -> Overlap | None:
    """Return both pictures in the frame of the reference; None when they share less than a sixth of it."""
    shared_frame = common_frame(reference, other, alignment)
    valid = shared_frame.valid()
    if float(np.count_nonzero(valid)) / valid.size < LEAST_SEEN:
        return None
    own, its, source = shared_frame.own, shared_frame.its, shared_frame.other
    layers = own(reference.layers), its(source.layers)
    a, b = (np.asarray(cv2.cvtColor(each, cv2.COLOR_RGBA2RGB)) for each in layers)
    own_lines, its_lines = (np.asarray(cv2.extractChannel(each, 3)) for each in layers)
    ground = valid & (own(reference.ground.view(np.uint8)) > 0)
    if ground.any():
        ground &= nearest(source.ground.view(np.uint8), shared_frame.map, shared_frame.size) > 0
    content, regrounded = find_content(a, b, valid, ground)
    # Outlines against another ground are harder or softer than the drawing is sharp.
    a, b = equally_sharp(a, b, content if np.count_nonzero(content) > 200 else valid)
    # exp(-(lines / 0.5) ** 4)
    fourth = np.maximum(own_lines, its_lines)
    fourth *= fourth
    fourth *= fourth
    fourth *= np.float32(-16)
    flat = np.asarray(cv2.exp(fourth))
    flat *= valid
    shared = share_of_lines(own_lines, its_lines, valid)
    return Overlap(a, b, valid, content, regrounded, flat, 1.0 / shared_frame.scale**2, shared)


def share_of_lines(a: Pixels, b: Pixels, valid: Mask) -> float:
    """Return which share of the clear lines of either picture has at least a faint line nearby in the other.

    The smaller of both ways: a recoloured drawing keeps nearly all lines, another character on the same template
    does not.
    """
    kernel = np.ones((3, 3), dtype=np.uint8)
    shares = []
    for own, its in ((a, b), (b, a)):
        clear = (own > 0.3) & valid
        count = np.count_nonzero(clear)
        if count < 20:
            return 0.0
        near = cv2.dilate((its > 0.15).view(np.uint8), kernel).view(bool)
        shares.append(np.count_nonzero(near & clear) / count)
    return min(shares)


def softened(image: Pixels, affine: Affine) -> Pixels:
    """Return an image blurred for being scaled down by a map, so that sampling does not alias."""
    shrink = float(np.sqrt(abs(np.linalg.det(affine[:, :2].astype(np.float64)))))
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 0.5 * shrink)) if shrink > 1.2 else image


def equally_sharp(a: Pixels, b: Pixels, valid: Mask) -> tuple[Pixels, Pixels]:
    """Return both pictures with the sharper one blurred to the energy of the other's gradients."""
    inside = np.ascontiguousarray(valid[1:, 1:]).view(np.uint8)
    count = max(int(np.count_nonzero(inside)), 1)

    def energy(grey: Pixels) -> float:
        soft = cv2.GaussianBlur(grey, (0, 0), 0.8)
        corner = soft[:-1, :-1]
        across, down = cv2.subtract(soft[:-1, 1:], corner), cv2.subtract(soft[1:, :-1], corner)
        total = cv2.norm(across, cv2.NORM_L2SQR, inside) + cv2.norm(down, cv2.NORM_L2SQR, inside)
        return float(total) / count + 1e-9

    grey_a, grey_b = cv2.transform(a, LUMA_ROW[None]), cv2.transform(b, LUMA_ROW[None])
    own, its = energy(grey_a), energy(grey_b)
    sharp, goal = (grey_a, its) if own > its else (grey_b, own)
    best, nearest = 0.0, abs(float(np.log(max(own, its) / goal)))
    for sigma in (0.7, 1.0, 1.5, 2.0, 2.8):
        if nearest < 0.05:
            break
        off = abs(float(np.log(energy(cv2.GaussianBlur(sharp, (0, 0), sigma)) / goal)))
        if off >= nearest:
            break
        best, nearest = sigma, off
    if not best:
        return a, b
    if own > its:
        return np.asarray(cv2.GaussianBlur(a, (0, 0), best)), b
    return a, np.asarray(cv2.GaussianBlur(b, (0, 0), best))


def find_content(a: Pixels, b: Pixels, valid: Mask, ground: Mask) -> tuple[Mask, bool]:
    """Return where colours count: all but the common ground, and all pockets of it when the ground was replaced."""
    content = valid & ~ground
    if int(ground.sum()) < 50:
        return content, False
    # The ground is one colour: some hundred of its pixels say which.
    places = np.flatnonzero(ground)
    places = places[:: max(1, len(places) // 500)]
    own, its = (middle(image.reshape(-1, 3)[places]) for image in (a, b))
    if float(np.abs(own - its).max()) < CLEAR:
        return content, False
    pockets = (largest(np.abs(a - own)) < 0.1) & (largest(np.abs(b - its)) < 0.1)
    rim = cv2.dilate((pockets | ground).astype(np.uint8), np.ones((7, 7), dtype=np.uint8)).astype(bool)
    return valid & ~rim, True


def sample(overlap: Overlap, count: int = 1200) -> tuple[Pixels, Pixels]:
    """Return colours of up to ``count`` flat places of both pictures, evenly spread."""
    places = np.flatnonzero((overlap.flat > 0.3).ravel())
    if len(places) < 200:
        places = np.flatnonzero(overlap.valid.ravel())
    step = max(1, len(places) // count)
    chosen = places[::step]
    return overlap.a.reshape(-1, 3)[chosen], overlap.b.reshape(-1, 3)[chosen]
