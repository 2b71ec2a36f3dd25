"""Two aligned pictures in one frame, equally large and equally sharp, with what of them is to be compared."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from dedupe.compare.align import Affine, Alignment, compose, warp
from dedupe.compare.image import SIDE, Mask, Picture, Pixels, largest
from schema.arrays import Floats32

# Colours further apart than this are seen as another colour by anyone.
CLEAR = 0.09
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


def overlay_pair(reference: Picture, other: Picture, alignment: Alignment) -> Overlap | None:
    """Return both pictures in the frame of the reference, no larger than the smaller one deserves; None when they
    share less than a sixth of it."""
    native = SIDE / max(reference.scale, other.scale, 1e-6)
    scale = float(np.clip(1.5 * native / SIDE, 0.4, 1.0))
    size = (max(8, round(reference.size[0] * scale)), max(8, round(reference.size[1] * scale)))
    to_small = np.asarray(
        [[size[0] / reference.size[0], 0, 0], [0, size[1] / reference.size[1], 0]], dtype=np.float32
    )
    source = other.mirrored() if alignment.mirrored else other
    inner = compose(alignment.map, cv2.invertAffineTransform(to_small).astype(np.float32))
    seen = (warp(np.ones(source.lines.shape, dtype=np.float32), inner, size) > 0.99).astype(np.uint8)
    valid = cv2.erode(seen, np.ones((3, 3), dtype=np.uint8), borderValue=0).astype(bool)
    if float(valid.mean()) < 1 / 6:
        return None

    def own(image: Floats32) -> Pixels:
        return image if scale == 1.0 else np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))

    def its(image: Floats32) -> Pixels:
        return warp(softened(image, inner), inner, size)

    a, b = own(reference.rgb), its(source.rgb)
    ground = (
        (own(reference.ground.astype(np.float32)) > 0.5)
        & (its(source.ground.astype(np.float32)) > 0.5)
        & valid
    )
    content, regrounded = find_content(a, b, valid, ground)
    # Outlines against another ground are harder or softer than the drawing is sharp.
    a, b = equally_sharp(a, b, content if int(content.sum()) > 200 else valid)
    own_lines, its_lines = own(reference.lines), its(source.lines)
    flat = np.exp(-((np.maximum(own_lines, its_lines) / 0.5) ** 4)).astype(np.float32) * valid
    shared = share_of_lines(own_lines, its_lines, valid)
    return Overlap(a, b, valid, content, regrounded, flat, 1.0 / scale**2, shared)


def share_of_lines(a: Pixels, b: Pixels, valid: Mask) -> float:
    """Return which share of the clear lines of either picture has at least a faint line nearby in the other.

    The smaller of both ways: a recoloured drawing keeps nearly all lines, another character on the same template
    does not.
    """
    kernel = np.ones((3, 3), dtype=np.uint8)
    shares = []
    for own, its in ((a, b), (b, a)):
        clear = (own > 0.3) & valid
        if int(clear.sum()) < 20:
            return 0.0
        shares.append(float((cv2.dilate(its, kernel) > 0.15)[clear].mean()))
    return min(shares)


def softened(image: Pixels, affine: Affine) -> Pixels:
    """Return an image blurred for being scaled down by a map, so that sampling does not alias."""
    shrink = float(np.sqrt(abs(np.linalg.det(affine[:, :2].astype(np.float64)))))
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 0.5 * shrink)) if shrink > 1.2 else image


def equally_sharp(a: Pixels, b: Pixels, valid: Mask) -> tuple[Pixels, Pixels]:
    """Return both pictures with the sharper one blurred to the energy of the other's gradients."""

    def energy(grey: Pixels) -> float:
        soft = cv2.GaussianBlur(grey, (0, 0), 0.8)
        across, down = np.diff(soft, axis=1)[:-1], np.diff(soft, axis=0)[:, :-1]
        return float((across**2 + down**2)[inside].mean()) + 1e-9

    inside = valid[1:, 1:]
    grey_a, grey_b = a @ LUMA_ROW, b @ LUMA_ROW
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
    own, its = (np.median(image.reshape(-1, 3)[places], axis=0) for image in (a, b))
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
