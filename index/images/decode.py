"""From the bytes of a picture to upright RGB: told by content and not by name, checked before it is unpacked.

The header's size is tested before any pixel is decoded, only the first frame is decoded, transparency is laid on
the chosen background, colour profiles go to sRGB, 16-bit and float pictures keep their whole range. Large JPEGs
are decoded at 1/2, 1/4 or 1/8 by their DCT when the target allows it.
"""

from __future__ import annotations

import ctypes
import io
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageCms, UnidentifiedImageError

from index.images.avif import repacked
from index.images.formats import formats_of, unidentified
from index.images.prompts import embedded_prompt

_NAMES = {"MPO": "jpeg", "DIB": "bmp"}
_LOSSLESS = frozenset({"PNG", "GIF", "BMP", "DIB", "PPM", "QOI", "PSD"})
_LOSSY_TIFF = frozenset({"jpeg", "tiff_jpeg", "old-jpeg", "webp"})

# Pictures from this size on are decoded one at a time: at 4 bytes a pixel and two copies they are what fills memory.
LARGE_PIXELS = 24_000_000
_large = threading.Lock()
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class BadImage(Exception):
    """Raised when bytes are not a picture that can be used; its text is the reason to store with the item."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture: upright RGB pixels, perhaps reduced, and the facts of the file it came from.

    ``width`` and ``height`` are those of the whole upright picture, ``image.size`` may be smaller. ``prompt`` is what
    an image generator wrote into the file, ``prompt_source`` where.
    """

    image: Image.Image
    width: int
    height: int
    format: str
    frames: int
    lossless: bool
    alpha: bool
    note: str
    prompt: str = ""
    prompt_source: str = ""


def decode(
    data: bytes,
    *,
    target: int = 0,
    cover: bool = False,
    background: tuple[int, int, int] = (255, 255, 255),
    max_pixels: int = 120_000_000,
) -> Picture:
    """Return the first frame of a picture as upright RGB; any failure is BadImage with its reason.

    ``target`` lets a JPEG be decoded at a fraction of its size: its long side (with ``cover`` its short side) stays
    at least ``target`` pixels; 0 decodes it whole. Safe to call from many threads: the decoders release the GIL.
    """
    try:
        with _quiet():
            return _decode(data, target, cover, background, max_pixels)
    except BadImage:
        raise
    except MemoryError:
        raise BadImage("needs more memory than there is") from None
    except Image.DecompressionBombError:
        raise BadImage(f"larger than the limit of {max_pixels:,} pixels") from None
    except (
        Exception
    ) as error:  # decoders raise nearly anything on hostile input; each is a reason, none stops a run
        raise BadImage(_reason(error)) from None


def to_rgb(colour: str) -> tuple[int, int, int]:
    """Return the three bytes of a colour written as #rrggbb; raises ValueError on anything else."""
    digits = colour.lstrip("#")
    if len(digits) != 6:
        raise ValueError(f"{colour!r} is not a colour of the form #rrggbb")
    red, green, blue = bytes.fromhex(digits)
    return red, green, blue


def _decode(
    data: bytes, target: int, cover: bool, background: tuple[int, int, int], max_pixels: int
) -> Picture:
    if not data:
        raise BadImage("empty file")
    if data[:4] == b"RIFF":
        # Pillow's WebP decoder takes two canvases of memory when it opens a file, before anybody can ask its size.
        _check(_webp_size(data), max_pixels)
        if int.from_bytes(data[4:8], "little") + 8 > len(data) + 1:
            raise BadImage("truncated file")
    with _opened(data) as image:
        _check(image.size, max_pixels)
        kind = image.format or ""
        if kind == "TIFF":
            _hush_libtiff()
        notes: list[str] = []
        frames = _frames(image, kind)
        if kind == "PSD":
            frames = 1  # the others are its layers
            notes.append("the flat picture of a layered file")
        if frames > 1:
            word = "pages" if kind == "TIFF" else "frames"
            notes.append(f"{'several pages' if kind == 'TIFF' else 'animated'}: first of {frames} {word}")
        whole = image.size
        if kind in ("JPEG", "MPO") and target:
            _draft(image, target, cover)
        if whole[0] * whole[1] >= LARGE_PIXELS:
            with _large:
                rgb, alpha = _pixels(image, background, notes)
        else:
            rgb, alpha = _pixels(image, background, notes)
        _check(image.size, max_pixels)
        turn = _turn(image, notes)
        lossless = _lossless(image, kind, data)
        prompt, prompt_source = embedded_prompt(image)
    if kind not in ("JPEG", "MPO"):
        whole = rgb.size
    if turn is not None:
        rgb = rgb.transpose(turn)
    width, height = whole[::-1] if turn is not None and _swaps(turn) else whole
    return Picture(
        rgb, width, height, _NAMES.get(kind, kind.lower()), frames, lossless, alpha, "; ".join(notes),
        prompt, prompt_source,
    )  # fmt: skip


