"""Features: both forms agree, a new style is out of distribution, style clusters fall into even folds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from label.learn.features import fit_features, nearest_style, style_centres, style_folds


def test_features_unfold_to_the_same_coordinates(planted_vectors: Callable[..., Any]) -> None:
    x, colors = planted_vectors(400)
    features = fit_features(x, np.arange(400) % 5, colors > 0, 64, 2.0, 0)
    plain = features.plain(x)
    assert plain.shape == (400, features.width)
    white = features.white(plain)
    basis = np.random.default_rng(0).normal(size=(white.shape[1], 3)).astype(np.float32)
    np.testing.assert_allclose(white @ basis, plain @ features.unfold(basis), atol=1e-2)


def test_few_items_have_no_landmarks(planted_vectors: Callable[..., Any]) -> None:
    x, colors = planted_vectors(10)
    features = fit_features(x, np.arange(10) % 5, colors > 0, 64, 2.0, 0)
    plain = features.plain(x)
    assert plain.shape == x.shape
    np.testing.assert_array_equal(features.white(plain), plain)
    assert not features.measures_ood
    assert not features.ood_score(plain, 0).any()


def test_a_style_without_tags_is_out_of_distribution() -> None:
    rng = np.random.default_rng(0)
    style = np.repeat([0, 1], 400)
    x = rng.normal(size=(800, 6)).astype(np.float32) + 4 * np.eye(6, dtype=np.float32)[style]
    # Half of the first style is tagged, nothing of the second.
    tagged = (style == 0) & (rng.random(800) < 0.5)
    features = fit_features(x, np.arange(800) % 5, tagged, 128, 2.0, 0)
    plain = features.plain(x)
    gap = features.style_gap(plain, np.zeros(len(features.landmarks), bool))
    assert np.quantile(gap[style == 1], 0.05) > np.quantile(gap[style == 0], 0.9)
    low, high = float(np.quantile(gap[style == 0], 0.9)), float(np.quantile(gap[style == 1], 0.25))
    scores = replace(features, ood_low=low, ood_high=high).ood_score(plain, 0)
    assert scores.min() >= 0 and scores.max() <= 1
    assert scores[style == 0].mean() < 0.2 < 0.8 < scores[style == 1].mean()


def test_style_clusters_find_a_small_style_and_fill_folds_evenly() -> None:
    rng = np.random.default_rng(1)
    style = np.repeat([0, 1, 2], [300, 280, 40])
    x = (rng.normal(size=(620, 5)) * 0.1 + 3 * np.eye(5)[style]).astype(np.float32)
    centres = style_centres(x, 3, 0)
    nearest = nearest_style(x, centres)
    assert all(len(set(nearest[style == each].tolist())) == 1 for each in range(3))
    folds = style_folds(nearest, 3, 2)
    sizes = np.bincount(folds[nearest], minlength=2)
    assert sorted(sizes.tolist()) == [300, 320]
