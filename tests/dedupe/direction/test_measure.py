"""Of two copies that were drawn, edited and written here, the one that the other was made from is found, either way
round."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from tests.dedupe.direction.conftest import Side, compared, made_from, subject

Edit = Callable[[Image.Image], Side]
Drawing = Callable[..., Image.Image]


def png(edit: Callable[[Image.Image], Image.Image]) -> Edit:
    return lambda image: subject(edit(image))


def jpeg(quality: int, edit: Callable[[Image.Image], Image.Image] = lambda image: image) -> Edit:
    return lambda image: subject(edit(image), "JPEG", quality=quality)


def scaled(
    across: float, down: float, way: Image.Resampling = Image.Resampling.BICUBIC
) -> Callable[[Image.Image], Image.Image]:
    return lambda image: image.resize((round(image.width * across), round(image.height * down)), way)


def noisy(image: Image.Image) -> Image.Image:
    noise = np.random.default_rng(1).normal(0, 9, (image.height, image.width, 3))
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))


def written_on(image: Image.Image) -> Image.Image:
    layer = Image.new("RGBA", image.size, (0, 0, 0, 0))
    pen = ImageDraw.Draw(layer)
    pen.text((30, 265), "sample.example", fill=(255, 255, 255, 180), font_size=28, stroke_width=1)
    return Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB")


def bannered(image: Image.Image) -> Image.Image:
    image = image.copy()
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 294, 320, 320), fill=(20, 20, 60))
    pen.text((8, 298), "posted on sample.example", fill="white", font_size=16)
    return image


def sepia(image: Image.Image) -> Image.Image:
    return ImageOps.colorize(image.convert("L"), (20, 10, 0), (255, 240, 205))


def padded(*sides: int, colour: str = "black") -> Callable[[Image.Image], Image.Image]:
    return lambda image: ImageOps.expand(image, sides, colour)


def framed(image: Image.Image) -> Image.Image:
    return ImageOps.expand(ImageOps.expand(image, 14, (120, 80, 40)), 2, "black")


def screenshot(image: Image.Image) -> Image.Image:
    screen = Image.new("RGB", (430, 460), (36, 36, 44))
    pen = ImageDraw.Draw(screen)
    for number in range(6):
        pen.rectangle((6 + 70 * number, 8, 60 + 70 * number, 26), fill=(70, 80, 100 + 20 * number))
        pen.text((10, 60 + 40 * number), f"menu {number}", fill="white", font_size=12)
    screen.paste(image, (80, 60))
    return screen


def cropped(left: int, top: int, right: int, bottom: int) -> Callable[[Image.Image], Image.Image]:
    return lambda image: image.crop((left, top, image.width - right, image.height - bottom))


EDITS: dict[str, tuple[Edit, str]] = {
    "half": (png(scaled(0.5, 0.5)), "detail"),
    "two thirds": (png(scaled(0.67, 0.67, Image.Resampling.LANCZOS)), "detail"),
    "enlarged": (png(scaled(1.6, 1.6)), "enlarged"),
    "doubled pixels": (png(scaled(2, 2, Image.Resampling.NEAREST)), "enlarged"),
    "stretched": (png(scaled(1.2, 1)), "enlarged"),
    "squeezed": (png(scaled(1, 0.7)), "detail"),
    "blurred": (png(lambda image: image.filter(ImageFilter.GaussianBlur(1.5))), "detail"),
    "JPEG 92": (jpeg(92), "compression"),
    "JPEG 30": (jpeg(30), "compression"),
    "WebP": (lambda image: subject(image, "WEBP", quality=60), "compression"),
    "noise": (png(noisy), "noise"),
    "palette": (png(lambda image: image.quantize(24).convert("RGB")), "colours"),
    "grey": (png(lambda image: image.convert("L").convert("RGB")), "grey"),
    "sepia": (jpeg(85, sepia), "tint"),
    "clipped": (png(lambda image: ImageEnhance.Brightness(image).enhance(1.7)), "clipped"),
    "cropped": (png(cropped(40, 50, 30, 20)), "crop"),
    "cropped on one side": (jpeg(90, cropped(0, 0, 0, 70)), "crop"),
    "border": (png(padded(30, 30, 30, 30)), "border"),
    "letterbox": (jpeg(90, padded(0, 40, 0, 40)), "border"),
    "frame": (png(framed), "border"),
    "screenshot": (png(screenshot), "border"),
    "writing": (png(written_on), "writing"),
    "banner": (png(bannered), "cover"),
}


@pytest.mark.parametrize("swapped", [False, True], ids=["original first", "copy first"])
@pytest.mark.parametrize("name", EDITS)
def test_the_original_is_found_and_why(drawing: Drawing, name: str, swapped: bool) -> None:
    edit, criterion = EDITS[name]
    for seed in (0, 3):
        image = drawing(seed)
        worse, found = compared(subject(image), edit(image), swapped)
        assert worse > 0.04, found
        assert criterion in {each.criterion for each in found if each.of}, found


@pytest.mark.parametrize("swapped", [False, True], ids=["original first", "copy first"])
def test_a_jpeg_saved_as_png_is_no_original(drawing: Drawing, swapped: bool) -> None:
    image = drawing(2)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80)
    with Image.open(buffer) as again:
        copy = subject(again.convert("RGB"))
    worse, found = compared(subject(image), copy, swapped)
    assert worse > 0.04
    assert "compression" in {each.criterion for each in found if each.of}


def test_an_upscale_loses_to_its_jpeg(drawing: Drawing) -> None:
    image = drawing(1)
    assert made_from(jpeg(95)(image), png(scaled(2, 2))(image))


def test_the_ground_that_was_filled_in_loses_to_the_white_one(drawing: Drawing) -> None:
    image = drawing(4)
    ground = Image.new("RGB", image.size, (24, 30, 60))
    mask = ImageChops.lighter(image.convert("L"), Image.new("L", image.size, 0)).point(
        lambda v: 255 * (v > 250)
    )
    ImageDraw.floodfill(filled := image.copy(), (2, 2), (255, 0, 255), thresh=12)
    mask = Image.fromarray(((np.asarray(filled) == (255, 0, 255)).all(axis=2) * 255).astype(np.uint8))
    copy = Image.composite(ground, image, mask)
    worse, found = compared(subject(image), subject(copy))
    assert worse > 0.04
    assert {each.criterion for each in found if each.of} == {"ground"}


def test_transparency_that_is_lost(drawing: Drawing) -> None:
    image = drawing(5)
    ImageDraw.floodfill(filled := image.copy(), (2, 2), (255, 0, 255), thresh=12)
    mask = Image.fromarray((~(np.asarray(filled) == (255, 0, 255)).all(axis=2) * 255).astype(np.uint8))
    clear = image.copy()
    clear.putalpha(mask)
    worse, found = compared(subject(clear), subject(image))
    assert worse > 0.04
    assert {each.criterion for each in found if each.of} == {"alpha"}


def test_equal_pixels_and_a_mirror_image_are_undecided(drawing: Drawing) -> None:
    image = drawing(0)
    assert compared(subject(image), subject(image))[1] == []
    mirror = compared(subject(image), subject(ImageOps.mirror(image)))
    assert abs(mirror[0]) <= 0.04


def test_a_file_that_cannot_be_read_leaves_what_thumbnails_say(drawing: Drawing) -> None:
    image = drawing(0)
    original, facts = subject(image)
    copy, its_facts = subject(image.convert("L").convert("RGB"))
    original.read = copy.read = lambda: None
    worse, found = compared((original, facts), (copy, its_facts))
    assert worse > 0.04
    assert {each.criterion for each in found} == {"grey"}


@pytest.mark.parametrize("swapped", [False, True], ids=["original first", "copy first"])
def test_what_the_files_say_of_themselves_decides_where_pixels_do_not(
    drawing: Drawing, swapped: bool
) -> None:
    def dated(day: str, software: str = "", camera: str = "") -> Side:
        exif = Image.Exif()
        exif[0x0132] = f"{day} 12:00:00"
        if software:
            exif[0x0131] = software
        if camera:
            exif[0x010F] = camera
        return subject(drawing(6), "JPEG", quality=90, exif=exif)

    for original, copy in (
        (dated("2020:01:01"), dated("2022:01:01")),
        (dated("2020:01:01"), dated("2020:01:01", software="GIMP 2.10")),
        (dated("2020:01:01", camera="Canon"), dated("2020:01:01")),
    ):
        worse, found = compared(original, copy, swapped)
        assert worse > 0.04, found
        assert {each.criterion for each in found if each.of} == {"metadata"}
    assert compared(dated("2020:01:01"), dated("2020:01:01"), swapped)[1] == []
