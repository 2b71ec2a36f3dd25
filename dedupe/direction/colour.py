"""What became of the colours: taken out, tinted, clipped at white or black, or the plain ground replaced."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from dedupe.compare.tone import LUMA
from schema.arrays import Bools, Floats32

# Colours that are looked at per picture, evenly spread.
SAMPLE = 600
# A channel at either end of the scale, and how far the other copy varies there when something was lost.
WHITE, BLACK = 0.985, 0.015
LIGHT = 0.6
VARIES = 0.05
# Colours of one lightness and one tint differ by less than this: JPEG stores them coarsely.
TINT = 0.045
# Mean of the tints of one hue, as a share of their mean length.
ONE_HUE = 0.95
# Grounds this far apart in a channel are two grounds.
OTHER_GROUND = 0.06


@dataclass(frozen=True, slots=True)
class Colouring:
    """``chroma``: the difference of channels that a twentieth of the colours exceed, 0..1, and ``most`` that one in
    two hundred exceeds; ``one_tint`` whether lightness alone decides the colour, as in a grey or sepia picture;
    ``paper`` the difference of channels of the lightest."""

    chroma: float
    most: float
    one_tint: bool
    paper: float


def colouring(image: Floats32, valid: Bools) -> Colouring:
    """Return how coloured a picture [h, w, 3] is where ``valid``."""
    pixels = image[valid]
    pixels = pixels[:: max(1, len(pixels) // SAMPLE)]
    spread = np.ptp(pixels, axis=1)
    grey = lightness(pixels[None])[0]
    light = grey >= np.quantile(grey, 0.97) - 0.01
    chroma, most = np.quantile(spread, (0.95, 0.995))
    return Colouring(float(chroma), float(most), _one_tint(pixels, grey), float(np.median(spread[light])))


def _one_tint(pixels: Floats32, grey: Floats32) -> bool:
    """Whether pixels [n, 3] of one lightness [n] have one colour, but for one in thirty."""
    order = np.argsort(grey, kind="stable")
    tints = (pixels[:, :2] - pixels[:, 1:])[order]
    # Against the median of those of about the same lightness, twelve at a time.
    usable = len(tints) // 12 * 12
    if not usable:
        return False
    parts = tints[:usable].reshape(-1, 12, 2)
    off = np.abs(parts - np.median(parts, axis=1, keepdims=True)).max(axis=2)
    if np.quantile(off, 0.967) >= TINT:
        return False
    # A flat drawing may happen to have one colour for each lightness, but not one hue.
    tints = pixels[:, [0, 2]] - pixels[:, 1:2]
    length = float(np.linalg.norm(tints, axis=1).mean())
    return length < TINT or float(np.linalg.norm(tints.mean(axis=0))) > ONE_HUE * length


def clipped(first: Floats32, second: Floats32, valid: Bools) -> tuple[float, float]:
    """Return, of each of two aligned pictures [h, w, 3], the share of the area where a channel is at an end of its
    scale and the other picture still varies."""
    if not valid.any():
        return 0.0, 0.0
    own, its = cv2.blur(first, (3, 3))[valid], cv2.blur(second, (3, 3))[valid]
    return _lost(own, its), _lost(its, own)


def _lost(own: Floats32, its: Floats32) -> float:
    shares = []
    for channel in range(3):
        lost = 0
        for at_end in (own[:, channel] > WHITE, own[:, channel] < BLACK):
            values = its[at_end, channel]
            if len(values) > 20:
                lost += int((np.abs(values - np.median(values)) > VARIES).sum())
        shares.append(lost / len(own))
    return max(shares)


def at_ends(first: Floats32, second: Floats32) -> Bools:
    """Return where a channel of either of two aligned pictures is at an end of the scale."""
    found = np.zeros(first.shape[:2], dtype=bool)
    for image in (first, second):
        found |= ((image > WHITE) | (image < BLACK)).any(axis=2)
    return np.asarray(cv2.dilate(found.astype(np.uint8), np.ones((3, 3), np.uint8)), dtype=bool)


def burnt(first: Floats32, second: Floats32) -> Bools:
    """Return where the first of two pictures of one tone is white and the second at least light."""
    least, light = first.min(axis=2), second.mean(axis=2)
    return np.asarray((least > WHITE) & (light > LIGHT))


@dataclass(frozen=True, slots=True)
class Grounds:
    """Plain grounds of two copies that differ: the ``colours`` float32 [3] of each, and the share of the drawing's
    outline that is lighter than both sides of it: what is left of a lighter ground."""

    colours: tuple[Floats32, Floats32]
    halo: tuple[float, float]

    @property
    def lightness(self) -> tuple[float, float]:
        """Lightness of each, 0..1."""
        return float(self.colours[0] @ LUMA), float(self.colours[1] @ LUMA)

    @property
    def chroma(self) -> tuple[float, float]:
        """Difference of channels of each."""
        return float(np.ptp(self.colours[0])), float(np.ptp(self.colours[1]))


def grounds(first: Floats32, second: Floats32, ground: tuple[Bools, Bools]) -> Grounds | None:
    """Return the plain grounds of two aligned pictures where they are of different colours; None where they are not."""
    common = ground[0] & ground[1]
    if int(common.sum()) < 0.02 * common.size:
        return None
    own, its = (np.median(image[common], axis=0) for image in (first, second))
    if float(np.abs(own - its).max()) < OTHER_GROUND:
        return None
    halo = (_halo(first, ground[0], own), _halo(second, ground[1], its))
    return Grounds((own, its), halo)


def _halo(image: Floats32, ground: Bools, colour: Floats32) -> float:
    """Share of the pixels next to the ground that are lighter than it and than what lies further inside."""
    three = np.ones((3, 3), dtype=np.uint8)
    plain = ground.astype(np.uint8)
    rim = (cv2.dilate(plain, three) > 0) & ~ground
    if int(rim.sum()) < 20:
        return 0.0
    grey = lightness(image)
    deep = (cv2.dilate(plain, np.ones((7, 7), np.uint8)) == 0).astype(np.float32)
    weight = cv2.blur(deep, (9, 9))
    inner = cv2.blur(grey * deep, (9, 9)) / np.maximum(weight, 1e-6)
    rim &= weight > 0.02
    if int(rim.sum()) < 20:
        return 0.0
    beyond = grey[rim] > np.maximum(inner[rim], float(colour @ LUMA)) + 0.06
    return float(beyond.mean())


def lightness(image: Floats32) -> Floats32:
    """Return the lightness of a picture [h, w, 3], as [h, w]."""
    return np.asarray(cv2.transform(image, LUMA[None]), dtype=np.float32)
