"""JPEG on a GPU: baseline files are decoded by its decoder and made ready there, many at a time.

Everything else (other formats, progressive files, other colours, turned or damaged ones) is left to the CPU, and so
is what the GPU refuses. The finished squares go back to the host into the same buffers: 150 KB a picture, which no bus
notices, and one path for all pictures from there on.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from embed.encoders.preprocess import Preprocess, letterboxed_size
from index.images.torchvision_ops import import_torchvision_io
from schema.arrays import Pixels

if TYPE_CHECKING:
    import torch

Decode = Callable[[Sequence[bytes]], "list[torch.Tensor]"]

# Subsamplings of the first component that decoders in hardware take: 4:4:4, 4:2:2, 4:2:0.
SAMPLINGS = frozenset({0x11, 0x21, 0x22})
LARGE_PIXELS = 24_000_000
# Mean difference of grey levels to Pillow's pixels below which a decoder is trusted: inverse DCTs differ by rounding.
TRUSTED = 1.5
_ORIENTATION = 0x0112


class DeviceJpeg:
    """Makes squares uint8 [height, width, 3] of baseline JPEGs on a device. Safe to call from many threads."""

    def __init__(self, preprocess: Preprocess, device: torch.device, decode: Decode | None = None) -> None:
        self._preprocess = preprocess
        self._device = device
        self._decode = decode or _decoder(device)
        self._own = [step for step in preprocess.own if not callable_on_pictures_alone(step)]

    def prepare(self, files: Sequence[bytes]) -> list[Pixels | None]:
        """Return the square of each file, None for those that the CPU has to decode."""
        found: list[Pixels | None] = [None] * len(files)
        at = [index for index, data in enumerate(files) if is_baseline(data)]
        if not at:
            return found
        import torch

        try:
            with torch.inference_mode():
                squares = torch.stack([self._square(one) for one in self._decode([files[i] for i in at])])
                ready = squares.permute(0, 2, 3, 1).contiguous().cpu().numpy()
        except RuntimeError:
            # One that is damaged spoils its batch; the CPU says which, and why.
            return found
        for index, square in zip(at, ready, strict=True):
            found[index] = square
        return found

    def _square(self, image: torch.Tensor) -> torch.Tensor:
        """From uint8 [3, h, w] to uint8 [3, height, width], as embed/encoders/preprocess.py does it with Pillow."""
        import torch

        chosen = self._preprocess
        if chosen.fit == "crop":
            for step in self._own:
                image = step(image)
            return image
        height, width = image.shape[1:]
        fitted = letterboxed_size((width, height), (chosen.width, chosen.height))
        mode = "bilinear" if chosen.resample is Image.Resampling.BILINEAR else "bicubic"
        if fitted != (width, height):
            floats = torch.nn.functional.interpolate(
                image[None].float(), size=fitted[::-1], mode=mode, antialias=True, align_corners=False
            )
            image = floats[0].round().clamp(0, 255).to(torch.uint8)
        ground = torch.tensor(chosen.background, dtype=torch.uint8, device=image.device)
        canvas = ground[:, None, None].repeat(1, chosen.height, chosen.width)
        left, top = (chosen.width - fitted[0]) // 2, (chosen.height - fitted[1]) // 2
        canvas[:, top : top + fitted[1], left : left + fitted[0]] = image
        return canvas


def device_jpeg(preprocess: Preprocess | None, device: Any) -> DeviceJpeg | None:
    """Return the JPEG decoder of a CUDA device, None where there is none that makes what Pillow makes."""
    if preprocess is None or getattr(device, "type", "cpu") != "cuda":
        return None
    try:
        found = DeviceJpeg(preprocess, device)
        return found if trusted(found, preprocess) else None
    except (ImportError, AttributeError, RuntimeError):
        # torchvision without nvJPEG, or a driver without it.
        return None


def trusted(decoder: DeviceJpeg, preprocess: Preprocess) -> bool:
    """Tell whether a decoder makes of a drawn picture what Pillow makes of it."""
    soft = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(soft).resize((640, 480), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
    (mine,) = decoder.prepare([buffer.getvalue()])
    if mine is None:
        return False
    with Image.open(buffer) as image:
        theirs = preprocess(image.convert("RGB"))
    return float(np.abs(mine.astype(np.int16) - theirs).mean()) < TRUSTED


def callable_on_pictures_alone(step: Any) -> bool:
    """Tell whether a step of the model's own transforms takes PIL pictures alone, such as the conversion to RGB."""
    return "torchvision" not in type(step).__module__


def is_baseline(data: bytes) -> bool:
    """Tell from its headers whether a file is an upright baseline JPEG in YCbCr or grey, without a colour profile.

    8 bits, one or three components, 4:4:4, 4:2:2 or 4:2:0, at most 24 megapixels, with its end in place.
    """
    if data[:3] != b"\xff\xd8\xff" or b"\xff\xd9" not in data[-64:]:
        return False
    at = 2
    try:
        while at + 4 <= len(data) and data[at] == 0xFF:
            marker, size = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
            body = data[at + 4 : at + 2 + size]
            if marker == 0xC0:
                return _plain_frame(body)
            if 0xC1 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
                return False
            if not _harmless(marker, body):
                return False
            at += 2 + size
    except (struct.error, IndexError):
        return False
    return False


def _plain_frame(body: bytes) -> bool:
    depth, height, width, count = struct.unpack(">BHHB", body[:6])
    if depth != 8 or count not in (1, 3) or not 0 < height * width <= LARGE_PIXELS:
        return False
    samplings = [body[7 + 3 * index] for index in range(count)]
    return samplings[0] in SAMPLINGS and all(each == 0x11 for each in samplings[1:])


def _harmless(marker: int, body: bytes) -> bool:
    """Tell whether a segment leaves the pixels as they are: no turn, no profile but sRGB, no colours but YCbCr."""
    if marker == 0xE1 and body[:6] == b"Exif\0\0":
        exif = Image.Exif()
        try:
            exif.load(body)
        except Exception:  # EXIF is written by everything and checked by nothing
            return False
        return bool(exif.get(_ORIENTATION, 1) == 1)
    if marker == 0xE2 and body[:11] == b"ICC_PROFILE":
        return b"sRGB" in body[:1024]
    if marker == 0xEE and body[:5] == b"Adobe":
        return len(body) > 11 and body[11] == 1
    return True


def _decoder(device: torch.device) -> Decode:
    """Return torchvision's batch decoder on a CUDA device; raises ImportError or AttributeError without it."""
    import torch

    reads = import_torchvision_io()
    decode_jpeg, mode = reads.decode_jpeg, reads.ImageReadMode.RGB

    def decode(files: Sequence[bytes]) -> list[torch.Tensor]:
        raw = [torch.frombuffer(bytearray(data), dtype=torch.uint8) for data in files]
        found: list[torch.Tensor] = decode_jpeg(raw, mode=mode, device=device)
        return found

    return decode
