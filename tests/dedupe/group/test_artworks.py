"""Variant sets from verified pairs, reviewers' overrides, and group ids that last."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hypothesis import given
from hypothesis import strategies as st

from dedupe.compare.verdict import DIFFERENT, SAME, VARIANT
from dedupe.group.artworks import Judges, connected, split_cluster
from dedupe.group.ids import stable_ids
from dedupe.group.originals import Reason
from index.reviews.group_overrides import Overrides, read_overrides
from index.reviews.log import Review

Table = dict[tuple[int, int], str]


class LowestRow:
    """Keeps the lowest row: which copy stays is not what is tested here."""

    def choose(self, rows: Sequence[int]) -> list[int]:
        return [min(rows)]

    def reasons(self, kept: int, rows: Sequence[int]) -> dict[int, Reason]:
        return {row: Reason("detail", 0.5, 1.0) for row in rows if row != kept}


def verdicts(table: Table) -> Callable[[int, int], str]:
    return lambda a, b: table.get((min(a, b), max(a, b)), DIFFERENT)


def split(rows: list[int], same: list[tuple[int, int]], table: Table, overrides: Overrides) -> list:
    found = split_cluster(rows, same, Judges(verdicts(table), LowestRow(), overrides))
    return [[(a.kept, a.rows) for a in versions.artworks] for versions in found]


def test_a_chain_of_copies_is_cut_at_the_kept_one() -> None:
    table = {(0, 1): SAME, (1, 2): SAME}
    assert split([0, 1, 2], [(0, 1), (1, 2)], table, Overrides()) == [[(0, [0, 1])]]


def test_a_copy_of_both_supports_a_member_where_the_pixels_see_another_drawing() -> None:
    table = {(0, 1): SAME, (1, 2): SAME, (2, 3): SAME}
    pairs = [(0, 1), (1, 2), (2, 3)]
    judges = Judges(verdicts(table), LowestRow(), support={1: [0, 2], 2: [1, 3], 3: [2]})
    found = split_cluster([0, 1, 2, 3], pairs, judges)
    # One step, never two: the last of the chain is out.
    assert [[a.rows for a in versions.artworks] for versions in found] == [[[0, 1, 2]]]
    # Another version is no copy, whoever supports it.
    table[0, 2] = VARIANT
    found = split_cluster([0, 1, 2], pairs[:2], judges)
    assert [[a.rows for a in versions.artworks] for versions in found] == [[[0, 1], [2]]]


def test_only_linked_rows_are_tried_for_a_variant_set() -> None:
    asked = []

    def verdict(a: int, b: int) -> str:
        asked.append((a, b))
        return VARIANT

    linked = {0: [1], 1: [0, 2], 2: [1]}
    found = split_cluster([0, 1, 2, 3], [], Judges(verdict, LowestRow(), linked=linked))
    assert [[a.kept for a in versions.artworks] for versions in found] == [[0, 1, 2]]
    assert (0, 3) not in asked


def test_what_left_founds_a_variant_set_of_its_own() -> None:
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
    others = tuple(other.split())
    return Review(
        1, batch, "t", "ann", row, f"i{row}", "group", None, value, "set", group, None, None, others
    )


ROWS = {f"i{row}": row for row in range(10)}


def test_not_a_duplicate_is_remembered() -> None:
    overrides = read_overrides([review(1, "not_duplicate", "i0")], ROWS)
    assert split([0, 1, 2], [(0, 1), (0, 2)], {(0, 1): SAME, (0, 2): SAME}, overrides) == [[(0, [0, 2])]]


def test_split_items_stay_together() -> None:
    overrides = read_overrides([review(2, "split", "i0 i1"), review(3, "split", "i0 i1")], ROWS)
    assert overrides.together == {(2, 3)}
    table = {(a, b): SAME for a in range(4) for b in range(a + 1, 4)}
    pairs = [pair for pair in table if pair not in overrides.apart]
    assert split([0, 1, 2, 3], pairs, table, overrides) == [[(0, [0, 1])], [(2, [2, 3])]]


def test_merge_and_verdicts_and_choice() -> None:
    overrides = read_overrides([review(1, "merge", "i0")], ROWS)
    assert split([0, 1], [], {}, overrides) == [[(0, [0]), (1, [1])]]
    overrides = read_overrides([review(1, "variant")], ROWS)
    assert split([0, 1], [(0, 1)], {(0, 1): SAME}, overrides) == [[(0, [0]), (1, [1])]]
    overrides = read_overrides([review(1, "keep")], ROWS)
    assert split([0, 1], [(0, 1)], {(0, 1): SAME}, overrides) == [[(1, [0, 1])]]


def test_a_later_decision_outranks_an_earlier_one() -> None:
    overrides = read_overrides([review(1, "not_duplicate", "i0"), review(1, "merge", "i0", "c")], ROWS)
    assert not overrides.apart
    assert overrides.together == {(0, 1)}


def test_a_reviewer_outranks_the_chooser_and_what_it_proposed_is_kept_in_mind() -> None:
    overrides = read_overrides([review(1, "keep")], ROWS)
    judges = Judges(verdicts({(0, 1): SAME}), LowestRow(), overrides)
    (artwork,) = split_cluster([0, 1], [(0, 1)], judges)[0].artworks
    assert (artwork.kept, artwork.reviewer, artwork.proposed) == (1, "ann", 0)


def test_of_equally_good_copies_the_one_that_loses_no_member_stays() -> None:
    class AllEqual(LowestRow):
        def choose(self, rows: Sequence[int]) -> list[int]:
            return sorted(rows)

    table = {(0, 1): SAME, (1, 2): SAME, (0, 2): VARIANT}
    found = split_cluster([0, 1, 2], [(0, 1), (1, 2)], Judges(verdicts(table), AllEqual()))
    assert [(a.kept, a.rows) for a in found[0].artworks] == [(1, [0, 1, 2])]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=20))
def test_connected_parts_partition_the_rows(pairs: list[tuple[int, int]]) -> None:
    parts = connected(list(range(10)), pairs)
    assert sorted(row for part in parts for row in part) == list(range(10))
    place = {row: number for number, part in enumerate(parts) for row in part}
    assert all(place[a] == place[b] for a, b in pairs)


def test_a_group_keeps_its_id_when_members_come_and_go() -> None:
    ids = {row: f"{row:032x}" for row in range(20)}
    first = stable_ids([[0, 1, 2], [5, 6]], {}, ids)
    old = {0: first[0], 1: first[0], 2: first[0], 5: first[1], 6: first[1]}
    again = stable_ids([[1, 2, 9], [5, 6, 0], [10, 11]], old, ids)
    assert again[:2] == first
    assert len(set(again)) == 3
    # Split in two: the larger part keeps the name.
    parts = stable_ids([[0], [1, 2]], old, ids)
    assert parts[1] == first[0] != parts[0]
