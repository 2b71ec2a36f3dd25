"""Curves rise, bounds are Clopper and Pearson's, thresholds keep the promise on new items."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from label.learn.calibration import (
    NEVER,
    Trial,
    choose_thresholds,
    expected_error,
    fit_curve,
    lower_bound,
    upper_bound,
)


@pytest.mark.parametrize(("hits", "total"), [(1, 1), (30, 30), (95, 100), (3, 10)])
def test_bounds_are_those_of_clopper_and_pearson(hits: int, total: int) -> None:
    low = lower_bound(np.array([hits]), np.array([total]), 0.9)[0]
    assert low == pytest.approx(beta.ppf(0.1, hits, total - hits + 1))
    high = upper_bound(np.array([hits]), np.array([total]), 0.9)[0]
    assert high == pytest.approx(1.0 if hits == total else beta.ppf(0.9, hits + 1, total - hits))


@given(st.integers(0, 10_000))
def test_a_curve_rises_and_stays_between_0_and_1(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.random(200)
    curve = fit_curve(scores, (rng.random(200) < scores**2).astype(float))
    at = curve(np.linspace(0, 1, 101))
    assert np.all(np.diff(at) >= -1e-12)
    assert at.min() >= 0
    assert at.max() <= 1


def test_a_curve_makes_overconfident_scores_honest() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(8000)
    hits = (rng.random(8000) < truth).astype(float)
    scores = truth**3 / (truth**3 + (1 - truth) ** 3)
    assert expected_error(scores, hits) > 0.08
    curve = fit_curve(scores[:4000], hits[:4000])
    assert expected_error(curve(scores[4000:]), hits[4000:]) < 0.03


def test_thresholds_keep_the_asked_precision_on_new_items() -> None:
    rng = np.random.default_rng(3)
    kept = []
    for _ in range(20):
        chance = rng.random(2000) ** 0.5
        hit = (rng.random(2000) < chance).astype(float)
        found = choose_thresholds([Trial(chance[:1000], hit[:1000], np.ones(1000))], 0.9, 0.9, 15)[0]
        accepted = chance[1000:] >= found.at
        kept.append(hit[1000:][accepted].mean())
    assert np.mean(kept) >= 0.9


def test_a_value_with_too_few_items_abstains_and_says_so() -> None:
    few = Trial(np.full(6, 0.99), np.ones(6), np.ones(6))
    many = Trial(np.full(300, 0.99), np.ones(300), np.ones(300))
    found = choose_thresholds([few, many], 0.95, 0.9, 15)
    assert found[0].at == NEVER
    assert "6 held-out items, 15 needed" in found[0].reason
    assert found[1].at <= 0.99


def test_a_value_that_differs_from_the_others_is_not_carried_by_them() -> None:
    rng = np.random.default_rng(4)
    good = [Trial(np.full(200, 0.97), np.ones(200), np.ones(200)) for _ in range(3)]
    bad = Trial(np.full(200, 0.97), (rng.random(200) < 0.6).astype(float), np.ones(200))
    found = choose_thresholds([*good, bad], 0.95, 0.8, 15)
    assert found[3].at == NEVER
    assert all(each.at <= 0.97 for each in found[:3])
