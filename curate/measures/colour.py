"""Which colours a picture has: grey, toned in one hue or coloured; flat colours; whether it is line art.

The plane of colours is that of Hasler and Süsstrunk, "Measuring colourfulness in natural images" (2003): red - green
and yellow - blue, in 0..255.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyarrow as pa

from curate.measures.base import Measure
from index.images.decode import Picture
from index.images.facts import reduced
from index.stages.row_plugin import Batch, Results
from schema.arrays import Bytes, Floats32

SIDE = 192
# Distance from grey below which a pixel shows no colour: what JPEG leaves on a grey scan stays below it. A picture
# with fewer pixels than COLOURED beyond it is grey.
GREY, COLOURED = 12.0, 0.01
# A print toned in one hue: its colours point one way (the length of their mean direction) and are a smooth curve of
# lightness, so that no place of middle lightness is grey beside another that is not. Deviation from that curve, as a
# share of the chroma: 0.02 for toned drawings, 0.2 at least for 99 % of drawings in colours (bench_measures.py).
ONE_WAY, OFF_CURVE = 0.94, 0.12
_BIN = 5  # of lightness
_SAMPLED = 96  # pixels of a side are enough for what is said of the whole
_DARKEST, _LIGHTEST = 40, 235
# A colour is flat where neighbours are alike, and counts from this share of the area on.
_ALIKE, _COUNTED = 3, 0.004


class Colour(Measure):
    """Tones, chroma, flat colours and line art of a picture.

    - ``colour_tones``: grey; one hue (sepia, a blueprint); coloured;
    - ``colour_chroma``: mean distance from grey, ``colour_spread``: how far colours spread, Hasler and Süsstrunk's M;
    - ``colour_hue``: mean hue in degrees (0 red, 120 green, 240 blue), null for grey;
    - ``colour_flat``: number of flat colours that each cover 0.4 % of the area; ``colour_flat_share``: their area;
    - ``colour_line_art``: 0..1, how far it is lines on paper: the share of paper, less what is neither paper nor
      line;
    - ``colour_dark``, ``colour_light``: shares of the area darker than 32, lighter than 224.
    """

    name = "colour"
    parallel = True
    gives: ClassVar = {
        "colour_tones": pa.string(),
        **dict.fromkeys(("colour_chroma", "colour_spread", "colour_hue"), pa.float32()),
        "colour_flat": pa.int32(),
        **dict.fromkeys(
            ("colour_flat_share", "colour_line_art", "colour_dark", "colour_light"), pa.float32()
        ),
    }

    @property
    def side(self) -> int:
        """Return that a picture of 192 pixels is enough."""
        return SIDE

    def prepare(self, picture: Picture) -> tuple[Bytes, Bytes]:
        """Return the picture reduced, RGB and grey."""
        small = reduced(picture.image, SIDE)
        return np.asarray(small), np.asarray(small.convert("L"))

    def compute(self, batch: Batch) -> Results:
        """See RowPlugin."""
        rows = [_measured(*picture) for picture in batch.pictures]
        return Results(dict(zip(self.gives, zip(*rows, strict=True), strict=True)))


def _measured(rgb: Bytes, grey: Bytes) -> tuple[str | float | int | None, ...]:
    step = max(1, max(rgb.shape) // _SAMPLED)
    coarse: Floats32 = rgb[::step, ::step].reshape(-1, 3).astype(np.float32)
    across: Floats32 = coarse[:, 0] - coarse[:, 1]
    along: Floats32 = np.asarray((coarse[:, 0] + coarse[:, 1]) / 2 - coarse[:, 2], np.float32)
    kind = tones(across, along, np.asarray(coarse @ _LUMA, np.float32))
    chroma = np.hypot(across, along)
    middle = np.hypot(across.mean(), along.mean())
    spread = float(np.sqrt(max(np.dot(chroma, chroma) / len(chroma) - middle**2, 0)) + 0.3 * middle)
    count, share, paper = _flat(rgb)
    return (
        kind, float(chroma.mean()), spread, None if kind == "grey" else _hue(coarse, chroma), count, share,
        _line_art(grey, chroma, paper), float((grey < 32).mean()), float((grey > 224).mean()),
    )  # fmt: skip


_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def tones(across: Floats32, along: Floats32, lightness: Floats32) -> str:
    """Return 'grey', 'one hue' or 'coloured' for pixels [n] by their place in the plane of colours and lightness."""
    chroma = np.hypot(across, along)
    seen = chroma > GREY
    if seen.mean() <= COLOURED:
        return "grey"
    if np.hypot(across[seen].sum(), along[seen].sum()) < ONE_WAY * chroma[seen].sum():
        return "coloured"
    middle = (lightness > _DARKEST) & (lightness < _LIGHTEST)
    if middle.sum() < 20:  # black, white and one colour beyond the middle
        return "one hue"
    return (
        "one hue" if _off_curve(across[middle], along[middle], lightness[middle]) <= OFF_CURVE else "coloured"
    )


def _off_curve(across: Floats32, along: Floats32, lightness: Floats32) -> float:
    """Return how far colours lie from a cubic curve of lightness, as a share of the chroma; each lightness counts once.

    Computed from sums by bins of lightness, so that its cost does not follow the number of coefficients.
    """
    bins = (lightness / _BIN).astype(np.int64)
    count = np.bincount(bins).astype(np.float64)
    used = count >= 3
    if used.sum() < 2:
        return 0.0
    weight = count[used]
    means = [np.bincount(bins, axis)[used] / weight for axis in (across, along)]
    square = np.bincount(bins, across**2 + along**2)[used] / weight
    spread = np.maximum(square - means[0] ** 2 - means[1] ** 2, 0)
    place = (np.flatnonzero(used) + 0.5) * _BIN / 128 - 1
    terms = np.stack([place**power for power in range(min(4, int(used.sum())))], axis=1)
    points = np.stack(means, axis=1)
    curve = terms @ np.linalg.lstsq(terms, points, rcond=None)[0]
    away = np.sqrt(spread + ((points - curve) ** 2).sum(axis=1)).mean()
    return float(away / max(np.sqrt(square.mean()), 1.0))


def _hue(rgb: Floats32, chroma: Floats32) -> float:
    """Return the mean hue in degrees, pixels weighted by their chroma: the angle in the hexagon of HSV, unrolled."""
    red, green, blue = (float((rgb[:, channel] * chroma).sum()) for channel in range(3))
    return float(np.degrees(np.arctan2(np.sqrt(3) * (green - blue), 2 * red - green - blue)) % 360)


def _flat(rgb: Bytes) -> tuple[int, float, float]:
    """Return how many flat colours there are, the share of the area that they cover, and the lightness of the first."""
    planes = np.ascontiguousarray(rgb[::2, ::2].transpose(2, 0, 1))
    inner = planes[:, :-1, :-1]
    if not inner.size:
        return 0, 0.0, float(rgb.mean())
    # Differences of bytes wrap around; the smaller of the two ways round is the distance.
    right, below = inner - planes[:, :-1, 1:], inner - planes[:, 1:, :-1]
    away = np.maximum(np.minimum(right, -right), np.minimum(below, -below))
    alike = np.maximum(np.maximum(away[0], away[1]), away[2]) <= _ALIKE
    red, green, blue = (plane[alike].astype(np.int32) >> 3 for plane in inner)
    counts = np.bincount(red << 10 | green << 5 | blue, minlength=1)
    covered = counts >= max(_COUNTED * alike.size, 4)
    if not covered.any():
        return 0, 0.0, float(rgb.mean())
    first = int(counts.argmax())
    channels = np.array([first >> 10, first >> 5 & 31, first & 31]) * 8 + 4
    return int(covered.sum()), float(counts[covered].sum() / alike.size), float(channels @ _LUMA)


def _line_art(grey: Bytes, chroma: Floats32, paper: float) -> float:
    """Return how far a picture is thin dark lines on light paper without colours."""
    if paper < 200:
        return 0.0
    on_paper = float((grey > int(paper) - 24).mean())
    ink = grey < int(paper) - 96
    if not ink.any():
        return 0.0
    # Of a line three pixels wide hardly a pixel has ink two pixels away on all sides.
    solid = ink[2:-2, 2:-2] & ink[:-4, 2:-2] & ink[4:, 2:-2] & ink[2:-2, :-4] & ink[2:-2, 4:]
    filled = float(solid.mean())
    coloured = float((chroma > 2 * GREY).mean())
    between = max(0.0, 1 - on_paper - float(ink.mean()))
    return float(np.clip(on_paper - 2 * filled - between - 2 * coloured, 0, 1))
