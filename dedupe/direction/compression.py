"""Traces of compression and of fewer colours in the pixels themselves: the ending of a file says nothing of its past.

A JPEG leaves coefficients of its 8 x 8 blocks at nought, also when it was saved as PNG afterwards. Any lossy encoder
leaves ripples where its source was perfectly flat. A palette, a change of tone or a loss of colour is a function of
the source's colours, and the source is none of the copy's.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from dedupe.compare.image import largest
from schema.arrays import Bytes, Floats32, Ints

# Blocks of less range than this, in grey levels, have no coefficients to lose; fewer blocks than this say nothing.
ACTIVE = 6
FEWEST_BLOCKS = 40
MOST_BLOCKS = 1024
# Flat: a neighbourhood of 3 x 3 differs by no more than this. Rough: the kernel, which sees neither planes nor straight
# edges, answers by this much; rounding of a ramp makes it answer by less.
FLAT, ROUGH = 1, 6
BLIND_TO_RAMPS = np.asarray([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
# Pixels whose colours are counted.
COLOURS = 16_384


def grid(grey: Bytes) -> float:
    """Return how many more coefficients are nought on the 8 x 8 grid of a JPEG than between its lines, -1..1.

    Of pictures that never were a JPEG 0, at most 0.06 for small ones; from 0.1 at quality 95 to 0.5. NaN where too
    little is drawn. All 64 places of the grid are possible, since a crop moves it.
    """
    across, down = _phase(grey, 1), _phase(grey, 0)
    values = [
        _noughts(grey, left, top) - _noughts(grey, left + 4, top + 4)
        for left, top in {(0, 0), (across, down)}
    ]
    found = [value for value in values if np.isfinite(value)]
    return max(found) if found else float("nan")


def _phase(grey: Bytes, axis: int) -> int:
    """Where the lines of a grid of eight begin: at the strongest steps between neighbours."""
    step = cv2.absdiff(grey[:, 1:], grey[:, :-1]) if axis else cv2.absdiff(grey[1:], grey[:-1])
    # Real edges are strong and anywhere; the steps of blocks are weak and everywhere.
    weak = cv2.min(step, 6).mean(axis=1 - axis)
    usable = len(weak) // 8 * 8
    if not usable:
        return 0
    return int((weak[:usable].reshape(-1, 8).mean(axis=0).argmax() + 1) % 8)


def _noughts(grey: Bytes, left: int, top: int) -> float:
    """Share of the higher coefficients below 1, in the blocks with something drawn, of a grid that begins here."""
    part = grey[top:, left:]
    high, wide = part.shape[0] // 8, part.shape[1] // 8
    if not high or not wide:
        return float("nan")
    blocks = part[: high * 8, : wide * 8].reshape(high, 8, wide, 8).transpose(0, 2, 1, 3)
    own = part[: high * 8, : wide * 8]
    most, least = cv2.dilate(own, _EIGHT, anchor=(0, 0)), cv2.erode(own, _EIGHT, anchor=(0, 0))
    active = cv2.subtract(most[::8, ::8], least[::8, ::8]) > ACTIVE
    if int(active.sum()) < FEWEST_BLOCKS:
        return float("nan")
    places = np.flatnonzero(active.ravel())
    places = places[:: max(1, len(places) // MOST_BLOCKS)]
    blocks = blocks[places // wide, places % wide].reshape(-1, 64).astype(np.float32)
    # Not numpy's product: the threads of its BLAS cost more than these few numbers.
    return float((np.abs(cv2.gemm(blocks, _HIGH, 1.0, None, 0.0)) < 1.0).mean())


def _basis() -> Floats32:
    """The 8 x 8 DCT as a matrix [64 pixels, coefficients], only those of higher frequency."""
    place, frequency = np.arange(8)[None, :], np.arange(8)[:, None]
    line = np.cos((2 * place + 1) * frequency * np.pi / 16) * np.where(frequency == 0, np.sqrt(1 / 8), 0.5)
    whole = np.einsum("ux,vy->xyuv", line, line).reshape(64, 64)
    u, v = np.divmod(np.arange(64), 8)
    return np.ascontiguousarray(whole[:, u + v >= 7], dtype=np.float32)


_HIGH = _basis()
_EIGHT = np.ones((8, 8), np.uint8)


@dataclass(frozen=True, slots=True)
class Ripples:
    """Shares of the area where one copy is perfectly flat and the other is not: ``first`` where the first ripples."""

    first: float
    second: float


def ripples(first: Bytes, second: Bytes) -> Ripples:
    """Return where either of two grey pictures uint8 [h, w] of the same pixels ripples and the other is flat.

    A ramp is no ripple: where a palette made steps of it, its source is smooth.
    """
    three = np.ones((3, 3), np.uint8)
    flat, rough = [], []
    for grey in (first, second):
        flat.append(cv2.subtract(cv2.dilate(grey, three), cv2.erode(grey, three)) <= FLAT)
        rough.append(cv2.convertScaleAbs(cv2.filter2D(grey, cv2.CV_16S, BLIND_TO_RAMPS)) >= ROUGH)
    return Ripples(float((rough[0] & flat[1]).mean()), float((rough[1] & flat[0]).mean()))


@dataclass(frozen=True, slots=True)
class Colours:
    """How many colours the same places of two copies have, ``first``, ``second`` and as pairs ``both``; the share of
    places that ``differ`` by more than two levels, by how many levels these do at the median (``change``), and the
    share of the parts with something drawn in which there are any (``spread``)."""

    first: int
    second: int
    both: int
    differ: float
    change: float
    spread: float


def count_colours(first: Bytes, second: Bytes) -> Colours:
    """Return the colours of two pictures uint8 [h, w, 3] of the same pixels."""
    own, its = _sample(first), _sample(second)
    apart = np.abs(own - its).max(axis=1)
    spread = _spread(first, second)
    changed = apart > 2
    change = float(np.median(apart[changed])) if changed.any() else 0.0
    numbers = [pixels @ np.asarray([65536, 256, 1]) for pixels in (own, its)]
    counts = [len(np.unique(number)) for number in (*numbers, (numbers[0] << 24) | numbers[1])]
    return Colours(counts[0], counts[1], counts[2], float(changed.mean()), change, spread)


def _spread(first: Bytes, second: Bytes) -> float:
    """Share of 16 x 16 parts, of those that are not plain, with places that differ."""
    differ = largest(cv2.absdiff(first, second)) > 2
    grey = cv2.cvtColor(first, cv2.COLOR_RGB2GRAY)
    three = np.ones((3, 3), np.uint8)
    drawn = cv2.subtract(cv2.dilate(grey, three), cv2.erode(grey, three)) > ACTIVE
    parts = [
        cv2.resize(mask.astype(np.float32), (16, 16), interpolation=cv2.INTER_AREA)
        for mask in (differ, drawn)
    ]
    some = parts[1] > 0.02
    return float((parts[0][some] > 0.005).mean()) if some.any() else 0.0


def explained(first: Bytes, second: Bytes) -> float:
    """Return how badly the smaller of two grey pictures of one frame, enlarged, explains the larger one.

    In units of what the larger loses when it is shrunk to that size and enlarged again: 0 to 0.6 for an enlargement by
    repeating pixels or by a smooth kernel, about 1 for a picture that has detail of its own.
    """
    large, small = (first, second) if first.size >= second.size else (second, first)
    size, little = large.shape[::-1], small.shape[::-1]
    kernels = (cv2.INTER_CUBIC, cv2.INTER_LINEAR, cv2.INTER_NEAREST_EXACT)
    errors = [_apart(large, cv2.resize(small, size, interpolation=kernel)) for kernel in kernels]
    shrunk = cv2.resize(large, little, interpolation=cv2.INTER_AREA)
    lost = _apart(large, cv2.resize(shrunk, size, interpolation=cv2.INTER_CUBIC))
    return float(min(errors) / max(lost, 0.05))


def _apart(first: Bytes, second: Bytes) -> float:
    return float(cv2.absdiff(first, second).mean())


def _sample(image: Bytes) -> Ints:
    pixels = image.reshape(-1, 3)
    # An odd step, so that not every sample falls into the same columns.
    step = max(1, len(pixels) // COLOURS) | 1
    found: Ints = pixels[::step].astype(np.int64)
    return found


def coarseness(tables: dict[int, list[int]] | None) -> float:
    """Return the mean step of the lower frequencies in the quantisation table of a JPEG, 1 to 255; 0 without a table.

    The table of lightness in zigzag order, as Pillow gives it: 3 at quality 90, 16 at 50, 60 at 12.
    """
    if not tables:
        return 0.0
    return float(np.mean(tables[min(tables)][1:11]))
