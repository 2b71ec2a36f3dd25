"""Binomial bounds against the quantiles of scipy's beta distribution."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta, binomtest

from schema.numbers.statistics import interval, lower_bound, upper_bound


@pytest.mark.parametrize(("hits", "total"), [(1, 1), (30, 30), (95, 100), (3, 10), (0, 8)])
def test_bounds_are_those_of_clopper_and_pearson(hits: int, total: int) -> None:
    low = lower_bound(np.array([hits]), np.array([total]), 0.9)[0]
    assert low == pytest.approx(0.0 if hits == 0 else beta.ppf(0.1, hits, total - hits + 1))
    high = upper_bound(np.array([hits]), np.array([total]), 0.9)[0]
    assert high == pytest.approx(1.0 if hits == total else beta.ppf(0.9, hits + 1, total - hits))


@pytest.mark.parametrize(("hits", "total"), [(0, 5), (5, 5), (17, 20), (190, 200)])
def test_the_interval_is_the_exact_one(hits: int, total: int) -> None:
    exact = binomtest(hits, total).proportion_ci(0.95, "exact")
    assert interval(hits, total) == pytest.approx((exact.low, exact.high))


def test_nothing_seen_says_nothing() -> None:
    assert interval(0, 0) == (0.0, 1.0)
