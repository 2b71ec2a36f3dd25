"""Pictures that show little, or only writing: shapes that lie elsewhere and other pages are other pictures."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from dedupe.compare.difference import compare
from dedupe.compare.image import load
from dedupe.compare.verdict import DIFFERENT, SAME, Limits, judge
from index.images.facts import thumbnail
from schema.settings import DedupeSettings

LIMITS = Limits.of(DedupeSettings())


def verdict(one: Image.Image, other: Image.Image) -> str:
    return judge(compare(*(load(thumbnail(image, 256)) for image in (one, other)), LIMITS), LIMITS)


def dot(x: int, y: int, radius: int) -> Image.Image:
    image = Image.new("RGB", (200, 200), "white")
    ImageDraw.Draw(image).ellipse((x - radius, y - radius, x + radius, y + radius), fill=(20, 20, 90))
    return image


def page(seed: int) -> Image.Image:
    letters, rng = list("abcdefghijklmnopqrstuvwxyz"), np.random.default_rng(seed)
    image = Image.new("RGB", (420, 560), "white")
    pen = ImageDraw.Draw(image)
    for line in range(24):
        words = " ".join("".join(rng.choice(letters, int(rng.integers(2, 9)))) for _ in range(8))
        pen.text((26, 24 + 21 * line), words[: 46 - int(rng.integers(0, 6))], fill="black", font_size=16)
    return image


@pytest.mark.parametrize("radius", [8, 30])
@pytest.mark.parametrize("corner", [(32, 32), (168, 40)])
def test_a_dot_in_the_middle_and_one_in_the_corner(corner: tuple[int, int], radius: int) -> None:
    assert verdict(dot(100, 100, radius), dot(*corner, radius)) == DIFFERENT
    assert verdict(dot(*corner, radius), dot(100, 100, radius)) == DIFFERENT
    half = dot(100, 100, radius).resize((100, 100), Image.Resampling.LANCZOS)
    assert verdict(dot(100, 100, radius), half) == SAME


def test_two_pages_of_text_are_two_pictures() -> None:
    assert verdict(page(1), page(2)) == DIFFERENT
    assert verdict(page(1), page(1).resize((210, 280), Image.Resampling.LANCZOS)) == SAME
