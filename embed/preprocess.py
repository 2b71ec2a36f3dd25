"""From a decoded picture to the uint8 square an encoder takes: the whole picture letterboxed, or the model's own crop.

Both resize with Pillow, as open_clip does: torch's antialiased bicubic differs from it by up to several grey levels,
and Pillow releases the GIL, so the decoding threads do it in parallel. Scaling to floats is left to the device.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

Fit = Literal["letterbox", "crop"]


@dataclass(frozen=True, slots=True)
class Preprocess:
    """How pictures are made ready for one model; ``background`` fills what letterboxing leaves free.

    ``own`` is the model's own sequence of PIL transforms (resize and crop), used when ``fit`` is 'crop'.
    """

    height: int
    width: int
    fit: Fit
    background: tuple[int, int, int]
    resample: Image.Resampling
    own: tuple[Any, ...] = ()

    def __call__(self, image: Image.Image) -> npt.NDArray[np.uint8]:
        """Return a picture (RGB) as uint8 [height, width, 3]."""
        if self.fit == "crop":
            for transform in self.own:
                image = transform(image)
            return np.asarray(image, dtype=np.uint8)
        return np.asarray(letterbox(image, (self.width, self.height), self.background, self.resample))

    def __str__(self) -> str:
        filled = "" if self.fit == "crop" else " on #{:02x}{:02x}{:02x}".format(*self.background)
        return f"{self.fit} {self.width}x{self.height}{filled}, {self.resample.name.lower()}"


def letterbox(
    image: Image.Image,
    size: tuple[int, int],
    background: tuple[int, int, int],
    resample: Image.Resampling = Image.Resampling.BICUBIC,
) -> Image.Image:
    """Return the whole picture, scaled to fit (width, height) and centred on the background."""
    fitted = letterboxed_size(image.size, size)
    if fitted != image.size:
        image = image.resize(fitted, resample)
    if fitted == size:
        return image
    canvas = Image.new("RGB", size, background)
    canvas.paste(image, ((size[0] - fitted[0]) // 2, (size[1] - fitted[1]) // 2))
    return canvas


def letterboxed_size(picture: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """Return the (width, height) of a picture scaled to fit into (width, height)."""
    scale = min(size[0] / picture[0], size[1] / picture[1])
    return max(1, round(picture[0] * scale)), max(1, round(picture[1] * scale))
