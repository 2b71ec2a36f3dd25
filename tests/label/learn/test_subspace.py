"""Subspaces: the planted attribute is found under a louder style, and moments add up by fold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from label.learn.subspace import discriminant, moments


def test_a_subspace_finds_the_planted_attribute_under_the_louder_style(
    planted_vectors: Callable[..., Any],
) -> None:
    x, colors = planted_vectors(800)
    y = np.eye(4, dtype=np.float32)[colors]
    basis = discriminant(moments(x[:400], y[:400], np.ones(400, np.float32)), 0.03, 8)
    assert basis.shape[1] == 3
    nearest = []
    for space in (x, x @ basis):
        distance = ((space[400:, None] - space[None, :400]) ** 2).sum(axis=2)
        nearest.append((colors[:400][distance.argmin(axis=1)] == colors[400:]).mean())
    assert nearest[1] > nearest[0] + 0.02
    coordinates = (x @ basis)[:400]
    within = [coordinates[colors[:400] == color] for color in range(4)]
    centred = np.concatenate([part - part.mean(0) for part in within])
    assert np.all(centred.var(axis=0) < 2.0)


def test_moments_add_and_subtract_by_fold(planted_vectors: Callable[..., Any]) -> None:
    x, colors = planted_vectors(100)
    y, w = np.eye(4, dtype=np.float32)[colors], np.ones(100, np.float32)
    whole, part = moments(x, y, w), moments(x[:30], y[:30], w[:30])
    rest = moments(x[30:], y[30:], w[30:])
    np.testing.assert_allclose((whole - part).gram, rest.gram, atol=1e-4)
    np.testing.assert_allclose((part + rest).cross, whole.cross, atol=1e-4)
