"""The quick look before the pixel check: copies pass, strangers and recoloured drawings do not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from dedupe.candidates.prefilter import (
    LIKELY,
    VERSION,
    allowed,
    meet,
    recoloured,
    repainted,
    unit_views,
    views_of,
)
from dedupe.compare.image import prepare

Draw = Callable[..., Image.Image]

COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "small": lambda x: x.resize((90, 90), Image.Resampling.BICUBIC),
    "crop": lambda x: x.crop((20, 20, 300, 300)),
    "rim": lambda x: ImageOps.expand(x, 40, "black"),
    "mirror": ImageOps.mirror,
    "dark": lambda x: ImageEnhance.Brightness(x).enhance(0.7),
    "contrast": lambda x: ImageEnhance.Contrast(x).enhance(1.2),
    "grey": lambda x: x.convert("L").convert("RGB"),
}


def look(first: Image.Image, second: Image.Image) -> tuple[float, float]:
    found = [views_of(prepare(np.asarray(each))) for each in (first, second)]
    units = unit_views(np.stack([views for views, _ in found]))
    own, other = np.array([0]), np.array([1])
    lines, meeting = meet(units, own, other)
    off = repainted(np.stack([colours for _, colours in found]), own, other, meeting, fine=True)
    return float(lines[0]), float(off[0])


@pytest.mark.parametrize("edit", COPIES)
def test_copies_pass(face: Draw, edit: str) -> None:
    lines, off = look(face(0), COPIES[edit](face(0)))
    assert lines >= LIKELY
    assert off <= allowed(np.array([lines], dtype=np.float32))[0]


def test_another_skin_is_seen_and_keeps_its_lines(face: Draw) -> None:
    lines, off = look(face(0), face(0, skin=(120, 70, 45), hair=(230, 220, 90)))
    assert lines >= VERSION
    assert off > allowed(np.array([lines], dtype=np.float32))[0]


def test_strangers_agree_less_than_copies(face: Draw) -> None:
    strangers = [look(face(a), face(b))[0] for a in range(4) for b in range(a + 1, 4)]
    assert max(strangers) < VERSION


def test_blank_pictures_meet_nobody(face: Draw) -> None:
    assert look(Image.new("RGB", (90, 90), "white"), face(0))[0] < LIKELY


def test_a_tone_explains_cells_and_a_patch_does_not() -> None:
    rng = np.random.default_rng(0)
    cells = rng.integers(40, 200, (1, 8, 8, 4)).astype(np.uint8)
    cells[..., 3] = 0
    lit = np.clip(cells * np.array([1.2, 1.2, 1.2, 1.0]), 0, 255).astype(np.uint8)
    assert recoloured(cells, lit)[0] < 0.05
    patched = cells.copy()
    patched[:, :4, :4, :3] = 255 - patched[:, :4, :4, :3] // 2
    assert 0.1 < recoloured(cells, patched)[0] <= 0.35
    # Ground of both is not compared.
    for each in (cells, patched):
        each[:, :4, :4, 3] = 255
    assert recoloured(cells, patched)[0] < 0.05
