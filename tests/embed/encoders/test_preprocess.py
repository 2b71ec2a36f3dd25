"""Resizing: what torch's kernel makes is what Pillow makes, but for rounding; the rest is Pillow's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from embed.encoders import preprocess
from embed.encoders.preprocess import Preprocess, resize
from index.images.torchvision_ops import import_open_clip

Make = Callable[..., Image.Image]
BICUBIC, BILINEAR = Image.Resampling.BICUBIC, Image.Resampling.BILINEAR


def levels(one: Image.Image, other: Image.Image) -> np.ndarray:
    return np.abs(np.asarray(one, dtype=int) - np.asarray(other, dtype=int))


def near(apart: np.ndarray) -> None:
    """Where sums end between two levels, one of a few of them; more only where one side shrinks and the other grows."""
    assert apart.mean() < 0.25
    assert (apart > 1).mean() < 0.01
    assert apart.max() < 16


@pytest.mark.parametrize("way", [BICUBIC, BILINEAR, Image.Resampling.LANCZOS])
@pytest.mark.parametrize("old", [(300, 200), (97, 131), (20, 15), (1, 90), (90, 1), (640, 40), (1500, 1500)])
@pytest.mark.parametrize("new", [(112, 112), (224, 150), (1, 3)])
def test_a_resized_picture_is_pillows_but_for_rounding(
    picture: Make, old: tuple[int, int], new: tuple[int, int], way: Image.Resampling
) -> None:
    image = picture(3, 120, 90).resize(old)
    found = resize(image, new, way)
    assert found.mode == "RGB" and found.size == new
    near(levels(found, image.resize(new, way)))


def test_without_vector_instructions_it_is_pillows(picture: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preprocess, "_vectorised", lambda: False)
    image = picture(1, 300, 200)
    assert not levels(resize(image, (90, 60), BICUBIC), image.resize((90, 60), BICUBIC)).any()


def test_a_very_large_picture_is_left_to_pillow(picture: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preprocess, "LARGE_PIXELS", 100)
    image = picture(1, 300, 200)
    assert not levels(resize(image, (90, 60), BICUBIC), image.resize((90, 60), BICUBIC)).any()


@pytest.mark.parametrize("mode", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("filtered", ["bicubic", "bilinear"])
@pytest.mark.parametrize("size", [(64, 64), (200, 90), (90, 301), (32, 32), (31, 500)])
def test_every_crop_of_open_clip_is_its_own(
    picture: Make, mode: str, filtered: str, size: tuple[int, int]
) -> None:
    transform = import_open_clip().transform
    chosen = transform.PreprocessCfg(size=32, resize_mode=mode, interpolation=filtered)
    steps = transform.image_transform_v2(chosen, is_train=False).transforms
    floats = {"MaybeToTensor", "ToTensor", "Normalize"}
    own = tuple(step for step in steps if type(step).__name__ not in floats)
    image = expected = picture(2, 120, 90).resize(size)
    for step in own:
        expected = step(expected)
    found = Preprocess(32, 32, "crop", (0, 0, 0), BICUBIC, own)(image)
    near(np.abs(found.astype(int) - np.asarray(expected, dtype=int)))
