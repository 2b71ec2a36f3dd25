"""Hidden parts of pictures as arrays: where they are, which picture hides them, and what is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dedupe.compare.hidden import filled_rectangle, find_softened, softened_side
from schema.arrays import Floats32

BOX = (20, 24, 60, 50)


@pytest.fixture
def texture() -> Floats32:
    """Colours that vary over a few pixels, float32 [80, 90, 3]."""
    coarse = np.random.default_rng(0).random((20, 30, 3))
    return np.repeat(np.repeat(coarse, 4, axis=0), 3, axis=1).astype(np.float32)


def filled(image: Floats32, value: float) -> Floats32:
    """Return an image with BOX filled."""
    copy = image.copy()
    copy[BOX[1] : BOX[3], BOX[0] : BOX[2]] = value
    return copy


def test_a_rectangle_is_found_to_the_pixel_in_the_picture_that_has_it() -> None:
    across = np.linspace(0.3, 0.8, 90, dtype=np.float32)
    smooth = np.stack([np.tile(across, (80, 1))] * 3, axis=-1)
    near = (BOX[0] - 1, BOX[1] + 1, BOX[2] + 1, BOX[3])
    assert filled_rectangle(filled(smooth, 0.0), smooth, near) == BOX
    assert filled_rectangle(smooth, filled(smooth, 0.0), near) is None
    # One that both have, in two colours, was recoloured.
    assert filled_rectangle(filled(smooth, 0.0), filled(smooth, 1.0), near) is None


def test_averages_of_blocks_are_soft(texture: Floats32) -> None:
    soft = texture.copy()
    part = soft[BOX[1] : BOX[3] - 2, BOX[0] : BOX[2]]
    blocks = part.reshape(3, 8, 5, 8, 3).mean(axis=(1, 3))
    soft[BOX[1] : BOX[3] - 2, BOX[0] : BOX[2]] = np.repeat(np.repeat(blocks, 8, axis=0), 8, axis=1)
    assert softened_side(texture, soft, BOX) == 2
    assert softened_side(soft, texture, BOX) == 1
    assert softened_side(texture, texture, BOX) == 0
    everywhere = np.ones(texture.shape[:2], dtype=bool)
    found = find_softened(texture, soft, everywhere, (30, 30, 40, 40))
    assert found is not None and found.side == 2


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.tuples(*(st.integers(0, 24) for _ in range(4))))
def test_any_box_of_any_pictures_has_an_answer(seed: int, sides: tuple[int, int, int, int]) -> None:
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(6, 25)), int(rng.integers(6, 25)), 3)
    a, b = (rng.choice([0.0, 0.5, 1.0], shape, p=[0.9, 0.05, 0.05]).astype(np.float32) for _ in range(2))
    left, right = sorted(min(side, shape[1] - 1) for side in sides[:2])
    top, bottom = sorted(min(side, shape[0] - 1) for side in sides[2:])
    box = (left, top, right + 1, bottom + 1)
    assert filled_rectangle(a, b, box) is None or all(value >= 0 for value in box)
    assert find_softened(a, b, np.ones(shape[:2], dtype=bool), box) is None or shape
