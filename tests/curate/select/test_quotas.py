"""Budgets: everything is shared out, between floors and caps, and what classes lack is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.select.quotas import banded, quotas, read_popularity
from schema.errors import SettingsError
from schema.sections.curation import Band, SelectSettings


def shared(available: list[int], weights: list[float] | None = None, **options: Any) -> list[int]:
    settings = SelectSettings(**({"by": "c", "budget": "equal"} | options))
    have = np.array(available)
    popularity = np.array(weights if weights is not None else available, np.float64)
    return quotas(settings, have, popularity).granted.tolist()


def test_equal_shares_and_what_small_classes_leave_goes_to_the_others() -> None:
    assert shared([100, 100, 100], top=90) == [30, 30, 30]
    assert shared([100, 10, 100], top=90) == [40, 10, 40]
    assert shared([100, 10, 100], top=90, redistribute=False) == [30, 10, 30]
    assert shared([5, 5], top=100) == [5, 5]
    assert shared([100, 3], cap=7) == [7, 3]


def test_by_popularity_with_floor_and_cap() -> None:
    proportional: dict[str, Any] = {"budget": "proportional", "top": 100}
    assert shared([1000, 1000], [3, 1], **proportional) == [75, 25]
    assert shared([1000, 1000, 1000], [98, 1, 1], **proportional, floor=10) == [80, 10, 10]
    assert shared([1000, 1000, 1000], [98, 1, 1], **proportional, cap=60) == [60, 20, 20]
    assert shared([1000, 1000], [1, 0], **proportional) == [100, 0]
    assert shared([50, 1000], [1, 0], **proportional, floor=5) == [50, 5]


def test_floors_beyond_the_total_are_met_as_far_as_it_goes() -> None:
    assert shared([100, 100, 2], top=20, floor=50) == [9, 9, 2]


def test_bands_say_how_many() -> None:
    bands = (Band(least=0, items=2), Band(least=1000, items=20), Band(least=100, items=5))
    assert banded(np.array([5.0, 100.0, 999.0, 1000.0]), bands).tolist() == [2, 5, 5, 20]
    options: dict[str, Any] = {"budget": "proportional", "bands": bands, "redistribute": False}
    assert shared([50, 50, 50], [5, 150, 5000], **options) == [2, 5, 20]
    assert shared([50, 50, 10], [5, 150, 5000], **options, cap=15) == [2, 5, 10]


@given(
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 50)), min_size=1, max_size=12),
    st.integers(1, 600),
    st.integers(0, 20),
    st.integers(0, 60),
)
def test_no_class_gets_more_than_it_has_and_the_total_is_used(
    classes: list[tuple[int, int]], top: int, floor: int, cap: int
) -> None:
    available = [have for have, _ in classes]
    weights = [float(weight) for _, weight in classes]
    floor = min(floor, cap) if cap else floor
    found = shared(available, weights, budget="proportional", top=top, floor=floor, cap=cap)
    most = [min(have, cap) if cap else have for have in available]
    assert all(0 <= got <= have for got, have in zip(found, most, strict=True))
    reachable = sum(m if w else min(floor, m) for m, w in zip(most, weights, strict=True))
    assert sum(found) == min(top, max(reachable, 0)) or sum(min(floor, m) for m in most) > top


def test_shortfalls_are_counted() -> None:
    found = quotas(
        SelectSettings(by="c", budget="equal", top=90), np.array([100, 10, 100]), np.array([1.0, 1.0, 1.0])
    )
    assert found.shortfalls(np.array([100, 10, 100])).tolist() == [0, 20, 0]


def test_popularity_is_read_and_a_bad_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "popularity.csv"
    file.write_text('character,count\nmiku,100\n"a, b",2.5\n', encoding="utf-8")
    assert read_popularity(str(file)) == {"miku": 100.0, "a, b": 2.5}
    file.write_text("miku,100\nrin,many\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="line 2"):
        read_popularity(str(file))
    with pytest.raises(SettingsError, match="cannot read"):
        read_popularity(str(tmp_path / "nothing.csv"))


@pytest.mark.parametrize(
    "options",
    [
        {"budget": "equal"},
        {"budget": "equal", "by": "c"},
        {"bands": [{"least": 0, "items": 1}]},
        {"floor": 3, "cap": 2},
    ],
)
def test_settings_that_do_not_hold_together_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"budget|bands|floor"):
        SelectSettings(**options)
