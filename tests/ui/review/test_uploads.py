"""Pictures that a browser sends: bombs are refused before they are unpacked, a session has a total."""

from __future__ import annotations

import base64
import io
import struct
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from PIL import Image

from ui.review import uploads
from ui.review.uploads import read_upload


def encoded(data: bytes) -> dict[str, str]:
    return {"data": base64.b64encode(data).decode(), "name": "a.png"}


def png_of(width: int, height: int) -> bytes:
    """A PNG that claims a size; its data would unpack to zeros."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body))
            + kind
            + body
            + struct.pack(">I", zlib.crc32(kind + body) & 0xFFFFFFFF)
        )

    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(bytes(2**20)) for _ in range(64)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def webp_of(side: int) -> bytes:
    small = (side - 1).to_bytes(3, "little")
    body = b"VP8X" + (10).to_bytes(4, "little") + bytes(4) + small + small
    return b"RIFF" + (len(body) + 4).to_bytes(4, "little") + b"WEBP" + body


@pytest.mark.parametrize(
    "bomb", [png_of(60_000, 60_000), png_of(2**31 - 1, 1), webp_of(16_384)], ids=["png", "wide", "webp"]
)
def test_a_bomb_is_refused_before_it_is_decoded(bomb: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def loaded(*_: object) -> None:
        raise AssertionError("pixels were decoded")

    monkeypatch.setattr(Image.Image, "load", loaded)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", loaded)
    tracemalloc.start()
    found = read_upload(encoded(bomb), 0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert not found.data
    assert "larger than the limit" in found.problem
    assert peak < 4 * 2**20


def test_the_store_can_ask_for_less(picture: Callable[..., Image.Image]) -> None:
    buffer = io.BytesIO()
    picture(1, 64, 64).save(buffer, "PNG")
    assert read_upload(encoded(buffer.getvalue()), 0).data == buffer.getvalue()
    assert "limit of 4,000 pixels" in read_upload(encoded(buffer.getvalue()), 0, 4000).problem


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"data": "!!!!"}, "did not arrive whole"),
        ({"data": base64.b64encode(b"<html>").decode()}, "web page"),
        ({"data": base64.b64encode(b"\x89PNG\r\n\x1a\nxx").decode()}, "cannot be used"),
        ({"data": ""}, ""),
        ({"data": ["a"]}, ""),
        ({}, ""),
    ],
    ids=range(6),
)
def test_what_is_no_picture_is_told(told: dict[str, object], words: str) -> None:
    found = read_upload(told, 0)
    assert not found.data
    assert words in found.problem and bool(words) == bool(found.problem)


def test_large_files_and_a_session_s_total_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "LARGEST", 1000)
    monkeypatch.setattr(uploads, "SESSION_BYTES", 1500)
    monkeypatch.setattr(
        uploads.base64, "b64decode", lambda *_, **__: pytest.fail("it was unpacked before it was measured")
    )
    assert "larger than" in read_upload({"data": "a" * 2000}, 0).problem
    assert "no more" in read_upload({"data": "a" * 1000}, 1000).problem
