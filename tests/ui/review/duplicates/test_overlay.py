"""Groups after decisions: they partition the items, what is apart stays apart, what is together is together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from index.reviews.group_overrides import pair
from ui.review.duplicates.overlay import regroup

PAIRS = st.sets(
    st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda p: p[0] != p[1]).map(lambda p: pair(*p))
)


@given(PAIRS, PAIRS)
def test_groups_partition_the_items(together: set[tuple[int, int]], apart: set[tuple[int, int]]) -> None:
    apart -= together
    found = regroup([[0, 1, 2, 3], [4, 5, 6]], together, apart, range(10))
    assert sorted(row for group in found for row in group) == list(range(10))
    of = {row: number for number, group in enumerate(found) for row in group}
    assert all(of[a] == of[b] for a, b in together)


def test_who_is_apart_from_all_stands_alone() -> None:
    apart = {(0, 1), (1, 2), (1, 3)}
    assert regroup([[0, 1, 2, 3]], set(), apart) == [[0, 2, 3], [1]]
    assert regroup([[0, 1, 2, 3]], set(), {(0, 2), (0, 3), (1, 2), (1, 3)}) == [[0, 1], [2, 3]]
    assert regroup([[0, 1], [2, 3]], {(1, 2)}, set()) == [[0, 1, 2, 3]]
    assert regroup([[0, 1]], {(1, 7)}, set(), [7]) == [[0, 1, 7]]
