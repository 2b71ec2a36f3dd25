"""How sharp, noisy and compressed the pixels of a file are: measures of a grey patch of whole pixels.

A patch is float32 [h, w] in 0..255, as the file has it: nothing here survives a change of size.
"""

from __future__ import annotations

import numpy as np

from schema.arrays import Floats32

_SPAN = 8
# Contrast over the span from which a place is an edge, in grey levels, and how many edges are measured.
_CONTRAST, _EDGES = 24.0, 300


def edges(patch: Floats32) -> float | None:
    """Return the width in pixels of the sharpest edges of a patch, None where there is none.

    The width of an edge is its contrast over its steepest step: 1 for a step between two pixels, 2 for one with a pixel
    between, about 2 k after an enlargement by k. Both directions are looked at; the edges with most contrast are
    measured, and of their widths the lower quartile taken, since soft edges stand in sharp pictures, too.
    """
    if min(patch.shape) < _SPAN + 1:
        return None
    widths = [found for found in (_widths(patch), _widths(patch.T)) if len(found)]
    if not widths:
        return None
    every = np.concatenate(widths)
    return float(np.partition(every, len(every) // 4)[len(every) // 4])


def _widths(patch: Floats32) -> Floats32:
    lines = np.ascontiguousarray(patch[::3])  # neighbouring lines cross the same edges
    contrast = np.abs(lines[:, _SPAN:] - lines[:, :-_SPAN]).ravel()
    places = np.flatnonzero(contrast > _CONTRAST)
    if len(places) > _EDGES:
        places = places[np.argpartition(contrast[places], -_EDGES)[-_EDGES:]]
    row, column = np.divmod(places, lines.shape[1] - _SPAN)
    span = lines[row[:, None], column[:, None] + np.arange(_SPAN + 1)]
    steepest = np.abs(np.diff(span, axis=1)).max(axis=1, initial=1e-3)
    found: Floats32 = contrast[places] / steepest
    return found


def repeats(patch: Floats32) -> int:
    """Return by which factor a patch was enlarged by repeating its pixels: 1 for not at all.

    Columns of such a picture change at every k-th place alone, and rows do.
    """
    factors = []
    for values in (patch, patch.T):
        step = np.abs(np.diff(values, axis=1)).mean(axis=0)
        if step.max(initial=0.0) < 0.5:
            continue
        changes = step > 0.02 * step.max()
        factors.append(_period(changes))
    return min(factors, default=1)


def _period(changes: np.ndarray) -> int:
    places = np.flatnonzero(changes)
    if len(places) < 4:
        return 1
    return max(1, int(np.gcd.reduce(np.diff(places))))


def noise(patch: Floats32) -> float:
    """Return the standard deviation of the noise in grey levels.

    Immerkær, "Fast noise variance estimation" (1996): the difference of two Laplacians is blind to edges. Here over the
    half of the blocks in which it is smallest, so that texture and lines of a drawing do not count.
    """
    if min(patch.shape) < 10:
        return 0.0
    rows = patch[:-2] - 2 * patch[1:-1] + patch[2:]
    mask = np.abs(rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:])
    tall, wide = (side // 8 * 8 for side in mask.shape)
    blocks = mask[:tall, :wide].reshape(tall // 8, 8, wide // 8, 8).mean(axis=(1, 3)).ravel()
    half = np.partition(blocks, len(blocks) // 2)[: len(blocks) // 2 + 1]
    return float(half.mean() * np.sqrt(np.pi / 2) / 6)


def blockiness(patch: Floats32) -> float:
    """Return how much fine detail is missing on the grid of JPEG's blocks, 0..1; about 0 where nothing was compressed.

    In a compressed picture the fine waves of each block of 8 x 8 were rounded away; of blocks half a block further they
    were not. Told is the share of waves that are missing on the grid less that share off it, over blocks that are not
    flat. The patch begins on the grid; a picture that was cropped or resized after it was compressed has lost it.
    """
    if min(patch.shape) < 4 * _BLOCK:
        return 0.0
    on, off = _missing(patch), _missing(patch[_BLOCK // 2 :, _BLOCK // 2 :])
    return 0.0 if on is None or off is None else max(0.0, on - off)


def _missing(patch: Floats32) -> float | None:
    """Return the share of fine waves below 1 in blocks that are not flat; None where too few are not."""
    tall, wide = (side // _BLOCK for side in patch.shape)
    blocks = patch[: tall * _BLOCK, : wide * _BLOCK].reshape(tall, _BLOCK, wide, _BLOCK).swapaxes(1, 2)
    every: Floats32 = np.asarray(blocks.reshape(-1, _BLOCK, _BLOCK))
    every = every[np.ptp(every.reshape(len(every), -1), axis=1) > 8]
    if len(every) < 12:
        return None
    waves = _COSINES @ every @ _COSINES.T
    return float((np.abs(waves[:, _FINE]) < 1.0).mean())


_BLOCK = 8


def _cosines() -> Floats32:
    number, place = np.arange(_BLOCK)[:, None], np.arange(_BLOCK)[None]
    basis = np.cos(np.pi * (2 * place + 1) * number / (2 * _BLOCK)) * np.sqrt(2 / _BLOCK)
    basis[0] /= np.sqrt(2)
    found: Floats32 = basis.astype(np.float32)
    return found


_COSINES = _cosines()
_FINE = np.add.outer(np.arange(_BLOCK), np.arange(_BLOCK)) >= 3
