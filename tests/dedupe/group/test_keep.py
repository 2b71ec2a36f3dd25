"""Which copy stays."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedupe.group.keep import Copy, choose, criteria
from schema.errors import SettingsError
from schema.settings import DedupeSettings

POLICY = criteria(DedupeSettings().keep)
BASE = Copy(0, 400, 400, True, 0.0, 100.0, 3, 0)


@pytest.mark.parametrize(
    ("worse", "reason"),
    [
        (replace(BASE, row=1, width=200, height=200), "resolution"),
        (replace(BASE, row=1, lossless=False), "lossless"),
        (replace(BASE, row=1, width=480, height=480, border=0.31), "border"),
        (replace(BASE, row=1, overlay=True), "watermark"),
        (replace(BASE, row=1, sharpness=50.0), "sharpness"),
        (replace(BASE, row=1, tags=1), "tags"),
        (replace(BASE, row=1), "first"),
    ],
)
def test_each_criterion_decides(worse: Copy, reason: str) -> None:
    kept, reasons = choose([worse, BASE], POLICY)
    assert kept is BASE
    assert reasons[1].startswith(reason)
    assert reason in reasons[0]


def test_source_rank() -> None:
    policy = criteria(["source"], [2, 1])
    kept, reasons = choose([replace(BASE, source=1), replace(BASE, row=1, source=2)], policy)
    assert kept.row == 1
    assert "source" in reasons[0]


def test_unknown_criterion_lists_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="beauty") as caught:
        criteria(["beauty"])
    assert "resolution" in str(caught.value)


copies = st.builds(
    Copy,
    st.integers(0, 10**6),
    st.integers(1, 4000),
    st.integers(1, 4000),
    st.booleans(),
    st.floats(0, 1),
    st.floats(0, 1e4),
    st.integers(0, 40),
    st.integers(0, 3),
    st.booleans(),
)


@given(st.lists(copies, min_size=1, max_size=8, unique_by=lambda c: c.row), st.randoms())
def test_one_is_kept_whatever_the_order(items: list[Copy], random: object) -> None:
    kept, reasons = choose(sorted(items, key=lambda c: c.row), POLICY)
    assert set(reasons) == {copy.row for copy in items}
    shuffled = list(items)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert choose(shuffled, POLICY)[0].row == kept.row
