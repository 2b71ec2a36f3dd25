"""Families from verified pairs, reviewers' overrides, and names that last."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dedupe.compare.verdict import DIFFERENT, SAME, VARIANT
from dedupe.group.artworks import connected, kind_with_reviews, split_cluster
from dedupe.group.ids import name_groups
from dedupe.group.keep import Copy, criteria
from dedupe.group.overrides import Overrides, read_overrides
from index.reviews.log import Review

POLICY = criteria(["resolution"])


def copies(*sizes: int) -> dict[int, Copy]:
    return {row: Copy(row, size, size, True, 0.0, 0.0, 0, 0) for row, size in enumerate(sizes)}


def kinds(table: dict[tuple[int, int], str]) -> object:
    return lambda a, b: table.get((min(a, b), max(a, b)), DIFFERENT)


def split(
    rows: list[int], same: list[tuple[int, int]], table: dict[tuple[int, int], str], said: Overrides
) -> list:
    judged = kind_with_reviews(kinds(table), said)  # type: ignore[arg-type]
    found = split_cluster(rows, same, copies(*[100 - row for row in range(10)]), POLICY, judged, said)
    return [[(a.kept, a.rows) for a in family.artworks] for family in found]


def test_a_chain_of_copies_is_cut_at_the_kept_one() -> None:
    table = {(0, 1): SAME, (1, 2): SAME}
    assert split([0, 1, 2], [(0, 1), (1, 2)], table, Overrides()) == [[(0, [0, 1])]]


def test_a_copy_of_both_vouches_where_the_pixels_see_another_drawing() -> None:
    table = {(0, 1): SAME, (1, 2): SAME, (2, 3): SAME}
    pairs = [(0, 1), (1, 2), (2, 3)]
    ties = {1: [0, 2], 2: [1, 3], 3: [2]}
    judged = kind_with_reviews(kinds(table), Overrides())  # type: ignore[arg-type]
    made = copies(9, 8, 7, 6)
    found = split_cluster([0, 1, 2, 3], pairs, made, POLICY, judged, Overrides(), ties)
    # One step, never two: the last of the chain is out.
    assert [[a.rows for a in family.artworks] for family in found] == [[[0, 1, 2]]]
    # Another version is no copy, whoever vouches.
    table[0, 2] = VARIANT
    found = split_cluster([0, 1, 2], pairs[:2], made, POLICY, judged, Overrides(), ties)
    assert [[a.rows for a in family.artworks] for family in found] == [[[0, 1], [2]]]


def test_only_linked_rows_are_tried_for_a_family() -> None:
    asked = []

    def kind(a: int, b: int) -> str:
        asked.append((a, b))
        return VARIANT

    links = {0: [1], 1: [0, 2], 2: [1]}
    found = split_cluster([0, 1, 2, 3], [], copies(9, 8, 7, 6), POLICY, kind, Overrides(), None, links)
    assert [[a.kept for a in family.artworks] for family in found] == [[0, 1, 2]]
    assert (0, 3) not in asked


def test_what_left_founds_a_family_of_its_own() -> None:
    table = {(0, 1): SAME, (1, 2): SAME, (2, 3): SAME}
    found = split([0, 1, 2, 3], [(0, 1), (1, 2), (2, 3)], table, Overrides())
    assert found == [[(0, [0, 1])], [(2, [2, 3])]]


def test_versions_are_linked_and_the_most_copied_comes_first() -> None:
    table = {(1, 2): SAME, (0, 1): VARIANT, (0, 2): VARIANT}
    assert split([0, 1, 2], [(1, 2)], table, Overrides()) == [[(1, [1, 2]), (0, [0])]]


def test_clusters_of_one_artwork_are_joined_by_their_kept_ones() -> None:
    table = {(0, 1): SAME, (0, 2): SAME, (2, 3): SAME, (0, 3): SAME, (1, 2): VARIANT}
    assert split([0, 1, 2, 3], [(0, 1), (2, 3)], table, Overrides()) == [[(0, [0, 1, 2, 3])]]


def review(row: int, value: str, other: str = "", batch: str = "b", group: str = "g") -> Review:
    return Review(1, batch, "t", "ann", row, f"i{row}", "group", None, value, "set", group, other, None)


ROWS = {f"i{row}": row for row in range(10)}


def test_not_a_duplicate_is_remembered() -> None:
    said = read_overrides([review(1, "not_duplicate", "i0")], ROWS)
    assert split([0, 1, 2], [(0, 1), (0, 2)], {(0, 1): SAME, (0, 2): SAME}, said) == [[(0, [0, 2])]]


def test_split_items_stay_together() -> None:
    said = read_overrides([review(2, "split", "i0 i1"), review(3, "split", "i0 i1")], ROWS)
    assert said.together == {(2, 3)}
    table = {(a, b): SAME for a in range(4) for b in range(a + 1, 4)}
    pairs = [pair for pair in table if pair not in said.apart]
    assert split([0, 1, 2, 3], pairs, table, said) == [[(0, [0, 1])], [(2, [2, 3])]]


def test_merge_and_verdicts_and_choice() -> None:
    said = read_overrides([review(1, "merge", "i0")], ROWS)
    assert split([0, 1], [], {}, said) == [[(0, [0]), (1, [1])]]
    said = read_overrides([review(1, "variant")], ROWS)
    assert split([0, 1], [(0, 1)], {(0, 1): SAME}, said) == [[(0, [0]), (1, [1])]]
    said = read_overrides([review(1, "keep")], ROWS)
    assert split([0, 1], [(0, 1)], {(0, 1): SAME}, said) == [[(1, [0, 1])]]


def test_a_later_decision_outranks_an_earlier_one() -> None:
    said = read_overrides([review(1, "not_duplicate", "i0"), review(1, "merge", "i0", "c")], ROWS)
    assert not said.apart
    assert said.together == {(0, 1)}


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=20))
def test_connected_parts_partition_the_rows(pairs: list[tuple[int, int]]) -> None:
    parts = connected(list(range(10)), pairs)
    assert sorted(row for part in parts for row in part) == list(range(10))
    place = {row: number for number, part in enumerate(parts) for row in part}
    assert all(place[a] == place[b] for a, b in pairs)


def test_a_group_keeps_its_name_when_members_come_and_go() -> None:
    ids = {row: f"{row:032x}" for row in range(20)}
    first = name_groups([[0, 1, 2], [5, 6]], {}, ids)
    old = {0: first[0], 1: first[0], 2: first[0], 5: first[1], 6: first[1]}
    again = name_groups([[1, 2, 9], [5, 6, 0], [10, 11]], old, ids)
    assert again[:2] == first
    assert len(set(again)) == 3
    # Split in two: the larger part keeps the name.
    parts = name_groups([[0], [1, 2]], old, ids)
    assert parts[1] == first[0] != parts[0]
