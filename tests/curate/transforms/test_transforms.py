"""Transforms: the same item gives the same bytes, boxes stay on their pixels, nothing is enlarged unasked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from curate.transforms import SEAM, TRANSFORMS
from curate.transforms.base import Box, CannotTransform, Frame
from curate.transforms.resize import bucket_sizes, nearest_bucket
from schema.errors import SettingsError

MARK = (250, 10, 200)


def made(name: str, **options: Any) -> Any:
    return SEAM.load(name)(options)


def marked(width: int, height: int, box: tuple[int, int, int, int], ground: int = 90) -> Image.Image:
    """Return a grey picture with one rectangle of a colour that nothing else has."""
    image = Image.new("RGB", (width, height), (ground, ground, ground))
    image.paste(MARK, box)
    return image


def centre_is_marked(frame: Frame) -> bool:
    (box,) = frame.boxes
    x = min(frame.image.width - 1, int((box.x0 + box.x1) / 2))
    y = min(frame.image.height - 1, int((box.y0 + box.y1) / 2))
    pixel = np.array(frame.image.getpixel((x, y)), int)
    return bool(np.abs(pixel - np.array(MARK)).max() < 60)


GEOMETRY = {
    "random_crop": {"side": 0.4},
    "resize": {"side": 70},
    "bucket": {"resolution": 128, "smallest": 64, "largest": 256, "step": 16},
    "augment": {"flip": 0.5, "crop": 0.3, "size": 64},
    "crop": {"around": "face", "scale": 1.5},
    "trim": {},
}


@pytest.mark.parametrize("name", GEOMETRY)
@settings(max_examples=40)
@given(
    size=st.tuples(st.integers(60, 240), st.integers(60, 240)),
    corner=st.tuples(st.floats(0, 0.5), st.floats(0, 0.5)),
    item=st.text("0123456789abcdef", min_size=32, max_size=32),
)
def test_boxes_stay_on_their_pixels(
    name: str, size: tuple[int, int], corner: tuple[float, float], item: str
) -> None:
    left, top = int(corner[0] * size[0]), int(corner[1] * size[1])
    right, bottom = left + size[0] // 3, top + size[1] // 3
    frame = Frame(item, marked(*size, (left, top, right, bottom)), (Box("face", left, top, right, bottom),))
    after = made(name, **GEOMETRY[name]).apply(frame)
    if after.boxes and after.boxes[0].area > 30:
        assert centre_is_marked(after)
    again = made(name, **GEOMETRY[name]).apply(frame)
    assert again.image.tobytes() == after.image.tobytes() and again.done == after.done
    assert after.done and after.done[0]["use"] == name


def test_shrinking_averages_areas_and_lanczos_is_for_less() -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8))
    small = made("resize", side=24).apply(Frame("a", image))
    assert small.done[0]["filter"] == "area"
    expected = np.asarray(image, float).reshape(24, 4, 24, 4, 3).mean(axis=(1, 3))
    assert np.abs(np.asarray(small.image, float) - expected).max() <= 1
    less = made("resize", side=72).apply(Frame("a", image))
    assert less.done[0]["filter"] == "lanczos"
    assert less.image.tobytes() == image.resize((72, 72), Image.Resampling.LANCZOS).tobytes()


def test_nothing_is_enlarged_unless_asked() -> None:
    frame = Frame("a", Image.new("RGB", (50, 40)))
    assert made("resize", side=100).apply(frame).image.size == (50, 40)
    asked = made("resize", side=100, upscale=True).apply(frame)
    assert (asked.image.size, asked.done[0]["filter"]) == ((100, 80), "bicubic")
    assert made("resize", side=30, fit="square").apply(frame).image.size == (30, 30)
    assert made("bucket", resolution=128, step=16, smallest=64).apply(frame).image.size == (48, 32)


def test_buckets_are_those_of_kohya() -> None:
    # make_bucket_resolutions((512, 512), 256, 1024, 64) of sd-scripts.
    sizes = bucket_sizes(512, 256, 1024, 64)
    assert (512, 512) in sizes and (256, 1024) in sizes and (1024, 256) in sizes
    assert (384, 640) in sizes and (640, 384) in sizes and (448, 576) in sizes
    assert all(wide % 64 == 0 and high % 64 == 0 and wide * high <= 512 * 512 for wide, high in sizes)
    assert nearest_bucket(1.0, sizes) == (512, 512)
    bucket = made("bucket", resolution=512, smallest=256, largest=1024)
    after = bucket.apply(Frame("a", Image.new("RGB", (1200, 800))))
    assert after.image.size == nearest_bucket(1.5, sizes) == (640, 384)


def test_a_border_is_trimmed_and_a_plain_picture_is_not() -> None:
    image = Image.new("RGB", (100, 80), (255, 255, 255))
    image.paste(marked(60, 40, (5, 5, 20, 20)), (20, 30))
    after = made("trim").apply(Frame("a", image))
    assert after.image.size == (60, 40) and after.done[0]["box"] == [20, 30, 80, 70]
    assert made("trim").apply(Frame("a", Image.new("RGB", (30, 30)))).image.size == (30, 30)


def test_a_crop_is_the_largest_box_times_the_scale_inside_the_picture() -> None:
    boxes = (Box("face", 10, 10, 20, 20), Box("face", 40, 40, 60, 70), Box("person", 0, 0, 100, 100))
    frame = Frame("a", Image.new("RGB", (100, 100)), boxes)
    after = made("crop", scale=1.5).apply(frame)
    assert after.image.size == (45, 45)
    assert after.done[0]["box"] == [28, 32, 73, 77]
    with pytest.raises(CannotTransform, match="there is no hand"):
        made("crop", around="hand").apply(frame)
    assert made("crop", around="hand", missing="keep").apply(frame).image.size == (100, 100)


def test_colours_come_to_the_reference(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    reference = Image.fromarray(rng.integers(100, 200, (40, 40, 3), dtype=np.uint8))
    reference.save(tmp_path / "reference.png")
    dark = Image.fromarray(rng.integers(20, 60, (40, 40, 3), dtype=np.uint8))
    after = made("colour", reference=str(tmp_path / "reference.png")).apply(Frame("a", dark))
    mean = np.asarray(after.image, float).mean(axis=(0, 1))
    assert np.abs(mean - np.asarray(reference, float).mean(axis=(0, 1))).max() < 6
    none = made("colour", reference=str(tmp_path / "reference.png"), strength=0).apply(Frame("a", dark))
    assert np.abs(np.asarray(none.image, int) - np.asarray(dark, int)).max() <= 1
    with pytest.raises(SettingsError, match="cannot read the reference"):
        made("colour", reference=str(tmp_path / "no.png")).apply(Frame("a", dark))


def test_text_is_painted_over_and_the_rest_stays() -> None:
    image = marked(80, 60, (30, 20, 50, 30))
    frame = Frame("a", image, (Box("text", 30, 20, 50, 30), Box("face", 0, 0, 10, 10)))
    after = made("inpaint").apply(frame)
    found = np.asarray(after.image, int)
    assert np.abs(found - 90).max() <= 3
    assert np.array_equal(found[:10], np.asarray(image, int)[:10])
    big = Frame("a", image, (Box("text", 0, 0, 80, 60),))
    assert made("inpaint").apply(big).done[0]["boxes"] == 0


def test_mistakes_are_told() -> None:
    with pytest.raises(SettingsError, match="no transform 'resise'; did you mean resize"):
        made("resise")
    with pytest.raises(SettingsError, match=r"unknown setting transform\.resize\.sides"):
        made("resize", sides=3)
    assert set(TRANSFORMS) >= {*GEOMETRY, "colour", "inpaint"}
