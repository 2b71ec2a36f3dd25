"""The colours of pictures that are grey, toned, coloured, flat, or lines on paper."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from curate.measures.colour import Colour
from embed.avatars import draw, random_avatar
from index.images.decode import Picture
from index.stages.row_plugin import Batch
from schema.settings import Settings


def measured(image: Image.Image) -> dict[str, Any]:
    colour = Colour(Settings())
    prepared = colour.prepare(Picture(image, *image.size, "png", 1, True, False, ""))
    columns = colour.compute(Batch(None, [prepared])).columns
    return {name: values[0] for name, values in columns.items()}


def noise(width: int, height: int) -> Image.Image:
    rng = np.random.default_rng(3)
    return Image.fromarray(rng.integers(0, 200, (height, width, 3), dtype=np.uint8))


def test_grey_one_hue_and_coloured() -> None:
    scan = noise(64, 64).convert("L")
    sepia = Image.merge("RGB", [scan, scan.point(lambda v: v * 0.8), scan.point(lambda v: v * 0.55)])
    compressed = io.BytesIO()
    scan.convert("RGB").save(compressed, "JPEG", quality=60)
    stamped = scan.convert("RGB")
    stamped.paste("red", (0, 0, 4, 4))
    images = [scan.convert("RGB"), Image.open(compressed).convert("RGB"), sepia, noise(64, 64), stamped]
    kinds = [measured(image)["colour_tones"] for image in images]
    assert kinds == ["grey", "grey", "one hue", "coloured", "grey"]


@pytest.mark.parametrize("seed", range(4))
def test_a_drawing_turned_grey_and_toned(seed: int) -> None:
    own = draw(*random_avatar(seed, ("library", "freehand")[seed % 2]))
    grey = own.convert("L")
    assert measured(own)["colour_tones"] == "coloured"
    assert measured(grey.convert("RGB"))["colour_tones"] == "grey"
    for dark, light in (("#20140a", "#f4e6cc"), ("#0a1a33", "#e6f0ff")):
        assert measured(ImageOps.colorize(grey, dark, light))["colour_tones"] == "one hue"


def test_one_coloured_thing_among_greys_is_a_colour() -> None:
    page = noise(128, 128).convert("L").convert("RGB")
    page.paste((200, 90, 40), (40, 40, 90, 90))
    assert measured(page)["colour_tones"] == "coloured"
    assert measured(Image.new("RGB", (40, 40), (200, 60, 60)))["colour_tones"] == "one hue"


@pytest.mark.parametrize(("colour", "hue"), [("red", 0), ("yellow", 60), ("lime", 120), ("blue", 240)])
def test_hue_in_degrees(colour: str, hue: float) -> None:
    found = measured(Image.new("RGB", (32, 32), colour))["colour_hue"]
    assert min(abs(found - hue), 360 - abs(found - hue)) < 1
    assert measured(Image.new("RGB", (32, 32), "silver"))["colour_hue"] is None


def test_flat_colours_are_counted() -> None:
    page = Image.new("RGB", (120, 120), "white")
    for at, name in enumerate(("red", "green", "blue", "black")):
        page.paste(name, (at * 30, 40, at * 30 + 30, 80))
    found = measured(page)
    assert found["colour_flat"] == 5 and found["colour_flat_share"] > 0.85
    assert measured(noise(120, 120))["colour_flat"] == 0


def test_lines_on_paper_are_line_art() -> None:
    page = Image.new("RGB", (300, 300), "white")
    pencil = ImageDraw.Draw(page)
    for at in range(0, 300, 40):
        pencil.ellipse((at, 20, at + 90, 250), outline="black", width=2)
    coloured, filled = page.copy(), page.copy()
    ImageDraw.Draw(coloured).rectangle((100, 60, 200, 250), fill=(240, 200, 60))
    ImageDraw.Draw(filled).rectangle((60, 60, 250, 250), fill="black")
    assert measured(page)["colour_line_art"] > 0.6
    for other in (coloured, filled, noise(300, 300), Image.new("RGB", (50, 50), "white")):
        assert measured(other)["colour_line_art"] < 0.35


def test_pictures_of_any_small_size_are_measured() -> None:
    for size in ((1, 1), (1, 40), (40, 1), (3, 2), (900, 2)):
        found = measured(Image.new("RGB", size, "white"))
        assert (found["colour_tones"], found["colour_light"], found["colour_line_art"]) == ("grey", 1.0, 0.0)
