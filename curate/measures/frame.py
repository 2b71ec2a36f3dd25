"""What the frame of a picture holds: border, content, sharpness, and whether it is grey, of one hue or coloured."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyarrow as pa
from PIL import Image

from curate.measures.base import Measure
from index.images.facts import border_share, content_of, sharpness
from index.stages.row_plugin import Batch, Results
from schema.arrays import Bytes, Floats32

# Distance from grey, of 255, below which a pixel shows no colour: what JPEG leaves on a grey scan stays below it.
GREY = 12.0
# A picture is coloured when more pixels than this show a colour, and of one hue when these point one way: the length of
# their mean direction in the plane of colours, 1 for a sepia print, .97 for hues within some 30 degrees.
COLOURED, ONE_WAY = 0.01, 0.97


class Frame(Measure):
    """Shares of the area outside the content's box and unlike the border's colour; variance of the Laplacian; tones."""

    name = "frame"
    parallel = True
    gives: ClassVar = {
        "frame_border": pa.float32(),
        "frame_content": pa.float32(),
        "frame_sharpness": pa.float32(),
        "frame_tones": pa.string(),
    }

    def compute(self, batch: Batch) -> Results:
        """See RowPlugin."""
        rows = [_measured(picture) for picture in batch.pictures]
        return Results(dict(zip(self.gives, zip(*rows, strict=True), strict=True)))


def _measured(rgb: Bytes) -> tuple[float, float, float, str]:
    content = content_of(rgb)
    grey = np.asarray(Image.fromarray(rgb).convert("L"), dtype=np.float32)
    return border_share(content), float(content.mean()), sharpness(grey), tones(rgb.astype(np.float32))


def tones(rgb: Floats32) -> str:
    """Return 'grey', 'one hue' or 'coloured' of float32 [h, w, 3] in 0..255.

    The plane of colours is that of Hasler and Süsstrunk, "Measuring colourfulness in natural images" (2003).
    """
    across, along = rgb[..., 0] - rgb[..., 1], (rgb[..., 0] + rgb[..., 1]) / 2 - rgb[..., 2]
    distance = np.hypot(across, along)
    seen = distance > GREY
    if seen.mean() <= COLOURED:
        return "grey"
    mean = np.hypot(across[seen].sum(), along[seen].sum()) / distance[seen].sum()
    return "one hue" if mean >= ONE_WAY else "coloured"
