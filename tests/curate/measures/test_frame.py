"""The frame of drawn pictures whose border, content and colours are known."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

from curate.measures.frame import Frame, tones
from index.images.decode import decode
from index.stages.row_plugin import Batch
from schema.settings import Settings


def measured(*images: Image.Image) -> list[dict[str, Any]]:
    frame = Frame(Settings())
    pictures = []
    for image in images:
        data = io.BytesIO()
        image.save(data, "PNG")
        pictures.append(frame.prepare(decode(data.getvalue())))
    columns = frame.compute(Batch(None, pictures)).columns
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def noise(width: int, height: int) -> Image.Image:
    rng = np.random.default_rng(3)
    return Image.fromarray(rng.integers(0, 200, (height, width, 3), dtype=np.uint8))


def test_border_and_content_are_shares_of_the_area() -> None:
    page = Image.new("RGB", (200, 100), "white")
    page.paste(noise(100, 50), (50, 25))
    (found,) = measured(page)
    assert found["frame_border"] == pytest.approx(0.75, abs=0.01)
    assert found["frame_content"] == pytest.approx(0.25, abs=0.01)
    spread = Image.new("RGB", (200, 100), "white")
    for left, top in ((0, 0), (180, 0), (0, 80), (180, 80)):
        spread.paste(noise(10, 10), (left + 5, top + 5))
    (found,) = measured(spread)
    assert found["frame_border"] == pytest.approx(1 - 190 * 90 / 20_000, abs=0.01)
    assert found["frame_content"] == pytest.approx(0.02, abs=0.003)


def test_a_blurred_picture_is_less_sharp() -> None:
    sharp = noise(120, 120)
    found = measured(sharp, sharp.filter(ImageFilter.GaussianBlur(2)), Image.new("RGB", (50, 50), "red"))
    assert found[0]["frame_sharpness"] > 10 * found[1]["frame_sharpness"] > 0
    assert found[2] == {
        "frame_border": 1.0, "frame_content": 0.0, "frame_sharpness": 0.0, "frame_tones": "one hue"
    }  # fmt: skip


def test_grey_one_hue_and_coloured() -> None:
    scan = noise(64, 64).convert("L")
    sepia = Image.merge("RGB", [scan, scan.point(lambda v: v * 0.8), scan.point(lambda v: v * 0.55)])
    compressed = io.BytesIO()
    scan.convert("RGB").save(compressed, "JPEG", quality=60)
    stamped = scan.convert("RGB")
    stamped.paste("red", (0, 0, 4, 4))
    images = [scan.convert("RGB"), Image.open(compressed).convert("RGB"), sepia, noise(64, 64), stamped]
    kinds = [found["frame_tones"] for found in measured(*images)]
    assert kinds == ["grey", "grey", "one hue", "coloured", "grey"]


def test_two_opposite_hues_are_colours() -> None:
    rgb = np.zeros((10, 10, 3), dtype=np.float32)
    rgb[:5] = (200, 40, 40)
    rgb[5:] = (40, 40, 200)
    assert tones(rgb) == "coloured"
    rgb[5:] = (220, 90, 80)
    assert tones(rgb) == "one hue"
