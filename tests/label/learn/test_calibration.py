"""Calibrators rise, thresholds keep the promise on new items, and too little evidence abstains."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from label.learn.calibration import (
    NEVER,
    HeldOutPredictions,
    choose_thresholds,
    expected_calibration_error,
    fit_calibrator,
)


@given(st.integers(0, 10_000))
def test_a_calibrator_rises_and_stays_between_0_and_1(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.random(200)
    calibrate = fit_calibrator(scores, (rng.random(200) < scores**2).astype(float))
    probabilities = calibrate(np.linspace(0, 1, 101))
    assert np.all(np.diff(probabilities) >= -1e-12)
    assert probabilities.min() >= 0
    assert probabilities.max() <= 1


def test_a_calibrator_makes_overconfident_scores_honest() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(8000)
    hits = (rng.random(8000) < truth).astype(float)
    scores = truth**3 / (truth**3 + (1 - truth) ** 3)
    assert expected_calibration_error(scores, hits) > 0.08
    calibrate = fit_calibrator(scores[:4000], hits[:4000])
    assert expected_calibration_error(calibrate(scores[4000:]), hits[4000:]) < 0.03


def test_thresholds_keep_the_target_precision_on_new_items() -> None:
    rng = np.random.default_rng(3)
    kept = []
    for _ in range(20):
        chance = rng.random(2000) ** 0.5
        hit = (rng.random(2000) < chance).astype(float)
        found = choose_thresholds(
            [HeldOutPredictions(chance[:1000], hit[:1000], np.ones(1000))], 0.9, 0.9, 15
        )[0]
        accepted = chance[1000:] >= found.at
        kept.append(hit[1000:][accepted].mean())
    assert np.mean(kept) >= 0.9


def test_a_value_with_too_few_items_abstains_and_says_so() -> None:
    few = HeldOutPredictions(np.full(6, 0.99), np.ones(6), np.ones(6))
    many = HeldOutPredictions(np.full(300, 0.99), np.ones(300), np.ones(300))
    found = choose_thresholds([few, many], 0.95, 0.9, 15)
    assert found[0].at == NEVER
    assert "6 held-out items, 15 needed" in found[0].reason
    assert found[1].at <= 0.99


def test_a_value_that_differs_from_the_others_is_not_carried_by_them() -> None:
    rng = np.random.default_rng(4)
    good = [HeldOutPredictions(np.full(200, 0.97), np.ones(200), np.ones(200)) for _ in range(3)]
    bad = HeldOutPredictions(np.full(200, 0.97), (rng.random(200) < 0.6).astype(float), np.ones(200))
    found = choose_thresholds([*good, bad], 0.95, 0.8, 15)
    assert found[3].at == NEVER
    assert all(each.at <= 0.97 for each in found[:3])


@given(st.integers(0, 200))
def test_a_higher_target_never_lowers_a_threshold(seed: int) -> None:
    rng = np.random.default_rng(seed)
    predictions = []
    for _ in range(3):
        probability = rng.random(400) ** 0.3
        hits = (rng.random(400) < probability).astype(float)
        predictions.append(HeldOutPredictions(probability, hits, np.ones(400)))
    low, high = (choose_thresholds(predictions, target, 0.8, 15) for target in (0.8, 0.9))
    assert all(one.at <= other.at for one, other in zip(low, high, strict=True))


def test_recall_divides_what_was_seen() -> None:
    rng = np.random.default_rng(1)
    scores = rng.random(3000)
    calibrate = fit_calibrator(scores, (rng.random(3000) < 0.8 * scores).astype(float))
    at = np.array([0.2, 0.5])
    np.testing.assert_allclose(calibrate.divided(0.8)(at), calibrate(at) / 0.8)
    assert calibrate.divided(0.5)(np.array([1.0]))[0] == 1
