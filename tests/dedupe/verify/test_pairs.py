"""Which pairs are still news: what a component under way knows, and how long it goes on trying."""

from __future__ import annotations

from dedupe.compare.verdict import DIFFERENT, SAME, VARIANT, Limits
from dedupe.verify.pairs import TRIES, Component
from schema.settings import DedupeSettings


def state(patience: int = 4) -> Component:
    return Component(patience, Limits.of(DedupeSettings()).firm)


def test_a_firm_tie_makes_one_family_of_two() -> None:
    known = state()
    known.learn(0, 1, VARIANT, 0.97)
    assert known.news(0, 1, copy=False, version=True) == "implied"
    known.learn(1, 2, VARIANT, 0.97)
    assert known.news(0, 2, copy=False, version=True) == "implied"
    assert known.news(0, 2, copy=True, version=True) == "measured"


def test_a_weak_tie_leaves_better_pairs_between_two_families_to_be_tried() -> None:
    known = state()
    known.learn(0, 1, VARIANT, 0.99)
    known.learn(2, 3, VARIANT, 0.99)
    for _ in range(TRIES - 1):
        known.learn(1, 2, VARIANT, 0.92)
        assert known.news(0, 3, copy=False, version=True) == "measured"
    known.learn(0, 3, VARIANT, 0.96)
    assert known.news(0, 2, copy=False, version=True) == "implied"


def test_two_families_are_tried_so_often_and_no_more() -> None:
    known = state()
    known.learn(0, 1, VARIANT, 0.99)
    for _ in range(TRIES):
        assert known.news(0, 2, copy=False, version=True) == "measured"
        known.learn(0, 2, VARIANT, 0.92)
    assert known.news(1, 2, copy=False, version=True) == "implied"


def test_a_picture_refuted_in_a_row_is_left_until_it_finds_a_friend() -> None:
    known = state(patience=2)
    for other in (1, 2):
        known.learn(0, other, DIFFERENT, 0.5)
    for other in (4, 5):
        known.learn(3, other, DIFFERENT, 0.5)
    assert known.news(0, 3, copy=True, version=True) == "left_out"
    assert known.news(0, 9, copy=False, version=True) == "measured"
    known.learn(0, 9, VARIANT, 0.99)
    assert known.news(0, 3, copy=False, version=True) == "measured"


def test_copies_are_one_artwork_whatever_their_lines_say() -> None:
    known = state()
    known.learn(0, 1, SAME, 0.91)
    assert known.news(0, 1, copy=True, version=True) == "implied"
