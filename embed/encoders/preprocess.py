"""From a decoded picture to the uint8 square an encoder takes: the whole picture letterboxed, or the model's own crop.

Both resize as open_clip does, that is as Pillow does. Torch has Pillow's filters for uint8 pictures with vector
instructions: some four times as quick, and a grey level apart in one value of forty, where rounding falls otherwise.
Both release the GIL, so the decoding threads do it in parallel. Scaling to floats is left to the device.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from PIL import Image

from schema.arrays import Bytes

Fit = Literal["letterbox", "crop"]
# Pictures from this size on are left to Pillow, which needs no second copy of them.
LARGE_PIXELS = 24_000_000
_FILTERS = {Image.Resampling.BICUBIC: "bicubic", Image.Resampling.BILINEAR: "bilinear"}


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

    def __call__(self, image: Image.Image) -> Bytes:
        """Return a picture (RGB) as uint8 [height, width, 3]."""
        if self.fit == "crop":
            for step in self.own:
                image = _apply(step, image)
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
        image = resize(image, fitted, resample)
    if fitted == size:
        return image
    canvas = Image.new("RGB", size, background)
    canvas.paste(image, ((size[0] - fitted[0]) // 2, (size[1] - fitted[1]) // 2))
    return canvas


def resize(image: Image.Image, size: tuple[int, int], resample: Image.Resampling) -> Image.Image:
    """Return a picture (RGB) in another (width, height), as ``Image.resize`` does."""
    if resample not in _FILTERS or image.width * image.height >= LARGE_PIXELS or not _vectorised():
        return image.resize(size, resample)
    import torch

    # [1, 3, height, width] with the colours of a pixel side by side: the layout that torch's kernel is written for.
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).unsqueeze(0)
    made = torch.nn.functional.interpolate(
        pixels, size=(size[1], size[0]), mode=_FILTERS[resample], antialias=True
    )
    return Image.fromarray(made[0].permute(1, 2, 0).contiguous().numpy())


@cache
def _vectorised() -> bool:
    """Tell whether torch has its vector kernel here; without it Pillow is the quicker one."""
    import torch

    return torch.backends.cpu.get_cpu_capability() in {"AVX2", "AVX512"}


def _apply(step: Any, image: Image.Image) -> Image.Image:
    """Take one step of a model's own transforms, torchvision's ``Resize`` by ``resize``."""
    found: Image.Image
    if type(step).__name__ != "Resize" or step.max_size is not None or image.mode != "RGB":
        found = step(image)
        return found
    size = (step.size,) if isinstance(step.size, int) else tuple(step.size)
    if len(size) == 2:
        width, height = size[1], size[0]
    else:
        # The short side becomes the given one, and the long side is rounded down.
        short = min(image.size)
        width, height = (size[0] if side == short else int(size[0] * side / short) for side in image.size)
    way = Image.Resampling[step.interpolation.name]
    return image if (width, height) == image.size else resize(image, (width, height), way)


def letterboxed_size(picture: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """Return the (width, height) of a picture scaled to fit into (width, height)."""
    scale = min(size[0] / picture[0], size[1] / picture[1])
    return max(1, round(picture[0] * scale)), max(1, round(picture[1] * scale))
