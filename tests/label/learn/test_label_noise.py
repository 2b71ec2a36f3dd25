"""What is known of the taggers: what they leave out, what they add wrongly, and which tags are suspect."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from label.learn.label_noise import (
    false_tag_probability,
    false_tag_rates,
    label_noise_score,
    omission_posterior,
    recall_by_value,
    tagging_recall,
    usual_recall,
)
from label.learn.options import LOWEST_RECALL


def test_recall_is_read_where_the_scores_are_highest() -> None:
    rng = np.random.default_rng(0)
    there = rng.random(4000) < 0.3
    stated = there & (rng.random(4000) < 0.8)
    scores = np.where(there, 0.9, 0.1) + rng.normal(size=4000) * 0.02
    assert 0.78 < tagging_recall(scores, stated) < 0.86
    assert tagging_recall(scores[:50], stated[:50]) == 1.0, "few tags show nothing"


def test_values_that_taggers_seldom_leave_out_are_known_for_it() -> None:
    rng = np.random.default_rng(0)
    there = rng.random((3000, 4)) < 0.2
    stated = there & (rng.random((3000, 4)) < np.array([0.98, 0.7, 0.7, 0.7]))
    scores = np.where(there, 0.9, 0.1) + rng.normal(size=(3000, 4)) * 0.02
    recall = recall_by_value(scores, stated, 0.7)
    assert recall[0] > 0.93
    assert np.all((recall[1:] >= 0.7) & (recall[1:] < 0.78))


def test_recall_of_multi_label_attributes_is_no_worse_than_that_of_the_others() -> None:
    assert usual_recall([0.95, 0.9, 0.88, 0.6]) == 0.81
    assert usual_recall([0.5]) == LOWEST_RECALL


def test_false_tags_show_as_contradictions() -> None:
    shares = np.full((20, 3), 0.01)
    shares[:, 0] = 0.98
    rates = false_tag_rates(shares, [(0, 1)] * 20, np.array([480.0, 100.0, 100.0]))
    assert rates[1] > 0.02
    assert rates[0] < 0.01
    assert rates[2] == 0
    wrong = false_tag_probability(np.array([0.001, 0.9]), np.ones(2), np.full(2, 0.02), 0.8)
    assert wrong[0] > 0.5 > wrong[1]


def test_the_noise_score_is_a_margin_over_the_best_other_value() -> None:
    shares = np.array([[0.9, 0.05, 0.05], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]])
    scores = label_noise_score(shares, np.array([[True, False, False]] * 3))
    assert scores[0] < 0.1 < 0.5 < scores[2] < scores[1]


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 0.999))
def test_the_omission_posterior_is_bayes_rule_and_rises(p: float, q: float, recall: float) -> None:
    low, high = omission_posterior(np.array(sorted((p, q))), np.array([recall, recall]))
    assert 0 <= low <= high + 1e-12 <= 1 + 1e-9
    assert high <= max(p, q) + 1e-12, "leaving a value out never makes it likelier"
    there, away = p * (1 - recall), 1 - p
    if there + away > 1e-9:
        expected = there / (there + away)
        assert abs(omission_posterior(np.array([p]), np.array([recall]))[0] - expected) < 1e-9
