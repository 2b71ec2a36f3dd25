"""What the frame of a picture holds: bars, content, blank areas, and how sharp, noisy and compressed its pixels are.

Bars and content are told from the picture at 192 pixels; sharpness, noise and blocks from a patch of at most 160 x 160
whole pixels in the middle of the content, because any change of size hides them. Pictures are decoded whole for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from curate.measures.base import Measure
from index.images.decode import Picture
from index.images.facts import border_share, content_of, reduced, sharpness
from index.images.sharpness import blockiness, edges, noise, repeats
from index.stages.row_plugin import Batch, Results
from schema.arrays import Bytes, Floats32

SIDE = 192
_PATCH = 160
_BLOCK = 8
# Grey levels within which a side is one colour: what JPEG leaves on a bar stays below it.
_TOLERANCE = 14
# A bar ends at an edge: as much of the first line behind it is unlike it. A drawing before a plain ground has no edge.
_EDGE = 0.8
# Pixels of a bar that are unlike it: a small logo, dust.
_STRAY = 0.02
# Shares of the side below which a bar is what scanners and scaling leave.
_THINNEST = 0.012


@dataclass(frozen=True, slots=True)
class _Picture:
    """At most SIDE pixels in RGB and grey, a grey patch of whole pixels, and the size of the whole picture."""

    small: Bytes
    grey: Bytes
    patch: Floats32
    width: int
    height: int


class Frame(Measure):
    """Bars, content, sharpness, noise and blocks of a picture.

    - ``frame_border``, ``frame_content``: shares of the area outside the content's box, and unlike the border's colour;
    - ``frame_left``, ``frame_top``, ``frame_right``, ``frame_bottom``: the picture inside its bars, as shares of width
      and height; ``frame_bars``: none, letterbox (above and below), pillarbox (left and right) or frame (all sides);
    - ``frame_aspect``: width over height of the whole picture;
    - ``frame_blank``: share of the area that is as light as what is next to it, 1 for an empty picture;
    - ``frame_sharpness``: variance of the Laplacian at 192 pixels: whether there is detail;
    - ``frame_edge``: width of the sharpest edges in pixels of the file: 1 to 2 when drawn, more when blurred or
      enlarged, however large the file; null where there is none;
    - ``frame_true_side``: long side that would hold the detail;
    - ``frame_noise``: standard deviation of the noise in grey levels (Immerkær 1996, on the smoothest half);
    - ``frame_blocks``: share of the fine detail that is missing on the grid of JPEG's blocks; 0 to 0.05 without any.
    """

    name = "frame"
    version = 2
    parallel = True
    gives: ClassVar = {
        **dict.fromkeys(("frame_border", "frame_content"), pa.float32()),
        **dict.fromkeys(("frame_left", "frame_top", "frame_right", "frame_bottom"), pa.float32()),
        "frame_bars": pa.string(),
        **dict.fromkeys(("frame_aspect", "frame_blank", "frame_sharpness"), pa.float32()),
        **dict.fromkeys(("frame_edge", "frame_true_side", "frame_noise", "frame_blocks"), pa.float32()),
    }

    @property
    def side(self) -> int:
        """Return 0: pictures are decoded whole."""
        return 0

    def prepare(self, picture: Picture) -> _Picture:
        """See RowPlugin."""
        image = picture.image
        small = reduced(image, SIDE)
        wide, tall = min(_PATCH, image.width), min(_PATCH, image.height)
        # On the grid of JPEG blocks, so that their phase is 0 in an uncropped file.
        left = (image.width - wide) // 2 // _BLOCK * _BLOCK
        top = (image.height - tall) // 2 // _BLOCK * _BLOCK
        patch = np.asarray(image.crop((left, top, left + wide, top + tall)).convert("L"), dtype=np.float32)
        return _Picture(
            np.asarray(small), np.asarray(small.convert("L")), patch, picture.width, picture.height
        )

    def compute(self, batch: Batch) -> Results:
        """See RowPlugin."""
        rows = [_measured(picture) for picture in batch.pictures]
        return Results(dict(zip(self.gives, zip(*rows, strict=True), strict=True)))


def _measured(frame: _Picture) -> tuple[float | str | None, ...]:
    small = frame.small
    content = content_of(small)
    left, top, right, bottom, bars = _bars(small)
    found = edges(frame.patch)
    enlarged = repeats(frame.patch)
    edge = None if found is None else max(found, 1.0) * enlarged
    true_side = None if edge is None else max(frame.width, frame.height) * min(1.0, _DRAWN / edge)
    return (
        border_share(content), float(content.mean()), left, top, right, bottom, bars,
        frame.width / frame.height, _blank(frame.grey), sharpness(frame.grey.astype(np.float32)), edge, true_side,
        noise(frame.patch), blockiness(frame.patch),
    )  # fmt: skip


# Width of edges as a drawing program or a good lens leaves them, in pixels.
_DRAWN = 1.5


def _bars(rgb: Bytes) -> tuple[float, float, float, float, str]:
    """Return the box inside the bars as shares, and the kind of bars."""
    tall, wide = rgb.shape[:2]
    top, bottom = _depth(rgb), _depth(rgb[::-1])
    across = rgb.transpose(1, 0, 2)
    left, right = _depth(across), _depth(across[::-1])
    # Bars come in pairs; one alone is where a drawing was cut before a plain ground.
    if min(top, bottom) < _THINNEST * tall:
        top = bottom = 0
    if min(left, right) < _THINNEST * wide:
        left = right = 0
    kinds = {(0, 0): "none", (0, 1): "letterbox", (1, 0): "pillarbox", (1, 1): "frame"}
    kind = kinds[int(left > 0), int(top > 0)]
    return left / wide, top / tall, 1 - right / wide, 1 - bottom / tall, kind


def _depth(rgb: Bytes) -> int:
    """Return how many of the first lines are a bar of one colour that ends at an edge; 0 where there is none."""
    first = rgb[0]
    colour = first[len(first) // 2].astype(np.int16)
    if (np.abs(first - colour).max(axis=1) > _TOLERANCE).mean() > _STRAY:
        return 0
    low = np.clip(colour - _TOLERANCE, 0, 255).astype(np.uint8)
    high = np.clip(colour + _TOLERANCE, 0, 255).astype(np.uint8)
    half = rgb[: max(1, len(rgb) // 2 - 1)]
    # Below low wraps around to a large number: one comparison of bytes tests both sides.
    red, green, blue = (
        half[..., channel] - low[channel] > high[channel] - low[channel] for channel in range(3)
    )
    shares = (red | green | blue).mean(axis=1)
    ends = np.flatnonzero(shares > _STRAY)
    if not len(ends):
        return 0
    depth = int(ends[0])
    # Or the line after it, since the first may be a mixture of bar and picture.
    return depth if shares[depth : depth + 2].max() >= _EDGE else 0


def _blank(grey: Bytes) -> float:
    """Return the share of pixels that are as light as the next ones, to within two grey levels."""
    inner = grey[:-1, :-1]
    if not inner.size:
        return float(np.ptp(grey) <= 2)
    # Differences of bytes wrap around; moved by two, those of at most two lie in 0..4.
    alike = (inner - grey[:-1, 1:] + np.uint8(2) <= 4) & (inner - grey[1:, :-1] + np.uint8(2) <= 4)
    return float(alike.mean())
