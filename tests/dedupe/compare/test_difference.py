"""The pixel check on drawn faces: edits that stay the same artwork, and versions that do not."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from dedupe.compare.difference import compare
from dedupe.compare.image import prepare
from dedupe.compare.verdict import DIFFERENT, SAME, VARIANT, Limits, judge
from schema.settings import DedupeSettings

Draw = Callable[..., Image.Image]


def jpeg(image: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=25)
    return Image.open(buffer).convert("RGB")


def barred(image: Image.Image) -> Image.Image:
    found = image.copy()
    pen = ImageDraw.Draw(found)
    pen.rectangle([0, 290, 320, 320], fill="black")
    pen.text((10, 300), "somebody 2020", fill="white")
    return found


def on_dark(image: Image.Image) -> Image.Image:
    found = image.copy()
    for corner in ((0, 0), (319, 0)):
        ImageDraw.floodfill(found, corner, (20, 30, 60), thresh=20)
    return found


def signed(image: Image.Image) -> Image.Image:
    found = image.copy()
    ImageDraw.Draw(found).text(
        (20, 285), "drawn by somebody", fill="white", font_size=26, stroke_width=1, stroke_fill=(60, 60, 60)
    )
    return found


EDITS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "jpeg": jpeg,
    "half": lambda x: x.resize((160, 160), Image.Resampling.BICUBIC),
    "quarter": lambda x: x.resize((80, 80), Image.Resampling.BICUBIC),
    "stretch": lambda x: x.resize((400, 320), Image.Resampling.BICUBIC),
    "crop": lambda x: x.crop((32, 32, 288, 288)),
    "pad": lambda x: ImageOps.expand(x, 40, "white"),
    "blur": lambda x: x.filter(ImageFilter.GaussianBlur(2)),
    "bright": lambda x: ImageEnhance.Brightness(x).enhance(1.3),
    "grey": lambda x: x.convert("L").convert("RGB"),
    "sepia": lambda x: ImageOps.colorize(x.convert("L"), "#281a04", "#fff0c0"),
    "mirror": ImageOps.mirror,
    "rotate": lambda x: x.rotate(5, Image.Resampling.BICUBIC, fillcolor="white"),
    "bar": barred,
    "writing": signed,
    "ground": on_dark,
}


def kind(a: Image.Image, b: Image.Image) -> str:
    return judge(
        compare(prepare(np.asarray(a)), prepare(np.asarray(b.convert("RGB")))), Limits.of(DedupeSettings())
    )


@pytest.mark.parametrize("edit", EDITS)
def test_edits_are_the_same_artwork(face: Draw, edit: str) -> None:
    assert kind(face(0), EDITS[edit](face(0))) == SAME


def test_versions_of_one_drawing_are_variants(face: Draw) -> None:
    assert kind(face(0), face(0, skin=(120, 70, 45))) == VARIANT
    assert kind(face(0), face(0, hair=(60, 90, 200))) == VARIANT
    assert kind(face(0), face(0, smile=False)) == VARIANT


def test_a_changed_face_is_no_writing(face: Draw) -> None:
    marked = face(0)
    pen = ImageDraw.Draw(marked)
    for x in (110, 190):
        pen.ellipse([x - 28, 105, x + 28, 155], outline="black", width=5)
    pen.line([(138, 130), (162, 130)], fill="black", width=5)
    assert kind(face(0), marked) != SAME


def test_other_drawings_are_different(face: Draw) -> None:
    assert all(kind(face(0), face(seed)) == DIFFERENT for seed in (1, 2, 3))


def test_nothing_is_said_of_blank_pictures() -> None:
    blank = Image.new("RGB", (200, 200), "white")
    assert kind(blank, blank) == DIFFERENT


def test_tiny_pictures(face: Draw) -> None:
    icon = face(0).resize((32, 32), Image.Resampling.BOX)
    assert kind(icon, face(0).resize((28, 28), Image.Resampling.BOX)) != DIFFERENT
    assert kind(icon, icon.copy()) == SAME
    assert kind(Image.new("RGB", (3, 2)), Image.new("RGB", (1, 1))) == DIFFERENT
