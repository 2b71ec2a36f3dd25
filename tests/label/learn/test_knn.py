"""Votes against a brute-force oracle, and the properties that a vote must have."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from label.learn.knn import LabelledPoints, ReferenceSet, build_reference_set, vote
from label.learn.options import Kernel


def reference(rows, coordinates, targets, weights, kernel) -> ReferenceSet:  # type: ignore[no-untyped-def]
    return build_reference_set(LabelledPoints(rows, coordinates, targets, weights), kernel, 0)


def oracle(items, references, targets, weights, kernel):  # type: ignore[no-untyped-def]
    prior = weights @ targets / weights.sum()
    out = []
    for item in items:
        distance = ((references - item) ** 2).sum(axis=1) / references.shape[1]
        voice = np.exp((distance.min() - distance) / kernel.temperature) * weights
        out.append((voice @ targets + kernel.prior_weight * prior) / (voice.sum() + kernel.prior_weight))
    return np.array(out)


def items_with_labels(m: int, r: int, v: int, seed: int):  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(seed)
    references = rng.normal(size=(m, r)).astype(np.float32)
    targets = np.eye(v, dtype=np.float32)[rng.integers(0, v, m)]
    return references, targets, rng.uniform(0.5, 2, m).astype(np.float32)


def test_a_vote_is_the_weighted_share_of_all_reference_items() -> None:
    references, targets, weights = items_with_labels(120, 5, 4, 0)
    kernel = Kernel(reach=256)
    items = np.random.default_rng(1).normal(size=(50, 5)).astype(np.float32)
    result = vote(items, reference(np.arange(120), references, targets, weights, kernel), kernel)
    np.testing.assert_allclose(result.shares, oracle(items, references, targets, weights, kernel), atol=1e-5)


def test_cells_change_little_where_reference_items_are_many() -> None:
    references, targets, weights = items_with_labels(4000, 4, 3, 2)
    kernel = Kernel(temperature=0.05, reach=512)
    items = references[:200] + 0.01
    cells = reference(np.arange(4000), references, targets, weights, kernel)
    assert len(cells.centres) > 1
    result = vote(items, cells, kernel)
    assert np.abs(result.shares - oracle(items, references, targets, weights, kernel)).mean() < 0.02


@given(st.integers(0, 1000))
def test_shares_are_shares_and_do_not_depend_on_the_order_of_neighbours(seed: int) -> None:
    references, targets, weights = items_with_labels(40, 3, 3, seed)
    kernel = Kernel()
    items = np.random.default_rng(seed + 1).normal(size=(5, 3)).astype(np.float32)
    result = vote(items, reference(np.arange(40), references, targets, weights, kernel), kernel)
    assert np.all(result.shares >= 0)
    np.testing.assert_allclose(result.shares.sum(axis=1), 1, atol=1e-4)
    back = np.arange(40)[::-1]
    other = vote(items, reference(back, references[back], targets[back], weights[back], kernel), kernel)
    np.testing.assert_allclose(result.shares, other.shares, atol=1e-5)


@given(st.integers(0, 1000), st.integers(0, 2))
def test_one_more_agreeing_neighbour_never_lowers_the_share(seed: int, value: int) -> None:
    references, targets, _ = items_with_labels(30, 3, 3, seed)
    weights = np.ones(30, np.float32)
    kernel = Kernel(prior_weight=0.0)
    item = references[:1] + 0.1
    before = vote(item, reference(np.arange(30), references, targets, weights, kernel), kernel).shares[
        0, value
    ]
    # As far as the closest reference item, so that it is near without moving the scale.
    near = np.concatenate([references, item + (item - references[:1])])
    said = np.concatenate([targets, np.eye(3, dtype=np.float32)[[value]]])
    cells = reference(np.arange(31), near, said, np.ones(31, np.float32), kernel)
    assert vote(item, cells, kernel).shares[0, value] >= before - 1e-5


def test_without_reference_items_the_shares_are_the_prior() -> None:
    none = np.empty((0, 3), np.float32)
    cells = reference(
        np.empty(0, np.int64), none, np.empty((0, 2), np.float32), np.empty(0, np.float32), Kernel()
    )
    result = vote(np.zeros((4, 3), np.float32), cells, Kernel())
    assert result.shares.shape == (4, 2)
    assert not result.support.any()
