"""What all tests share: where the real data is, and small pictures of every kind of colour."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

# No deadline: a slow machine is not a wrong answer.
settings.register_profile("likeness", deadline=None, max_examples=50)
settings.load_profile("likeness")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def real_data() -> Path:
    """A folder of real pictures with ground truth; the test is skipped where there is none."""
    named = os.environ.get("LIKENESS_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; LIKENESS_DATA names another folder")
    return folder


@pytest.fixture(scope="session")
def picture() -> Callable[..., Image.Image]:
    """Makes a picture that no other seed resembles: smooth colour fields with a few shapes, the same every time."""

    def make(seed: int = 0, width: int = 96, height: int = 96, mode: str = "RGB") -> Image.Image:
        rng = np.random.default_rng(seed)
        coarse = rng.integers(0, 256, size=(5, 5, 3), dtype=np.uint8)
        image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        for _ in range(4):
            left, top = int(rng.integers(0, width - 8)), int(rng.integers(0, height - 8))
            wide, high = int(rng.integers(8, width // 2)), int(rng.integers(8, height // 2))
            colour = tuple(int(c) for c in rng.integers(0, 256, size=3))
            image.paste(colour, (left, top, min(left + wide, width), min(top + high, height)))
        return image.convert(mode)

    return make


@pytest.fixture
def small_images(tmp_path: Path, picture: Callable[..., Image.Image]) -> Path:
    """A folder of twelve different PNGs, each with its caption of tags."""
    folder = tmp_path / "small_images"
    folder.mkdir()
    hair = ("black", "blonde", "red", "blue")
    for number in range(12):
        picture(number).save(folder / f"{number:02}.png")
        tags = f"1girl, solo, {hair[number % 4]} hair, {'smile' if number % 2 else 'closed eyes'}"
        (folder / f"{number:02}.txt").write_text(tags, encoding="utf-8")
    return folder
