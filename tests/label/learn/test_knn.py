"""Votes against a brute-force oracle, and the properties that a vote must have."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from label.learn.knn import Kernel, gather, vote


def oracle(items, donors, targets, weights, kernel):  # type: ignore[no-untyped-def]
    prior = weights @ targets / weights.sum()
    out = []
    for item in items:
        distance = ((donors - item) ** 2).sum(axis=1) / donors.shape[1]
        voice = np.exp((distance.min() - distance) / kernel.temperature) * weights
        out.append((voice @ targets + kernel.doubt * prior) / (voice.sum() + kernel.doubt))
    return np.array(out)


def people(m: int, r: int, v: int, seed: int):  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(seed)
    donors = rng.normal(size=(m, r)).astype(np.float32)
    targets = np.eye(v, dtype=np.float32)[rng.integers(0, v, m)]
    return donors, targets, rng.uniform(0.5, 2, m).astype(np.float32)


def test_a_vote_is_the_weighted_share_of_all_donors() -> None:
    donors, targets, weights = people(120, 5, 4, 0)
    kernel = Kernel(reach=256)
    items = np.random.default_rng(1).normal(size=(50, 5)).astype(np.float32)
    tally = vote(items, gather(np.arange(120), donors, targets, weights, kernel, 0), kernel)
    np.testing.assert_allclose(tally.shares, oracle(items, donors, targets, weights, kernel), atol=1e-5)


def test_cells_change_little_where_donors_are_many() -> None:
    donors, targets, weights = people(4000, 4, 3, 2)
    kernel = Kernel(temperature=0.05, reach=512)
    items = donors[:200] + 0.01
    electorate = gather(np.arange(4000), donors, targets, weights, kernel, 0)
    assert len(electorate.centres) > 1
    tally = vote(items, electorate, kernel)
    assert np.abs(tally.shares - oracle(items, donors, targets, weights, kernel)).mean() < 0.02


@given(st.integers(0, 1000))
def test_shares_are_shares_and_do_not_depend_on_the_order_of_donors(seed: int) -> None:
    donors, targets, weights = people(40, 3, 3, seed)
    kernel = Kernel()
    items = np.random.default_rng(seed + 1).normal(size=(5, 3)).astype(np.float32)
    tally = vote(items, gather(np.arange(40), donors, targets, weights, kernel, 0), kernel)
    assert np.all(tally.shares >= 0)
    np.testing.assert_allclose(tally.shares.sum(axis=1), 1, atol=1e-4)
    back = np.arange(40)[::-1]
    other = vote(items, gather(back, donors[back], targets[back], weights[back], kernel, 0), kernel)
    np.testing.assert_allclose(tally.shares, other.shares, atol=1e-5)


@given(st.integers(0, 1000), st.integers(0, 2))
def test_one_more_agreeing_neighbour_never_lowers_the_share(seed: int, value: int) -> None:
    donors, targets, _ = people(30, 3, 3, seed)
    weights = np.ones(30, np.float32)
    kernel = Kernel(doubt=0.0)
    item = donors[:1] + 0.1
    before = vote(item, gather(np.arange(30), donors, targets, weights, kernel, 0), kernel).shares[0, value]
    # As far as the closest donor, so that it is near without moving the scale.
    near = np.concatenate([donors, item + (item - donors[:1])])
    said = np.concatenate([targets, np.eye(3, dtype=np.float32)[[value]]])
    electorate = gather(np.arange(31), near, said, np.ones(31, np.float32), kernel, 0)
    assert vote(item, electorate, kernel).shares[0, value] >= before - 1e-5


def test_no_donors_leave_the_prior() -> None:
    none = np.empty((0, 3), np.float32)
    electorate = gather(
        np.empty(0, np.int64), none, np.empty((0, 2), np.float32), np.empty(0, np.float32), Kernel(), 0
    )
    tally = vote(np.zeros((4, 3), np.float32), electorate, Kernel())
    assert tally.shares.shape == (4, 2)
    assert not tally.support.any()
