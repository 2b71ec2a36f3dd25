"""A store with a few pictures, their copies and a variant, made without an encoder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps


@pytest.fixture(scope="session")
def face() -> Callable[..., Image.Image]:
    """Draws a face: ``seed`` moves its features, ``skin``, ``hair`` and ``smile`` make versions of one drawing."""

    def draw(
        seed: int = 0,
        skin: tuple[int, int, int] = (235, 190, 150),
        hair: tuple[int, int, int] = (90, 50, 30),
        smile: bool = True,
        size: int = 320,
    ) -> Image.Image:
        rng = np.random.default_rng(seed)
        image = Image.new("RGB", (size, size), "white")
        pen = ImageDraw.Draw(image)
        u = size / 100
        wide, high = rng.integers(20, 30), rng.integers(24, 34)
        x, y = 50 + rng.integers(-6, 7), 46 + rng.integers(-4, 5)
        coat = tuple(int(c) for c in rng.integers(30, 220, 3))

        def oval(cx: float, cy: float, rx: float, ry: float, fill: tuple[int, ...]) -> None:
            pen.ellipse(
                [(cx - rx) * u, (cy - ry) * u, (cx + rx) * u, (cy + ry) * u],
                fill=fill,
                outline="black",
                width=3,
            )

        pen.polygon([(x * u, 60 * u), (8 * u, 100 * u), (92 * u, 100 * u)], fill=coat, outline="black")
        oval(x, y - 8, wide + 6, high, hair)
        oval(x, y, wide, high - 4, skin)
        for _ in range(6):
            cx, cy = x + rng.integers(-wide, wide), 78 + rng.integers(-6, 16)
            oval(
                cx,
                cy,
                2 + rng.integers(0, 5),
                2 + rng.integers(0, 5),
                tuple(int(c) for c in rng.integers(0, 256, 3)),
            )
        for side in (-1, 1):
            oval(
                x + side * wide * 0.45, y - 4, 4 + rng.integers(0, 3), 3 + rng.integers(0, 3), (255, 255, 255)
            )
            oval(x + side * wide * 0.45, y - 4, 2, 2, (20, 60, 120))
        if smile:
            pen.chord(
                [(x - 10) * u, (y + 4) * u, (x + 10) * u, (y + 18) * u],
                0,
                180,
                fill=(170, 30, 40),
                outline="black",
            )
        else:
            pen.line([(x - 8) * u, (y + 12) * u, (x + 8) * u, (y + 12) * u], fill="black", width=4)
        return image

    return draw


@pytest.fixture
def collection(tmp_path: Path, face: Callable[..., Image.Image]) -> Path:
    """A folder: three drawings, four copies of the first, a variant of it, a stranger, two blank pictures."""
    folder = tmp_path / "collection"
    folder.mkdir()
    for seed in range(3):
        face(seed).save(folder / f"{seed}.png")
    first = face(0)
    first.save(folder / "0_jpeg.jpg", quality=60)
    first.resize((128, 128), Image.Resampling.BICUBIC).save(folder / "0_small.png")
    first.convert("L").save(folder / "0_grey.png")
    ImageOps.mirror(first).save(folder / "0_mirror.png")
    face(0, skin=(120, 70, 45)).save(folder / "0_skin.png")
    (folder / "0.txt").write_text("1girl, smile", encoding="utf-8")
    (folder / "0_jpeg.txt").write_text("1girl, solo", encoding="utf-8")
    Image.new("RGB", (200, 200), "white").save(folder / "blank_a.png")
    Image.new("RGB", (300, 200), (250, 250, 250)).save(folder / "blank_b.png")
    return folder
