"""Charts: axes with round ticks, counts behind each point, and nothing that escapes into markup."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from ui.report import charts

HOSTILE = "</text><script>alert('x')</script>\x1b[31m"


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (0, 9, [0, 2, 4, 6, 8]), (0.8, 1, [0.8, 0.85, 0.9, 0.95, 1])],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert charts.ticks(low, high) == pytest.approx(expected)


def test_reliability_joins_bins_of_one_tenth_and_tells_their_counts() -> None:
    bins = [
        {"probability": 0.91, "precision": 0.9, "items": 10},
        {"probability": 0.99, "precision": 1.0, "items": 30},
        {"probability": 0.35, "precision": 0.5, "items": 8},
    ]
    drawn = charts.reliability(bins)
    words = ["".join(each.itertext()) for each in ET.fromstring(drawn).iter("text")]
    assert {"40", "8", "Predicted probability", "Fraction correct"} <= set(words)
    assert "48 held-out predictions" in drawn
    assert drawn.count("<circle") == 2
    assert "0.970: 97.5% of 40 correct" in drawn


def test_precision_coverage_shows_target_and_what_is_given() -> None:
    drawn = charts.precision_coverage([[0.1, 1.0], [1.0, 0.7]], 50, 0.9, (30, 0.92))
    assert "target 0.9" in drawn
    assert "ring: 30 given, 92.0% correct" in drawn
    assert "the 5 most certain of 50: 100.0% correct" in drawn
    ET.fromstring(charts.precision_coverage([], 0, 0.9, None))


def test_bars_and_shares_escape_what_they_name() -> None:
    for drawn in (
        charts.bars([(HOSTILE, 3), ("b", 0)], "Counts"),
        charts.shares([(HOSTILE, (1, 2, 3))], ("x", HOSTILE, "z"), 10),
        charts.bars([], "Nothing"),
    ):
        assert "<script" not in drawn
        ET.fromstring(drawn.replace("\x1b", ""))
