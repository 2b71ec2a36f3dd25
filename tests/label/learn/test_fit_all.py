"""Subspaces, folds, families, samples and what is known of the taggers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from label.data.leakage import families, links_of_keys
from label.data.task import folds_of, sample_donors, witness_of
from label.learn.features import fit_features
from label.learn.label_noise import LEAST_RECALL, recall, recalls, slip_chance, slips, usual_recall
from label.learn.model import doubt
from label.learn.serialize import freeze, thaw
from label.learn.subspace import discriminant, moments
from label.observed.labels import Stated
from schema.vocabulary import load_vocabulary


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
    within = np.concatenate(
        [
            (x @ basis)[:400][colors[:400] == c] - (x @ basis)[:400][colors[:400] == c].mean(0)
            for c in range(4)
        ]
    )
    assert np.all(within.var(axis=0) < 2.0)


def test_moments_add_and_subtract_by_fold(planted_vectors: Callable[..., Any]) -> None:
    x, colors = planted_vectors(100)
    y, w = np.eye(4, dtype=np.float32)[colors], np.ones(100, np.float32)
    whole, part = moments(x, y, w), moments(x[:30], y[:30], w[:30])
    rest = moments(x[30:], y[30:], w[30:])
    np.testing.assert_allclose((whole - part).gram, rest.gram, atol=1e-4)
    np.testing.assert_allclose((part + rest).cross, whole.cross, atol=1e-4)


def test_features_unfold_to_the_same_coordinates(planted_vectors: Callable[..., Any]) -> None:
    x, colors = planted_vectors(400)
    features = fit_features(x, np.arange(400) % 5, colors > 0, 64, 2.0, 0)
    plain = features.plain(x)
    white = features.white(plain)
    basis = np.random.default_rng(0).normal(size=(white.shape[1], 3)).astype(np.float32)
    np.testing.assert_allclose(white @ basis, plain @ features.unfold(basis), atol=1e-2)


def test_families_join_groups_and_identities() -> None:
    keys = np.array(["a", "", "a", "b"], object)
    found = families(6, [links_of_keys(np.arange(4), keys), (np.array([2]), np.array([5]))])
    assert found[0] == found[2] == found[5] == 0
    assert found[1] == -1
    assert found[4] == -1


def test_a_family_falls_into_one_fold_and_folds_are_even() -> None:
    rows = np.arange(5000)
    kin = np.where(rows % 3 == 0, rows // 9, -1)
    folds = folds_of(rows, kin, 5, 0)
    for family in np.unique(kin[kin >= 0])[:50]:
        assert len(np.unique(folds[kin == family])) == 1
    assert np.bincount(folds, minlength=5).min() > 800


def test_a_capped_sample_keeps_rare_values_and_weighs_frequent_ones() -> None:
    targets = np.zeros((1000, 3), np.float32)
    targets[:900, 0], targets[900:990, 1], targets[990:, 2] = 1, 1, 1
    kept, weights = sample_donors(targets, 200, 0)
    assert len(kept) <= 200
    assert targets[kept, 2].sum() == 10
    assert abs((weights * targets[kept, 0]).sum() - 900) < 1


def test_recall_is_read_where_the_votes_are_surest() -> None:
    rng = np.random.default_rng(0)
    there = rng.random(4000) < 0.3
    stated = there & (rng.random(4000) < 0.8)
    chance = np.where(there, 0.9, 0.1) + rng.normal(size=4000) * 0.02
    assert 0.78 < recall(chance, stated) < 0.86


def test_values_that_taggers_seldom_leave_out_are_known_for_it() -> None:
    rng = np.random.default_rng(0)
    there = rng.random((3000, 4)) < 0.2
    said = np.array([0.98, 0.7, 0.7, 0.7])
    stated = there & (rng.random((3000, 4)) < said)
    found = recalls(np.where(there, 0.9, 0.1) + rng.normal(size=(3000, 4)) * 0.02, stated, 0.7)
    assert found[0] > 0.93
    assert np.all((found[1:] >= 0.7) & (found[1:] < 0.78))


def test_recall_of_many_is_no_worse_than_that_of_the_others() -> None:
    assert usual_recall([0.95, 0.9, 0.88, 0.6]) == 0.81
    assert usual_recall([0.5]) == LEAST_RECALL


def test_copies_are_one_witness() -> None:
    np.testing.assert_allclose(witness_of(np.array([-1, 4, 4, 7, 4, -1])), [1, 1 / 3, 1 / 3, 1, 1 / 3, 1])


def test_slips_show_as_contradictions() -> None:
    shares = np.full((20, 3), 0.01)
    shares[:, 0] = 0.98
    found = slips(shares, [(0, 1)] * 20, np.array([480.0, 100.0, 100.0]))
    assert found[1] > 0.02
    assert found[0] < 0.01
    assert found[2] == 0
    sure = slip_chance(np.array([0.001, 0.9]), np.ones(2), np.full(2, 0.02), 0.8)
    assert sure[0] > 0.5 > sure[1]


def test_frozen_models_come_back_the_same(planted_vectors: Callable[..., Any]) -> None:
    x, colors = planted_vectors(200)
    features = fit_features(x, np.arange(200) % 5, colors > 0, 32, 2.0, 0)
    back = thaw(freeze(features), type(features))
    np.testing.assert_array_equal(back.plain(x), features.plain(x))
    assert freeze(back) == freeze(features)


def test_doubt_is_a_margin_over_the_best_other_value() -> None:
    shares = np.array([[0.9, 0.05, 0.05], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]])
    given = np.array([[True, False, False]] * 3)
    found = doubt(shares, given)
    assert found[0] < 0.1 < 0.5 < found[2] < found[1]


def test_statements_are_found_by_row() -> None:
    stated = Stated(load_vocabulary().attribute("hair_color"))
    for row, value in ((7, "red"), (2, "blue"), (7, "pink"), (4, "red")):
        stated.add(row, [value], "tag")
    places, codes, _ = stated.among(np.array([2, 3, 7]))
    assert places.tolist() == [0, 2, 2]
    assert [stated.values[code] for code in codes] == ["blue", "red", "pink"]
    assert stated.single(np.array([2, 3, 7])).tolist() == [True, False, False]