def _opened(data: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=formats_of(data))
    except UnidentifiedImageError:
        again = repacked(data) if data[4:8] == b"ftyp" else None
        if again is not None:
            try:
                return Image.open(io.BytesIO(again), formats=("AVIF",))
            except UnidentifiedImageError:
                pass
        raise BadImage(unidentified(data)) from None


def _check(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width <= 0 or height <= 0:
        raise BadImage(f"has no pixels: {width} x {height}")
    if width * height > max_pixels:
        raise BadImage(f"{width} x {height} is larger than the limit of {max_pixels:,} pixels")


def _frames(image: Image.Image, kind: str) -> int:
    if kind == "MPO":
        return 1  # the others are previews or the second eye's view
    try:
        return max(1, int(getattr(image, "n_frames", 1)))
    except Exception:  # a torn second frame is no reason to lose the first
        return 1


def _draft(image: Image.Image, target: int, cover: bool) -> None:
    width, height = image.size
    side = min(width, height) if cover else max(width, height)
    factor = next((f for f in (8, 4, 2) if side // f >= target), 1)
    if factor > 1:
        # Rounded down, since draft() reduces by the largest factor that leaves at least what is asked for.
        image.draft(None, (max(1, width // factor), max(1, height // factor)))


def _pixels(
    image: Image.Image, background: tuple[int, int, int], notes: list[str]
) -> tuple[Image.Image, bool]:
    """Return RGB pixels with transparency laid on the background, and whether any pixel was transparent."""
    image.load()
    mask: Image.Image | None = None
    work: Image.Image = image
    if work.mode.startswith("I") or work.mode == "F":
        work, mask = _eight_bits(work)
    elif work.has_transparency_data:
        work = work if work.mode == "RGBA" else work.convert("RGBA")
        mask = work.getchannel("A")
    work = _to_srgb(work, image.info.get("icc_profile"), notes)
    rgb = work if work.mode == "RGB" and work is not image else work.convert("RGB")
    if mask is None or mask.getextrema()[0] == 255:
        return rgb, False
    flat = Image.new("RGB", rgb.size, background)
    flat.paste(rgb, mask=mask)
    return flat, True


def _eight_bits(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Scale 16-bit, 32-bit and float greys to 8 bits; Pillow's own conversion would cut everything above 255."""
    values = np.asarray(image)
    mask = None
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        mask = Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8))
    if image.mode.startswith("I;16"):
        bits = 16
        tags: Any = getattr(image, "tag_v2", None)
        if tags is not None:
            depth = tags.get(258, (16,))
            bits = int(depth[0] if isinstance(depth, tuple) else depth)
        grey = (values.astype(np.float32) * (255.0 / (2 ** min(max(bits, 9), 16) - 1))).clip(0, 255)
    else:
        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
        if low >= 0 and high <= 1 and image.mode == "F":
            low, high = 0.0, 1.0
        elif low >= 0 and high <= 255:
            low, high = 0.0, 255.0
        elif low >= 0 and high <= 65535:
            low, high = 0.0, 65535.0
        grey = np.nan_to_num((values.astype(np.float64) - low) / max(high - low, 1e-12) * 255).clip(0, 255)
    return Image.fromarray(np.rint(grey).astype(np.uint8)), mask


def _to_srgb(image: Image.Image, profile: Any, notes: list[str]) -> Image.Image:
    """Convert by the embedded colour profile, unless it is sRGB's own; a broken profile is noted and ignored."""
    if (
        not isinstance(profile, bytes)
        or len(profile) < 128
        or b"sRGB" in profile[:1024]
        or len(profile) > 2**22
    ):
        return image
    # The profile's own colour space, bytes 16-20, must be the picture's; greys under an RGB profile are common.
    space = {b"RGB ": ("RGB", "RGBA"), b"CMYK": ("CMYK",)}.get(profile[16:20], ())
    if image.mode == "P" and profile[16:20] == b"RGB ":
        image = image.convert("RGB")
    if image.mode not in space:
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = "RGBA" if image.mode == "RGBA" else "RGB"
        found = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=mode)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        notes.append("colour profile not readable, ignored")
        return image
    return found if found is not None else image


def _turn(image: Image.Image, notes: list[str]) -> Image.Transpose | None:
    try:
        return _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # EXIF is written by everything and checked by nothing
        notes.append("EXIF not readable, ignored")
        return None


def _swaps(turn: Image.Transpose) -> bool:
    return turn in (
        Image.Transpose.TRANSPOSE,
        Image.Transpose.TRANSVERSE,
        Image.Transpose.ROTATE_90,
        Image.Transpose.ROTATE_270,
    )


def _lossless(image: Image.Image, kind: str, data: bytes) -> bool:
    if kind == "TIFF":
        return str(image.info.get("compression", "raw")) not in _LOSSY_TIFF
    if kind == "WEBP":
        # The first picture chunk says it; in an animation it lies inside the first frame.
        head = data[:65536]
        lossless, lossy = head.find(b"VP8L"), head.find(b"VP8 ")
        return lossless >= 0 and (lossy < 0 or lossless < lossy)
    return kind in _LOSSLESS


def _webp_size(data: bytes) -> tuple[int, int]:
    kind, body = data[12:16], data[20:30]
    if len(body) < 10:
        raise BadImage("truncated file")
    if kind == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", body[6:10])
        return width & 0x3FFF, height & 0x3FFF
    raise BadImage("not a WebP picture")


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())[:160]
    lowered = text.lower()
    if any(word in lowered for word in ("decoder error", "broken data stream", "unrecognized data stream")):
        return "damaged: the data cannot be decoded"
    if "truncated" in lowered or "premature" in lowered or isinstance(error, EOFError):
        return "truncated file"
    return f"cannot be decoded: {text or type(error).__name__}"


@lru_cache(maxsize=1)
def _hush_libtiff() -> None:
    """Stop libtiff from writing its complaints to stderr: what matters of them comes back as the reason."""
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
            paths = {line.split(maxsplit=5)[-1].strip() for line in maps if "libtiff" in line}
        for path in paths:
            library = ctypes.CDLL(path)
            library.TIFFSetErrorHandler(None)
            library.TIFFSetWarningHandler(None)
    except (OSError, AttributeError):
        return  # no Linux, or libtiff is linked in: noisy, but right


# Pillow reports oddities through warnings, whose filters belong to the whole process. The first decoder to enter
# silences them and the last to leave restores what was there: catch_warnings alone is not safe in threads.
_quiet_lock = threading.Lock()
_quiet_depth = 0
_quiet_saved: Any = None
_quiet_limit: int | None = None


@contextmanager
def _quiet() -> Iterator[None]:
    global _quiet_depth, _quiet_saved, _quiet_limit
    with _quiet_lock:
        if _quiet_depth == 0:
            _quiet_saved = warnings.catch_warnings()
            _quiet_saved.__enter__()
            warnings.simplefilter("ignore")
            # The limit on pixels is that of the caller, tested before anything is unpacked; Pillow has one of its own.
            _quiet_limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        _quiet_depth += 1
    try:
        yield
    finally:
        with _quiet_lock:
            _quiet_depth -= 1
            if _quiet_depth == 0:
                _quiet_saved.__exit__(None, None, None)
                _quiet_saved = None
                Image.MAX_IMAGE_PIXELS = _quiet_limit
