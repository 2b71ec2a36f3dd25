"""Copies told at a glance: encoded again or scaled yes, any version or stranger no."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from PIL import Image

from dedupe.compare.image import decode
from dedupe.compare.near_identical import MOST, Small, alike, small
from dedupe.compare.verdict import SAME, Limits, judge
from schema.settings import DedupeSettings

Draw = Callable[..., Image.Image]


def stored(image: Image.Image, kind: str = "WEBP", quality: int = 80, side: int = 256) -> bytes:
    shown = image.copy()
    shown.thumbnail((side, side))
    buffer = io.BytesIO()
    shown.save(buffer, kind, quality=quality)
    return buffer.getvalue()


def shown(image: Image.Image, kind: str = "WEBP", quality: int = 80, side: int = 256) -> Small | None:
    decoded = decode(stored(image, kind, quality, side))
    assert decoded is not None
    return small(decoded)


@pytest.mark.parametrize(
    ("kind", "quality", "side"), [("WEBP", 80, 256), ("JPEG", 85, 256), ("WEBP", 80, 200), ("JPEG", 92, 220)]
)
def test_a_copy_encoded_again_or_scaled_is_the_same_artwork(
    face: Draw, kind: str, quality: int, side: int
) -> None:
    own, its = shown(face(3)), shown(face(3), kind, quality, side)
    assert own is not None
    assert its is not None
    found = alike(own, its)
    assert found is not None
    assert found.peak <= MOST
    assert judge(found, Limits.of(DedupeSettings())) == SAME
    back = alike(its, own)
    assert back is not None
    assert back.peak == pytest.approx(found.peak, abs=1e-6)


@pytest.mark.parametrize(
    "change",
    [{"skin": (222, 176, 138)}, {"hair": (110, 60, 34)}, {"smile": False}, {"seed": 4}],
    ids=["skin a shade darker", "hair a shade lighter", "expression", "stranger"],
)
def test_versions_and_strangers_are_left_to_the_pixel_check(face: Draw, change: dict[str, object]) -> None:
    own, its = shown(face(3)), shown(face(**{"seed": 3, **change}))
    assert own is not None
    assert its is not None
    assert alike(own, its) is None


def test_another_shape_is_left_to_the_pixel_check(face: Draw) -> None:
    own, its = shown(face(3)), shown(face(3).crop((0, 0, 320, 300)))
    assert own is not None
    assert its is not None
    assert alike(own, its) is None


def test_what_shows_next_to_nothing_is_never_alike() -> None:
    assert shown(Image.new("RGB", (300, 300), (250, 250, 250))) is None
    assert decode(b"") is None
    assert decode(b"no picture at all") is None
