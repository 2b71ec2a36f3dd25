"""Noise lists: ranked, cut to their limit however they grow, and written with their ranks."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from label.predict.noise import CONTRADICTED, MISSING, Floor, NoiseCandidate, NoiseLists

LIMIT = 5


def candidate(row: int, score: float, kind: str = MISSING) -> NoiseCandidate:
    return NoiseCandidate(row, "hair_color", "red", kind, score, None, 0.5)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 100)), max_size=60), st.integers(1, 7))
def test_lists_hold_the_highest_scores_however_they_come(entries: list[tuple[int, int]], step: int) -> None:
    made = [
        candidate(row, score / 100, (MISSING, CONTRADICTED)[kind])
        for row, (kind, score) in enumerate(entries)
    ]
    lists = NoiseLists(LIMIT, 1)
    for start in range(0, len(made), step):
        part = made[start : start + step]
        lists.add(each for each in part if each.score >= lists.floor("hair_color", each.kind).score)
    ranked = lists.ranked()
    for kind in (MISSING, CONTRADICTED):
        own = sorted((each for each in made if each.kind == kind), key=lambda each: (-each.score, each.row))
        assert ranked.get(("hair_color", kind), []) == own[:LIMIT]


def test_the_floor_rises_with_the_list() -> None:
    lists = NoiseLists(LIMIT, 1)
    assert lists.floor("hair_color", MISSING) == Floor(-np.inf, LIMIT)
    lists.add(candidate(row, row / 100) for row in range(20))
    assert lists.floor("hair_color", MISSING).score == 0.15
    assert lists.floor("hair_color", CONTRADICTED).score == -np.inf


def test_the_table_has_ranks_by_attribute_and_kind() -> None:
    lists = NoiseLists(LIMIT, 3)
    lists.add([candidate(0, 0.2), candidate(1, 0.9), candidate(2, 0.7, CONTRADICTED)])
    records = lists.table(["a", "b", "c"]).to_pylist()
    assert [(r["item_id"], r["kind"], r["rank"]) for r in records] == [
        ("c", CONTRADICTED, 1),
        ("b", MISSING, 1),
        ("a", MISSING, 2),
    ]
