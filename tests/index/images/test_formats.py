"""Formats beyond the usual ones: layered files, plug-ins by name, AVIF containers that only browsers take."""

from __future__ import annotations

import io
import struct
import sys
import types
from collections.abc import Callable, Iterator

import pytest
from PIL import Image, ImageFile

from index.images import formats
from index.images.avif import repacked
from index.images.decode import BadImage, decode

HEIC = b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf" + bytes(100)
JXL = b"\xff\x0a" + bytes(100)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Plug-ins are looked for anew in each test."""
    formats._loaded.clear()
    yield
    formats._loaded.clear()
    for kind in ("HEIF",):
        Image.OPEN.pop(kind, None)
        if kind in Image.ID:
            Image.ID.remove(kind)


@pytest.mark.parametrize(
    ("data", "package"),
    [
        (HEIC, "pillow-heif"),
        (JXL, "pillow-jxl-plugin"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(40), "pillow-jxl-plugin"),
    ],
)
def test_what_a_plug_in_would_read_names_it(
    data: bytes, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for plugin in formats.PLUGINS.values():
        monkeypatch.setitem(sys.modules, plugin.module, None)
    with pytest.raises(BadImage, match=f"pip install {package}"):
        decode(data)
    assert formats.looks_like_image(data[:32])


def test_an_installed_plug_in_reads_its_format(monkeypatch: pytest.MonkeyPatch) -> None:
    class Heif(ImageFile.ImageFile):
        format = "HEIF"

        def _open(self) -> None:
            self._size, self._mode = (4, 2), "RGB"
            self.tile = [("raw", (0, 0, 4, 2), 28, ("RGB", 0, 1))]  # type: ignore[list-item]

    module = types.ModuleType("pillow_heif")
    module.register_heif_opener = (
        lambda: Image.register_open(  # type: ignore[attr-defined]
            "HEIF", Heif, lambda head: head[4:12] == b"ftypheic"
        )
    )
    monkeypatch.setitem(sys.modules, "pillow_heif", module)
    found = decode(HEIC)
    assert (found.format, found.image.size) == ("heif", (4, 2))


def test_the_flat_picture_of_a_layered_file(picture: Callable[[int], Image.Image]) -> None:
    image = picture(1).convert("RGB")
    width, height = image.size
    head = b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, height, width, 8, 3)
    planes = b"".join(channel.tobytes() for channel in image.split())
    found = decode(head + struct.pack(">IIIH", 0, 0, 0, 0) + planes)
    assert (found.format, found.frames, found.lossless) == ("psd", 1, True)
    assert found.image.tobytes() == image.tobytes()
    assert found.note == "the flat picture of a layered file"


def test_a_limit_above_that_of_pillow_is_honoured(
    picture: Callable[[int], Image.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    buffer = io.BytesIO()
    picture(1).save(buffer, "PNG")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert decode(buffer.getvalue(), max_pixels=100_000).width == picture(1).width
    assert Image.MAX_IMAGE_PIXELS == 100
    with pytest.raises(BadImage, match="larger than the limit of 1,000 pixels"):
        decode(buffer.getvalue(), max_pixels=1000)


def split_ipma(data: bytes) -> bytes:
    """The same AVIF with its property associations in two boxes of one kind, as some encoders write them."""
    at = data.index(b"ipma") - 4
    size = struct.unpack_from(">I", data, at)[0]
    box = data[at : at + size]
    entries, place = [], 16
    for _ in range(struct.unpack_from(">I", box, 12)[0]):
        length = 3 + box[place + 2]
        entries.append(box[place : place + length])
        place += length
    assert len(entries) == 2
    boxes = b"".join(struct.pack(">I4sII", 16 + len(entry), b"ipma", 0, 1) + entry for entry in entries)
    grown = len(boxes) - size
    changed = bytearray(data[:at] + boxes + data[at + size :])
    for name in (b"iprp", b"meta"):
        start = data.index(name) - 4
        changed[start : start + 4] = struct.pack(">I", struct.unpack_from(">I", data, start)[0] + grown)
    # The pictures lie behind it, so that their places move.
    start = data.index(b"iloc") + 4
    assert data[start + 4] == 0x44
    for number in range(struct.unpack_from(">H", data, start + 6)[0]):
        entry = start + 8 + number * 14 + 6
        changed[entry : entry + 4] = struct.pack(">I", struct.unpack_from(">I", data, entry)[0] + grown)
    return bytes(changed)


def test_avif_with_alpha_that_browsers_show(picture: Callable[[int], Image.Image]) -> None:
    image = picture(1).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    buffer = io.BytesIO()
    image.save(buffer, "AVIF", quality=90)
    whole = decode(buffer.getvalue())
    odd = split_ipma(buffer.getvalue())
    with pytest.raises(OSError, match="cannot identify"):
        Image.open(io.BytesIO(odd))
    found = decode(odd)
    assert (found.format, found.alpha, found.image.size) == ("avif", True, whole.image.size)
    assert found.image.tobytes() == whole.image.tobytes()


@pytest.mark.parametrize("cut", [0, 10, 40, 100, 200, 300])
def test_torn_containers_are_nothing(picture: Callable[[int], Image.Image], cut: int) -> None:
    buffer = io.BytesIO()
    picture(1).save(buffer, "AVIF")
    torn = buffer.getvalue()[:cut]
    found = repacked(torn)
    assert found is None or found.startswith(b"\0\0\0")
    with pytest.raises(BadImage):
        decode(torn)
