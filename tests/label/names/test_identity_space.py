"""The space of names, and the ratios against a stranger, beside plain Gaussians."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from label.names.identity_space import build_references, learn_space, predictive


def test_the_ratio_is_that_of_two_gaussians() -> None:
    from scipy.stats import multivariate_normal

    rng = np.random.default_rng(1)
    between = np.array([4.0, 0.5, 1.5], np.float32)
    pictures = rng.normal(size=(5, 3)).astype(np.float32)
    asked = rng.normal(size=(6, 3)).astype(np.float32)
    found = predictive(between, pictures.mean(axis=0, keepdims=True), np.array([5])).ratios(asked)[:, 0]
    # The joint density of the five and the new one under one hidden mean, over that with a mean of its own.
    n, r = 5, 3
    for place, new in enumerate(asked):
        log = 0.0
        for axis in range(r):
            shared = np.eye(n + 1) + between[axis]
            apart = np.eye(n + 1)
            apart[:n, :n] += between[axis]
            apart[n, n] += between[axis]
            x = np.append(pictures[:, axis], new[axis])
            log += multivariate_normal(cov=shared).logpdf(x) - multivariate_normal(cov=apart).logpdf(x)
        assert found[place] == np.float32(log) or abs(found[place] - log) < 1e-3


def test_a_name_without_pictures_is_a_stranger() -> None:
    between = np.array([2.0, 1.0], np.float32)
    ratios = predictive(between, np.zeros((1, 2), np.float32), np.array([0])).ratios(
        np.ones((3, 2), np.float32)
    )
    assert np.allclose(ratios, 0, atol=1e-6)


def test_more_pictures_of_a_name_are_trusted_more() -> None:
    between = np.array([2.0], np.float32)
    means, at = np.ones((2, 1), np.float32) * 3, np.array([[3.0]], np.float32)
    few, many = predictive(between, means, np.array([1, 50])).ratios(at)[0]
    assert many > few > 0


def test_pictures_of_one_name_vary_by_one(planted_names: Callable[..., Any]) -> None:
    planted = planted_names(wrong=0.0)
    space = learn_space(planted.vectors, planted.truth, planted.vectors.astype(np.float32).mean(axis=0), 0.02)
    found = space.coordinates(planted.vectors)
    references = build_references(found, planted.truth, 24)
    within = (references.coordinates - references.means[references.names]).var(axis=0) * 14 / 13
    assert 0.3 < np.median(within) < 1.5
    assert (space.between[:-1] >= space.between[1:]).all()
    # The style is loud and says nothing of the name: it is scaled away.
    centroid = ((references.coordinates[:, None] - references.means[None]) ** 2).sum(axis=2).argmin(axis=1)
    assert (centroid == references.names).mean() > 0.95


def test_the_order_of_pictures_changes_nothing(planted_names: Callable[..., Any]) -> None:
    planted = planted_names()
    centre = planted.vectors.astype(np.float32).mean(axis=0)
    order = np.random.default_rng(2).permutation(len(planted.truth))
    one = learn_space(planted.vectors, planted.stated, centre, 0.1)
    other = learn_space(planted.vectors[order], planted.stated[order], centre, 0.1)
    assert np.allclose(one.coordinates(planted.vectors), other.coordinates(planted.vectors), atol=1e-2)
