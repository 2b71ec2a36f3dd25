"""Planted names: each name has a place of its own in the vectors, under a louder style that all of them share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from schema.arrays import Bools, Floats16, Ints


@dataclass(frozen=True)
class PlantedNames:
    """Vectors [n, d], the true name of each [n], what is stated [n] (another one where ``wrong``)."""

    vectors: Floats16
    truth: Ints
    stated: Ints
    wrong: Bools


@pytest.fixture(scope="session")
def planted_names() -> Callable[..., PlantedNames]:
    def make(
        names: int = 24, each: int = 14, wrong: float = 0.1, d: int = 40, seed: int = 0, spread: float = 1.0
    ) -> PlantedNames:
        """The last two names are never stated by mistake."""
        rng = np.random.default_rng(seed)
        truth = np.repeat(np.arange(names), each)
        places = rng.normal(size=(names, d)) * np.r_[np.ones(d // 2), np.full(d - d // 2, 0.1)]
        styles = rng.normal(size=(4, d)) * np.r_[np.full(d // 2, 0.1), np.ones(d - d // 2)] * 3
        x = (
            places[truth]
            + styles[rng.integers(0, 4, len(truth))]
            + rng.normal(size=(len(truth), d)) * 0.25 * spread
        )
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        flipped = rng.random(len(truth)) < wrong
        stated = np.where(
            flipped, (truth + rng.integers(1, max(names - 2, 2), len(truth))) % max(names - 2, 2), truth
        )
        return PlantedNames(x.astype(np.float16), truth, stated, flipped)

    return make
