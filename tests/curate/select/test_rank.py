"""The language of ranks: what it computes, and that nothing else gets in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.select.rank import parse_rank, percentile, scores
from schema.errors import SettingsError

A = np.array([3.0, 1.0, np.nan, 2.0])
B = np.array([0.0, 10.0, 20.0, np.nan])


def value(text: str) -> list[float | None]:
    found = scores(parse_rank(text), {"a": A, "b": B, "t.a": A})
    return [None if np.isnan(each) else round(float(each), 4) for each in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", [3, 1, None, 2]),
        ("2 * (a + 1) - b / 10", [8, 3, None, None]),
        ("-a", [-3, -1, None, -2]),
        ("t.a", [3, 1, None, 2]),
        ("percentile(a)", [0.8333, 0.1667, None, 0.5]),
        ("known(a, 0)", [3, 1, 0, 2]),
        ("known(percentile(a), 0.5)\n + b", [0.8333, 10.1667, 20.5, None]),
        ("max(a, 2)", [3, 2, 2, 2]),
        ("1 / b", [None, 0.1, 0.05, None]),
        ("log(b)", [None, 2.3026, 2.9957, None]),
    ],
)
def test_what_it_computes(text: str, expected: list[float | None]) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('x')",
        "a.b.c",
        "a if b else 1",
        "[a]",
        "a ** 99",
        "'a'",
        "a[0]",
        "lambda: a",
        "percentile(a, b)",
        "percentile(*a)",
        "percentile(x=a)",
        "(a",
        "a; b",
        "True",
        "1e999 * a",
        "a := 3",
        "f'{a}'",
        "(" * 200 + "a" + ")" * 200,
        "-" * 300 + "a",
        "a+" * 999 + "a",
        "a" * 2001,
        "\0",
        "",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"select\.rank"):
        parse_rank(text)


def test_a_mistyped_function_gets_a_near_one() -> None:
    with pytest.raises(SettingsError, match="did you mean percentile"):
        parse_rank("percentil(a)")


@given(st.lists(st.floats(-5, 5) | st.just(float("nan")), max_size=30))
def test_percentiles_keep_order_and_lie_inside(numbers: list[float]) -> None:
    values = np.array(numbers, np.float64)
    found = percentile(values)
    known = ~np.isnan(values)
    assert (np.isnan(found) == ~known).all()
    assert ((found[known] > 0) & (found[known] < 1)).all()
    for i in np.flatnonzero(known):
        below, equal = (values[known] < values[i]).sum(), (values[known] == values[i]).sum()
        assert found[i] == pytest.approx((below + equal / 2) / known.sum())
