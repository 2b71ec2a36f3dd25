"""Pictures of every kind come out upright, in RGB and whole, or as a reason; nothing else ever leaves the decoder."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from index.images.decode import BadImage, decode, to_rgb
from index.images.facts import border_share, content_of, fit, measure, phash, sharpness
from index.images.formats import looks_like_image

Picture = Callable[..., Image.Image]


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def far(one: Image.Image, other: Image.Image) -> float:
    return float(np.abs(np.asarray(one, dtype=float) - np.asarray(other.convert("RGB"), dtype=float)).mean())


@pytest.mark.parametrize(
    ("kind", "options", "lossless"),
    [
        ("JPEG", {"quality": 92}, False),
        ("JPEG", {"quality": 92, "progressive": True}, False),
        ("PNG", {}, True),
        ("WEBP", {"quality": 90}, False),
        ("WEBP", {"lossless": True}, True),
        ("AVIF", {"quality": 90}, False),
        ("BMP", {}, True),
        ("TIFF", {}, True),
        ("TIFF", {"compression": "tiff_lzw"}, True),
        ("TIFF", {"compression": "jpeg"}, False),
    ],
)
def test_formats(picture: Picture, kind: str, options: dict[str, object], lossless: bool) -> None:
    original = picture(1, 90, 60)
    found = decode(saved(original, kind, **options))
    assert (found.width, found.height) == found.image.size == (90, 60)
    assert (found.image.mode, found.format, found.frames) == ("RGB", kind.lower(), 1)
    assert (found.lossless, found.alpha, found.note) == (lossless, False, "")
    assert far(found.image, original) < (1 if lossless else 9)


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK"])
def test_modes(picture: Picture, mode: str) -> None:
    original = picture(2, mode=mode)
    found = decode(
        saved(original, "JPEG" if mode == "CMYK" else "PNG", **({"quality": 95} if mode == "CMYK" else {}))
    )
    assert found.image.mode == "RGB"
    assert far(found.image, original) < 6


def test_interlaced_png_of_16_bits_keeps_its_range() -> None:
    ramp = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (8, 1))
    found = decode(saved(Image.fromarray(ramp), "PNG"))
    assert np.abs(np.asarray(found.image)[0, :, 0].astype(int) - ramp[0] // 257).max() <= 1
    found = decode(saved(Image.fromarray(ramp.astype(np.float32) / 65535), "TIFF"))
    assert np.abs(np.asarray(found.image)[0, :, 0].astype(int) - ramp[0] // 257).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_orientation_is_undone(picture: Picture, orientation: int, kind: str) -> None:
    upright = picture(3, 64, 48)
    turn = Image.Transpose
    stored = {
        1: None, 2: turn.FLIP_LEFT_RIGHT, 3: turn.ROTATE_180, 4: turn.FLIP_TOP_BOTTOM,
        5: turn.TRANSPOSE, 6: turn.ROTATE_90, 7: turn.TRANSVERSE, 8: turn.ROTATE_270,
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(upright.transpose(stored) if stored is not None else upright, kind, exif=exif)
    found = decode(data)
    assert (found.width, found.height) == (64, 48)
    assert far(found.image, upright) < 12


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_laid_on_the_background(mode: str) -> None:
    image = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (0, 0, 4, 8))
    data = saved(image.quantize(4) if mode == "P" else image.convert(mode), "PNG")
    found = decode(data, background=(10, 200, 30))
    assert found.alpha
    assert found.image.getpixel((6, 4)) == (10, 200, 30)
    assert not decode(saved(Image.new("RGBA", (4, 4), (1, 2, 3, 255)), "PNG")).alpha


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "AVIF", "TIFF"])
def test_only_the_first_frame_counts(kind: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "green", "blue")]
    found = decode(saved(frames[0], kind, save_all=True, append_images=frames[1:]))
    assert found.frames == 3
    assert "first of 3" in found.note
    assert far(found.image, frames[0]) < 4


def test_jpegs_are_decoded_small_where_the_target_allows(picture: Picture) -> None:
    data = saved(picture(4, 1600, 800), "JPEG", quality=90)
    assert decode(data, target=400).image.size == (400, 200)
    assert decode(data, target=401).image.size == (800, 400)
    assert decode(data, target=801).image.size == (1600, 800)
    assert decode(data, target=400, cover=True).image.size == (800, 400)
    found = decode(data, target=100)
    assert (found.width, found.height) == (1600, 800)


def png_header(width: int, height: int) -> bytes:
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"hello, I am no picture", "not a picture"),
        (b"8BPS\0\1", "damaged"),
        (png_header(100_000, 100_000) + b"\0\0\0\0IDAT", "larger than the limit"),
        (b"RIFF\x20\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\x3f\0\xff\x3f\0", "larger than the limit"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
    ],
)
def test_what_is_no_picture_has_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(BadImage, match=reason):
        decode(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "AVIF"])
def test_truncated_files_are_failures(picture: Picture, kind: str) -> None:
    data = saved(picture(5, 128, 128), kind)
    with pytest.raises(BadImage):
        decode(data[: len(data) * 2 // 3])


CHANGES = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=12)


@given(st.integers(0, 4), CHANGES, st.integers(1, 10_000))
def test_damaged_bytes_never_raise_anything_else(kind: int, changes: list[tuple[int, int]], end: int) -> None:
    image = Image.linear_gradient("L").resize((24, 24)).convert("RGB")
    data = bytearray(saved(image, ("JPEG", "PNG", "WEBP", "GIF", "BMP")[kind]))
    for place, value in changes:
        data[place % len(data)] = value
    before = list(warnings.filters)
    try:
        found = decode(bytes(data[: max(1, end)]), max_pixels=4_000_000)
        assert found.image.mode == "RGB"
    except BadImage:
        pass
    assert list(warnings.filters) == before


def test_every_odd_real_file_is_a_picture_or_a_reason(real_data: Path) -> None:
    files = sorted(p for p in (real_data / "broken").rglob("*") if p.is_file() and p.stat().st_size < 20_000)
    outcomes = {True: 0, False: 0}
    for path in files[::3]:
        try:
            measure(decode(path.read_bytes(), target=256).image)
            outcomes[True] += 1
        except BadImage:
            outcomes[False] += 1
    assert outcomes[True] > outcomes[False] > 0


def test_colours_and_heads() -> None:
    assert to_rgb("#0a14ff") == (10, 20, 255)
    with pytest.raises(ValueError, match="not a colour"):
        to_rgb("white")
    image = Image.new("RGB", (4, 4))
    for kind in ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF"):
        assert looks_like_image(saved(image, kind)[:32])
    assert not looks_like_image(b"BMW is a car, and this is a longer text about it")


def test_the_hash_survives_what_the_eye_ignores(picture: Picture) -> None:
    images = [picture(seed, 200, 160) for seed in range(12)]
    hashes = [phash(image) for image in images]
    for image, own in zip(images, hashes, strict=True):
        small = decode(saved(image.resize((120, 96)), "JPEG", quality=70)).image
        distance = bin((phash(small) ^ own) & (2**64 - 1)).count("1")
        assert distance <= 8
        others = [bin((other ^ own) & (2**64 - 1)).count("1") for other in hashes if other != own]
        assert min(others) > distance


def test_the_hash_is_the_dct_by_its_definition(picture: Picture) -> None:
    from scipy.fft import dctn

    image = picture(6, 64, 64)
    grey = np.asarray(image.convert("L").resize((32, 32), Image.Resampling.BOX), dtype=float)
    low = dctn(grey, type=2)[:8, :8]
    bits = "".join("1" if value > np.median(low) else "0" for value in low.ravel())
    assert phash(image) & (2**64 - 1) == int(bits, 2)


def test_measures(picture: Picture) -> None:
    flat = np.full((20, 30, 3), 200, dtype=np.uint8)
    assert border_share(content_of(flat)) == 1.0
    flat[5:15, 10:20] = 0
    assert border_share(content_of(flat)) == pytest.approx(1 - 100 / 600)
    sharp = picture(7, 128, 128)
    soft = sharp.resize((24, 24)).resize((128, 128))
    assert sharpness(np.asarray(sharp.convert("L"), dtype=np.float32)) > sharpness(
        np.asarray(soft.convert("L"), dtype=np.float32)
    )
    assert sharpness(np.zeros((1, 1), dtype=np.float32)) == 0.0
    assert fit(sharp, 64).size == (64, 64)
    thumbnail = Image.open(io.BytesIO(measure(picture(8, 600, 300)).thumbnail))
    assert (thumbnail.format, thumbnail.size) == ("WEBP", (256, 128))
    assert measure(Image.new("RGB", (1, 3000))).border == 1.0
