"""Where one copy lies in the other, in pixels of the files, as the simplest map that the lines agree with.

The pair check aligns two thumbnails by a free affine map. An edit is simpler than that: the same frame at another size,
a crop or a border at the same scale, a stretch. The simplest of these that fits about as well is taken, so that a
border of three percent is not lost in the freedom of the map.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from dedupe.compare.align import align
from dedupe.compare.image import Picture
from schema.arrays import Floats32, Floats64

# Long side of the line maps that maps are tried on.
SIDE = 96
# Differences of lines, in standard deviations, count up to this: a bar or a patch is one local disagreement.
CAP = 1.0
# A simpler map may fit this much worse than a freer one.
SLACK = 0.01
# Width of what is left out along the frames, in pixels of SIDE.
RIM = 3
OUTSIDE = -1e4
# Line maps that fit so well are not aligned again.
SAME_FRAME = 0.90
# ... nor where one fits into the other at the scale of their files.
INSIDE = 0.7
# Free maps turn by up to this many degrees where nothing was turned, and scale by this much where nothing was scaled.
UPRIGHT = 3.0
UNSCALED = 0.06


@dataclass(frozen=True, slots=True)
class Placement:
    """``map`` float64 [2, 3] takes pixels of the first file to pixels of the second, seen in a mirror where
    ``mirrored``; ``fit`` is 1 for equal lines."""

    map: Floats64
    mirrored: bool
    fit: float

    @property
    def scale(self) -> tuple[float, float]:
        """Pixels of the second file per pixel of the first, across and down."""
        return float(np.linalg.norm(self.map[:, 0])), float(np.linalg.norm(self.map[:, 1]))

    @property
    def rotation(self) -> float:
        """Degrees by which the second is turned against the first."""
        return float(np.degrees(np.arctan2(self.map[1, 0], self.map[0, 0])))

    def inverse(self) -> Floats64:
        """Return the map from the second to the first."""
        whole = np.vstack([self.map, [0.0, 0.0, 1.0]])
        found: Floats64 = np.linalg.inv(whole)[:2]
        return found


def place(first: Picture, second: Picture, sizes: tuple[tuple[int, int], tuple[int, int]]) -> Placement:
    """Return where the second picture lies in the first; ``sizes`` are width and height of both files."""
    lines = _Lines(first, second, sizes)
    (width, height), (wide, high) = sizes
    frame = np.asarray([[wide / width, 0, 0], [0, high / height, 0]])
    fit = lines.fit(frame)
    # A face is nearly the same in the mirror: both ways are tried before either is taken.
    turned = _Lines(first, second.mirrored(), sizes).fit(frame)
    if max(fit, turned) >= SAME_FRAME:
        mirrored = turned > fit + SLACK
        return Placement(frame, mirrored, turned if mirrored else fit)
    inside = _inside(first, second, sizes, lines)
    if inside is not None and inside[1] >= max(fit + 0.1, INSIDE):
        return Placement(inside[0], False, inside[1])
    alignment = align(first, second)
    if alignment.mirrored:
        lines = _Lines(first, second.mirrored(), sizes)
    free = lines.to_files(alignment.map)
    best = lines.fit(free)
    if inside is not None and inside[1] > max(best, fit) and not alignment.mirrored:
        return Placement(inside[0], False, inside[1])
    for guess in _simpler(free, frame, sizes, lines):
        fit = lines.fit(guess)
        if fit >= best - SLACK:
            return Placement(guess, alignment.mirrored, fit)
    return Placement(free, alignment.mirrored, best)


def _inside(
    first: Picture, second: Picture, sizes: tuple[tuple[int, int], tuple[int, int]], lines: _Lines
) -> tuple[Floats64, float] | None:
    """Return the best map at one scale of two files of which one is the larger both ways, and its fit; else None."""
    (width, height), (wide, high) = sizes
    if not ((width >= wide and height >= high) or (width <= wide and height <= high)):
        return None
    if max(width, height, wide, high) > 4 * min(wide, width) or (width, height) == (wide, high):
        return None
    scale = SIDE / max(width, height, wide, high)
    own, its = (_scaled(picture, size, scale) for picture, size in ((first, sizes[0]), (second, sizes[1])))
    larger, smaller = (own, its) if width * height >= wide * high else (its, own)
    # Along the frame of the smaller one there may be lines that a border made.
    cut = max(1, round(0.03 * min(smaller.shape)))
    part = smaller[cut:-cut, cut:-cut]
    if min(part.shape) < 8 or part.shape[0] > larger.shape[0] or part.shape[1] > larger.shape[1]:
        return None
    found = cv2.matchTemplate(larger, part, cv2.TM_CCOEFF_NORMED)
    _, _, _, (x, y) = cv2.minMaxLoc(found)
    shift = np.asarray([x - cut, y - cut]) / scale
    if width * height >= wide * high:
        shift = -shift
    guess = lines.shifted(np.column_stack([np.eye(2), shift]))
    fit = lines.fit(guess)
    # Of sides of one length nothing was cut off.
    for axis, equal in enumerate((width == wide, height == high)):
        if equal:
            straight = guess.copy()
            straight[axis, 2] = 0.0
            if (again := lines.fit(straight)) >= fit - SLACK:
                guess, fit = straight, again
    return guess, fit


def _scaled(picture: Picture, size: tuple[int, int], scale: float) -> Floats32:
    target = (max(8, round(size[0] * scale)), max(8, round(size[1] * scale)))
    small = cv2.resize(picture.lines, target, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), 1.0), dtype=np.float32)


def _simpler(
    free: Floats64, frame: Floats64, sizes: tuple[tuple[int, int], tuple[int, int]], lines: _Lines
) -> Iterator[Floats64]:
    """Yield upright maps near a free one, the simplest first."""
    yield frame
    across, down = float(np.linalg.norm(free[:, 0])), float(np.linalg.norm(free[:, 1]))
    if abs(np.degrees(np.arctan2(free[1, 0], free[0, 0]))) > UPRIGHT:
        return
    even = float(np.sqrt(across * down))
    scales = []
    if abs(across - 1) < UNSCALED and abs(down - 1) < UNSCALED:
        scales.append((1.0, 1.0))
    if abs(across / down - 1) < UNSCALED:
        scales.append((even, even))
    scales.append((across, down))
    (width, height), (wide, high) = sizes
    for scale in scales:
        # The free map is most reliable in the middle of what both show.
        left, right = _shared(free[0, 0], free[0, 2], width, wide)
        top, bottom = _shared(free[1, 1], free[1, 2], height, high)
        middle = np.asarray([(left + right) / 2, (top + bottom) / 2])
        turn = np.diag(scale)
        shift = free[:, :2] @ middle + free[:, 2] - turn @ middle
        yield lines.shifted(np.column_stack([turn, shift]))


def _shared(scale: float, shift: float, own: int, other: int) -> tuple[float, float]:
    low, high = -shift / scale, (other - shift) / scale
    return max(0.0, min(low, high)), min(float(own), max(low, high))


class _Lines:
    """Line maps of two pictures, at SIDE pixels, with what takes file pixels to theirs."""

    def __init__(
        self, first: Picture, second: Picture, sizes: tuple[tuple[int, int], tuple[int, int]]
    ) -> None:
        self._first, self._second, self._sizes = first, second, sizes
        self._own, self._its = first.small_lines(SIDE), second.small_lines(SIDE).copy()
        # A border has a line where it meets the frame of what it was laid around.
        self._inner = np.zeros(self._own.shape, dtype=bool)
        self._inner[RIM:-RIM, RIM:-RIM] = True
        for rim in (np.s_[:RIM], np.s_[-RIM:], np.s_[:, :RIM], np.s_[:, -RIM:]):
            self._its[rim] = OUTSIDE
        self._to_file = self._scale(self._own, sizes[0], back=True)
        self._from_file = self._scale(self._its, sizes[1], back=False)

    @staticmethod
    def _scale(lines: Floats32, size: tuple[int, int], back: bool) -> Floats64:
        across, down = size[0] / lines.shape[1], size[1] / lines.shape[0]
        return np.diag([across, down]) if back else np.diag([1 / across, 1 / down])

    def to_files(self, affine: Floats32) -> Floats64:
        """Return a map of working pixels as one of file pixels."""
        (width, height), (wide, high) = self._sizes
        own = np.diag([self._first.size[0] / width, self._first.size[1] / height])
        its = np.diag([wide / self._second.size[0], high / self._second.size[1]])
        turn = its @ affine[:, :2] @ own
        return np.column_stack([turn, its @ affine[:, 2]])

    def fit(self, affine: Floats64) -> float:
        """Return how well the lines agree under a map of file pixels: 1 less the mean capped difference."""
        turn = self._from_file @ affine[:, :2] @ self._to_file
        small = np.column_stack([turn, self._from_file @ affine[:, 2]]).astype(np.float32)
        height, width = self._own.shape
        moved = cv2.warpAffine(
            self._its,
            small,
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=OUTSIDE,
        )
        # Lines are never negative: what lies outside is, and whatever it bleeds into.
        seen = (moved > -1e-3) & self._inner
        own, its = self._own[seen], moved[seen]
        if own.size < 0.15 * self._own.size:
            return -1.0
        own, its = own - own.mean(), its - its.mean()
        own /= own.std() + 1e-3
        its /= its.std() + 1e-3
        return 1.0 - float(np.minimum(np.abs(own - its), CAP).mean())

    def shifted(self, affine: Floats64) -> Floats64:
        """Return an upright map with its shift moved to where the lines agree best, by up to two working pixels."""
        best, value = affine, self.fit(affine)
        steps = (self._from_file[0, 0], self._from_file[1, 1])
        for size in (1.0, 0.5, 0.25):
            for axis in (0, 1):
                for sign in (-1, 1):
                    moved = best.copy()
                    moved[axis, 2] += sign * size / steps[axis]
                    fit = self.fit(moved)
                    if fit > value:
                        best, value = moved, fit
                        break
        return best
