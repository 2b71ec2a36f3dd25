"""Two aligned pictures in some 24 x 24 cells: which share of them no change of tone and no bar explains.

That share is large for nearly all pairs of versions, and small for copies whatever was done to them. It takes a tenth
of a millisecond, the comparison of all pixels (difference.py) some: so it comes first, and often it is all.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from dedupe.compare.align import Alignment, compose, inverse
from dedupe.compare.image import Picture, largest, middle
from schema.arrays import Bools, Bytes, Floats32

# A cell of another colour differs this much in a channel, of 1.
OFF = 0.12
# Grounds further apart than this are two colours.
OTHER_GROUND = 0.09
# Share of the height or width that a bar over the rim covers at the most.
STRIP = 0.2
# Share of a rectangle's cells that are of another colour where it hides a part of the picture.
PATCH = 0.7
# Share of its inner cells that are of one colour.
FILLED = 0.8
# How far the tint of a cell may be from that of the picture where it is one in shades of one tint.
GREY = 0.1
# Kinds of tone that are fitted to the cells.
KINDS = ("contrast", "brightness", "gamma", "saturation", "grey")
LUMA = np.asarray([0.299, 0.587, 0.114], dtype=np.float32)
OUTSIDE = -1e3


class Cells:
    """The cells of a pair under an alignment."""

    def __init__(self, reference: Picture, other: Picture, alignment: Alignment) -> None:
        source = other.mirrored() if alignment.mirrored else other
        own, its = reference.colours(), source.colours()
        height, width = own.shape[:2]
        affine = compose(
            _to_small(source.size, its.shape),
            compose(alignment.map, inverse(_to_small(reference.size, own.shape))),
        )
        its = cv2.warpAffine(
            its,
            affine,
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(OUTSIDE, OUTSIDE, OUTSIDE, OUTSIDE),
        )
        size = ((width + 1) // 2, (height + 1) // 2)
        own, its = (cv2.resize(each, size, interpolation=cv2.INTER_AREA) for each in (own, its))
        # What lies outside is far below any colour, and so is whatever it bleeds into.
        valid = its[..., 0] > -0.01
        self.seen = float(np.count_nonzero(valid)) / valid.size
        self._own, self._its = own, its
        self._content = _content(own, its, valid)
        self._count = max(int(np.count_nonzero(self._content)), 1)

    @cached_property
    def plain(self) -> float:
        """The share of another colour as the colours are."""
        return float(np.count_nonzero(self._other)) / self._count

    @cached_property
    def outside_mark(self) -> float:
        """The least share of another colour outside a bar along a side or a filled rectangle."""
        return min(self.outside_strip, self.outside_patch)

    @cached_property
    def outside_strip(self) -> float:
        """The least share of another colour outside a strip along one side, where a bar may lie."""
        shares = []
        for axis, length in enumerate(self._other.shape):
            other = np.count_nonzero(self._other, axis=1 - axis)
            content = np.count_nonzero(self._content, axis=1 - axis)
            cut = max(1, round(STRIP * length))
            for part in (slice(cut, length), slice(0, length - cut)):
                shares.append(float(other[part].sum()) / max(int(content[part].sum()), 1))
        return min(shares)

    @cached_property
    def outside_patch(self) -> float:
        """The share of another colour outside a filled rectangle that one of the two has, where there is one."""
        _, _, stats, _ = cv2.connectedComponentsWithStats(self._other.astype(np.uint8))
        if len(stats) < 2:
            return 0.0
        largest_one = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
        left, top, wide, high, count = (int(value) for value in stats[largest_one])
        if wide * high > STRIP * self._other.size or count < PATCH * wide * high:
            return self.plain
        inner = (slice(top + 1, top + high - 1), slice(left + 1, left + wide - 1))
        for image in (self._own, self._its):
            part = image[inner][..., :3].reshape(-1, 3)
            if len(part) and float((np.abs(part - middle(part)).max(axis=1) < OFF / 2).mean()) > FILLED:
                return self.plain - count / self._count
        return self.plain

    @cached_property
    def _other(self) -> Bools:
        apart: Bools = (largest(np.abs(self._own[..., :3] - self._its[..., :3])) > OFF) & self._content
        return apart

    @cached_property
    def toned(self) -> dict[tuple[str, bool], float]:
        """The share of another colour under the best of each kind of tone, by its name and whether it takes the other
        to the reference."""
        content = self._content
        if not content.any():
            return {(name, backwards): 0.0 for name in KINDS for backwards in (False, True)}
        own, its = (np.ascontiguousarray(each[content].T[:3, None]) for each in (self._own, self._its))
        weight = np.ones(own.shape[1:], dtype=np.float32)
        shares = tone_shares(own, its, weight, np.full(1, self._count, dtype=np.float32), OFF)
        return {
            (name, backwards): float(shares[kind, int(backwards), 0])
            for kind, name in enumerate(KINDS)
            for backwards in (False, True)
        }


def _to_small(size: tuple[int, int], shape: tuple[int, ...]) -> Floats32:
    """The map from pixels of a picture of this size to those of its colours: centres of areas onto centres of areas."""
    x, y = shape[1] / size[0], shape[0] / size[1]
    return np.asarray([[x, 0, 0.5 * x - 0.5], [0, y, 0.5 * y - 0.5]], dtype=np.float32)


def _content(own: Floats32, its: Floats32, valid: Bools) -> Bools:
    """Where colours count: not on ground of both, and not next to it where one of them has another ground."""
    ground = (own[..., 3] > 0.5) & (its[..., 3] > 0.5) & valid
    content = valid & ~ground
    if np.count_nonzero(ground) < 4:
        return content
    a, b = middle(own[ground])[:3], middle(its[ground])[:3]
    if float(np.abs(a - b).max()) < OTHER_GROUND:
        return content
    pockets = (largest(np.abs(own[..., :3] - a)) < 0.1) & (largest(np.abs(its[..., :3] - b)) < 0.1)
    rim = cv2.dilate((ground | pockets).astype(np.uint8), np.ones((3, 3), dtype=np.uint8))
    found: Bools = valid & (rim == 0)
    return found


def planes(cells: Bytes) -> Floats32:
    """Return cells uint8 [n, h, w, 4] as float32 [4, n, h * w] in 0..1."""
    found: Floats32 = np.moveaxis(cells.reshape(len(cells), -1, 4), 2, 0).astype(np.float32) / np.float32(255)
    return found


def left(mapped: Floats32, goal: Floats32, weight: Floats32, total: Floats32, off: float) -> Floats32:
    """Return the share of the weight where colours, planes [c, n, cells], differ in a channel by ``off``."""
    apart = mapped - goal
    np.abs(apart, out=apart)
    most = apart[0]
    for channel in apart[1:]:
        np.maximum(most, channel, out=most)
    found: Floats32 = np.einsum("nc,nc->n", (most > off).astype(np.float32), weight)
    return found / total


def tone_shares(x: Floats32, y: Floats32, weight: Floats32, total: Floats32, off: float) -> Floats32:
    """Return the share of the weight that differs (``left``) under each kind of tone (KINDS), float32 [kinds, 2, n].

    Each kind is fitted by least squares, to take ``x`` to ``y`` (0) and ``y`` to ``x`` (1): colours as planes [3, n,
    cells], weights [n, cells].
    """
    found = np.empty((len(KINDS), 2, len(total)), dtype=np.float32)
    greys = [_luma(each) for each in (x, y)]
    chromas = [each - grey for each, grey in zip((x, y), greys, strict=True)]
    mass = weight.sum(axis=1) + np.float32(1e-6)
    sums, grey_sums = _Sums.of(x, y, weight), _Sums.of(greys[0][None], greys[1][None], weight)
    logs = [np.log(np.clip(grey, 0.02, 0.98)) for grey in greys]
    log_sums = [np.einsum("nc,nc->n", each, weight) for each in logs]
    chroma_sums = [
        np.einsum("knc,knc,nc->n", a, b, weight) for a, b in ((chromas[0],) * 2, (chromas[1],) * 2, chromas)
    ]
    for way, (u, v) in enumerate(((x, y), (y, x))):
        other = 1 - way
        own_sums = sums.swapped() if way else sums
        slope, offset = own_sums.line(3 * mass)
        mapped = slope * u
        mapped += offset
        found[0, way] = left(np.clip(mapped, 0, 1, out=mapped), v, weight, total, off)
        gain = own_sums.xy / (own_sums.xx + np.float32(1e-3))
        mapped = np.multiply(u, gain[:, None], out=mapped)
        found[1, way] = left(np.minimum(mapped, 1, out=mapped), v, weight, total, off)
        gamma = np.clip(log_sums[other] / (log_sums[way] - np.float32(1e-3)), 0.4, 2.5)
        mapped = np.log(np.maximum(u, np.float32(1e-4)), out=mapped)
        mapped *= gamma[:, None]
        found[2, way] = left(np.exp(mapped, out=mapped), v, weight, total, off)
        rate = chroma_sums[2] / (chroma_sums[way] + np.float32(1e-3))
        mapped = np.multiply(chromas[way], rate[:, None], out=mapped)
        mapped += greys[way]
        found[3, way] = left(np.clip(mapped, 0, 1, out=mapped), v, weight, total, off)
        # A picture in shades of one tint: all channels follow its lightness, and lightness is all that is compared.
        tint = chromas[other]
        middle = np.einsum("knc,nc->kn", tint, weight) / mass
        plain = (np.abs(tint - middle[..., None]) < 2 * GREY).all(axis=(0, 2))
        slope, offset = (grey_sums.swapped() if way else grey_sums).line(mass)
        grey = np.clip(slope * greys[way] + offset, 0, 1)
        found[4, way] = np.where(plain, left(grey[None], greys[other][None], weight, total, off), 1)
    return found


def _luma(colours: Floats32) -> Floats32:
    """Lightness of colours, planes [3, n, cells], float32 [n, cells]."""
    found: Floats32 = colours[0] * LUMA[0] + colours[1] * LUMA[1] + colours[2] * LUMA[2]
    return found


@dataclass(frozen=True, slots=True)
class _Sums:
    """Weighted sums over channels and cells of x, y, x x, y y and x y, float32 [n] each."""

    x: Floats32
    y: Floats32
    xx: Floats32
    yy: Floats32
    xy: Floats32

    @classmethod
    def of(cls, x: Floats32, y: Floats32, weight: Floats32) -> _Sums:
        """Return the sums of colours, planes [c, n, cells], with weights [n, cells]."""
        heavy_x, heavy_y = x * weight, y * weight
        first, second = (np.einsum("knc->n", each) for each in (heavy_x, heavy_y))
        pairs = ((heavy_x, x), (heavy_y, y), (heavy_x, y))
        xx, yy, xy = (np.einsum("knc,knc->n", a, b) for a, b in pairs)
        return cls(first, second, xx, yy, xy)

    def swapped(self) -> _Sums:
        """Return the sums of y and x."""
        return _Sums(self.y, self.x, self.yy, self.xx, self.xy)

    def line(self, mass: Floats32) -> tuple[Floats32, Floats32]:
        """Return slope and offset of y over x, all channels together, float32 [n, 1]."""
        cross, spread = self.xy - self.x * self.y / mass, self.xx - self.x * self.x / mass
        slope = np.asarray(cross / (spread + np.float32(1e-3)), dtype=np.float32)
        offset = np.asarray((self.y - slope * self.x) / mass, dtype=np.float32)
        return slope[:, None], offset[:, None]
