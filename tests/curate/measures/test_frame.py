"""The frame of drawn pictures whose border, content and colours are known."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from curate.measures.frame import Frame
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
    assert found["frame_border"] == pytest.approx(0.75, abs=0.03)
    assert found["frame_content"] == pytest.approx(0.25, abs=0.03)
    spread = Image.new("RGB", (200, 100), "white")
    for left, top in ((0, 0), (180, 0), (0, 80), (180, 80)):
        spread.paste(noise(10, 10), (left + 5, top + 5))
    (found,) = measured(spread)
    assert found["frame_border"] == pytest.approx(1 - 190 * 90 / 20_000, abs=0.03)
    assert found["frame_content"] == pytest.approx(0.02, abs=0.01)


def test_a_blurred_picture_is_less_sharp() -> None:
    sharp = noise(120, 120)
    found = measured(sharp, sharp.filter(ImageFilter.GaussianBlur(2)), Image.new("RGB", (50, 50), "red"))
    assert found[0]["frame_sharpness"] > 10 * found[1]["frame_sharpness"] > 0
    assert found[2]["frame_sharpness"] == 0
    assert (found[2]["frame_blank"], found[2]["frame_border"], found[2]["frame_edge"]) == (1.0, 1.0, None)
    assert found[0]["frame_blank"] < 0.05


@pytest.mark.parametrize(
    ("box", "kind"),
    [
        ((0, 30, 200, 90), "letterbox"),
        ((40, 0, 160, 120), "pillarbox"),
        ((20, 10, 180, 110), "frame"),
        ((0, 0, 200, 120), "none"),
        ((0, 0, 200, 100), "none"),
    ],
)
def test_bars_are_found_to_the_pixel(box: tuple[int, int, int, int], kind: str) -> None:
    page = Image.new("RGB", (200, 120), "black")
    page.paste(Image.new("RGB", (200, 120), (90, 140, 60)).crop(box), box)
    page.paste(noise(50, 40), (80, 45))
    stored = io.BytesIO()
    page.save(stored, "JPEG", quality=85)
    for image in (page, Image.open(stored)):
        (found,) = measured(image.convert("RGB"))
        assert found["frame_bars"] == kind
        inside = (0.0, 0.0, 1.0, 1.0) if kind == "none" else [box[at] / (200, 120)[at % 2] for at in range(4)]
        sides = [found[f"frame_{name}"] for name in ("left", "top", "right", "bottom")]
        assert sides == pytest.approx(inside, abs=0.03)
        assert found["frame_aspect"] == pytest.approx(200 / 120)


def test_a_drawing_before_a_plain_ground_has_no_bars() -> None:
    page = Image.new("RGB", (200, 120), "white")
    ImageDraw.Draw(page).ellipse((50, 20, 150, 100), fill="orange", outline="black")
    (found,) = measured(page)
    assert found["frame_bars"] == "none" and found["frame_border"] > 0.5


def drawing(side: int = 256) -> Image.Image:
    """Lines and discs, smoothed as a drawing program does."""
    page = Image.new("RGB", (4 * side, 4 * side), "white")
    pencil = ImageDraw.Draw(page)
    for at in range(12):
        x, y = at % 4 * side, at // 4 * side
        pencil.ellipse(
            (x + 80, y + 120, x + 700, y + 600),
            fill=("orange", "navy", "green")[at % 3],
            outline="black",
            width=14,
        )
        pencil.line((x, y, x + side, y + 2 * side), fill="black", width=10)
    return page.resize((side, side), Image.Resampling.BOX)


@pytest.mark.parametrize("way", ["NEAREST", "BILINEAR", "BICUBIC", "LANCZOS"])
def test_an_enlarged_picture_is_not_sharp(way: str) -> None:
    own = drawing()
    large = own.resize((512, 512), Image.Resampling[way])
    twice = large.resize((1024, 1024), Image.Resampling[way])
    found = measured(own, large, twice)
    widths = [record["frame_edge"] for record in found]
    assert widths[0] < 1.5 < widths[1] < 3 < widths[2]
    assert found[0]["frame_true_side"] == 256
    for record in found[1:]:
        assert 170 < record["frame_true_side"] < 430  # bicubic sharpens


def test_noise_in_grey_levels_and_the_grid_of_jpeg() -> None:
    own = drawing()
    rng = np.random.default_rng(5)
    grey = np.full((160, 160, 1), 128.0)
    grainy = Image.fromarray(
        np.clip(grey + rng.normal(0, 9, grey.shape), 0, 255).astype(np.uint8).repeat(3, axis=2)
    )
    stored = io.BytesIO()
    own.save(stored, "JPEG", quality=75)
    plain, noisy, compressed = measured(own, grainy, Image.open(stored).convert("RGB"))
    assert plain["frame_noise"] < 0.5 and noisy["frame_noise"] == pytest.approx(9, abs=2)
    assert plain["frame_blocks"] < 0.05 < compressed["frame_blocks"]


def test_pictures_of_any_small_size_are_measured() -> None:
    for size in ((1, 1), (1, 40), (40, 1), (2, 3), (9, 9), (700, 3)):
        (found,) = measured(
            Image.new("RGB", size, "teal"),
        )
        assert found["frame_blank"] == 1.0 and found["frame_noise"] == 0.0
        assert found["frame_aspect"] == pytest.approx(size[0] / size[1])
