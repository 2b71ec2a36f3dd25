"""What is measured of every picture at ingest: perceptual hash, sharpness, border, and the stored thumbnail.

All of it from one working picture of at most 512 pixels, so that a large original costs little more than its decoding.
"""

from __future__ import annotations

import io
import threading
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image

from schema.arrays import Bools, Bytes, Floats32, Floats64

WORKING_SIDE = 512
_HASH_SIDE, _HASH_KEPT = 32, 8
# Grey levels a border may differ from its corner: JPEG ringing on white stays below it.
_BORDER_TOLERANCE = 12


@dataclass(frozen=True, slots=True)
class Facts:
    """Measures of one picture; ``phash`` is the 64-bit hash as a signed integer, ``border`` a share of the area."""

    phash: int
    sharpness: float
    border: float
    thumbnail: bytes


def measure(image: Image.Image, thumbnail_side: int = 256) -> Facts:
    """Return the facts of an RGB picture of any size."""
    work = fit(image, WORKING_SIDE)
    grey = np.asarray(work.convert("L"), dtype=np.float32)
    rgb = np.asarray(work)
    return Facts(phash(work), sharpness(grey), border_share(content_of(rgb)), thumbnail(work, thumbnail_side))


def fit(image: Image.Image, side: int) -> Image.Image:
    """Return the picture scaled down so that its long side is at most ``side``; smaller ones come back as they are."""
    width, height = image.size
    scale = side / max(width, height)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)


def reduced(image: Image.Image, side: int) -> Image.Image:
    """Return the picture averaged over whole blocks of pixels until its long side is at most ``side``; a fifth of the
    cost of ``fit``. Several that ask for the same picture in one thread get the same result, computed once."""
    last = getattr(_reduced, "last", None)
    if last is not None and last[0] is image and last[1] == side:
        found: Image.Image = last[2]
        return found
    factor = -(-max(image.size) // side)
    small = image if factor <= 1 else image.reduce(factor)
    _reduced.last = (image, side, small)
    return small


_reduced = threading.local()


def phash(image: Image.Image) -> int:
    """Return the 64-bit DCT hash as a signed integer: which of the 8x8 lowest frequencies exceed their median.

    The scheme of Zauner, "Implementation and benchmarking of perceptual image hash functions" (2010).
    """
    grey = image.convert("L").resize((_HASH_SIDE, _HASH_SIDE), Image.Resampling.BOX)
    basis = _cosines()
    low = basis @ np.asarray(grey, dtype=np.float64) @ basis.T
    # Frequencies that are not there are rounding noise of either sign; all become plain zero.
    low[np.abs(low) < 1e-6] = 0.0
    bits = (low > np.median(low)).ravel()
    return int(np.packbits(bits).view(">u8")[0].astype(np.int64))


def sharpness(grey: Floats32) -> float:
    """Return the variance of the Laplacian of a grey picture [h, w] in 0..255; higher is sharper, 0 for a flat one."""
    if min(grey.shape) < 3:
        return 0.0
    inner = grey[1:-1, 1:-1]
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * inner
    return float(laplacian.var())


def content_of(rgb: Bytes) -> Bools:
    """Return which pixels [h, w] of a picture [h, w, 3] differ from the colour of its border."""
    # One border colour: that of the most corners, so that a picture glued to one side still shows its border.
    corners = np.stack([rgb[0, 0], rgb[0, -1], rgb[-1, 0], rgb[-1, -1]]).astype(np.int16)
    near = (np.abs(corners[:, None] - corners[None]).max(axis=2) <= _BORDER_TOLERANCE).sum(axis=1)
    corner = corners[int(near.argmax())]
    low = np.clip(corner - _BORDER_TOLERANCE, 0, 255).astype(np.uint8)
    high = np.clip(corner + _BORDER_TOLERANCE, 0, 255).astype(np.uint8)
    # Below low wraps around to a large number: one comparison of bytes tests both sides.
    red, green, blue = (rgb[..., c] - low[c] > high[c] - low[c] for c in range(3))
    content: Bools = red | green | blue
    return content


def border_share(content: Bools) -> float:
    """Return the share of the area [h, w] in rows and columns at the edges without content; 1 for a flat picture."""
    rows, columns = np.flatnonzero(content.any(axis=1)), np.flatnonzero(content.any(axis=0))
    if not len(rows):
        return 1.0
    kept = (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)
    return float(1.0 - kept / content.size)


def thumbnail(image: Image.Image, side: int) -> bytes:
    """Return a WebP of the picture whose long side is at most ``side``."""
    buffer = io.BytesIO()
    fit(image, side).save(buffer, "WEBP", quality=80, method=1)
    return buffer.getvalue()


@lru_cache(maxsize=1)
def _cosines() -> Floats64:
    frequency = np.arange(_HASH_KEPT)[:, None]
    place = np.arange(_HASH_SIDE)[None]
    basis: Floats64 = np.cos(np.pi * (2 * place + 1) * frequency / (2 * _HASH_SIDE))
    return basis
