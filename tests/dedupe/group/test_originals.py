"""Which member of a group the others were made from, by what pairs of them say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedupe.direction.findings import Facts
from dedupe.direction.record import Direction
from dedupe.group.keep import KeepPolicy
from dedupe.group.originals import Originals, Reason
from dedupe.group.sentences import kept_sentence, place, sentence

SAME_SIZE = Facts(True, False, 400, 400)
POLICY = KeepPolicy.resolve(["tags"], (), {"items": pa.schema([pa.field("tags", pa.list_(pa.string()))])})
BASE = Direction(read=True, fit=0.95)


def originals(
    rows: int,
    direction: Callable[[int, int], Direction | None],
    facts: dict[int, Facts] | None = None,
    tags: dict[int, int] | None = None,
) -> Originals:
    ranks = {row: POLICY.rank([["tag"] * (tags or {}).get(row, 0), row]) for row in range(rows)}
    return Originals(dict.fromkeys(range(rows), SAME_SIZE) | (facts or {}), ranks, POLICY, direction)


def less_detail(octaves: dict[int, float]) -> Callable[[int, int], Direction]:
    """Rows differ by how many octaves of detail they lost."""

    def direction(row: int, other: int) -> Direction:
        more = octaves.get(other, 0.0) - octaves.get(row, 0.0)
        return replace(BASE, detail_x=more, detail_y=more)

    return direction


@given(st.permutations(list(range(5))), st.lists(st.floats(0.8, 4), min_size=4, max_size=4, unique=True))
def test_the_one_that_lost_nothing_stays_whatever_the_order(order: list[int], lost: list[float]) -> None:
    octaves = dict(zip(order[1:], lost, strict=True))
    chosen = originals(5, less_detail(octaves))
    assert chosen.choose(order)[0] == order[0] == chosen.choose(sorted(order))[0]
    reasons = chosen.reasons(order[0], order)
    assert set(reasons) == set(order[1:])
    assert all(reasons[row].criterion == "detail" and not reasons[row].undecided for row in reasons)
    assert reasons[order[1]].value == pytest.approx(2 ** -octaves[order[1]], rel=1e-3)


def test_the_larger_one_is_not_kept_when_it_was_enlarged() -> None:
    def direction(row: int, other: int) -> Direction:
        return replace(BASE, scale_x=2.0, scale_y=2.0, detail_x=-0.2, detail_y=-0.2)

    chosen = originals(2, direction, {1: Facts(True, False, 800, 800)})
    assert chosen.choose([0, 1])[0] == 0
    assert chosen.reasons(0, [0, 1])[1].criterion == "enlarged"


def test_where_the_pixels_say_nothing_the_criteria_decide_and_say_so() -> None:
    chosen = originals(3, lambda row, other: BASE, tags={0: 1, 1: 4, 2: 4})
    assert chosen.choose([0, 1, 2]) == [1, 2, 0]
    reasons = chosen.reasons(1, [0, 1, 2])
    first = reasons[0]
    assert (first.criterion, first.value, first.kept_value, first.words) == ("tags", 1, 4, ("1", "4"))
    assert reasons[2].criterion == "first"
    assert all(reason.undecided for reason in reasons.values())


def test_of_a_mirror_image_and_its_source_most_copies_decide() -> None:
    def direction(row: int, other: int) -> Direction:
        return replace(BASE, mirrored=(row == 0) != (other == 0))

    alone = originals(2, direction)
    assert alone.choose([0, 1]) == [0, 1]
    assert alone.reasons(0, [0, 1])[1].undecided
    three = originals(3, direction)
    assert three.choose([0, 1, 2]) == [1, 2]
    reasons = three.reasons(1, [0, 1, 2])
    assert (reasons[0].criterion, reasons[0].kept_value) == ("mirrored", 2)


def test_proportions_that_most_copies_have() -> None:
    def direction(row: int, other: int) -> Direction:
        scale = {0: 1.2}
        return replace(BASE, scale_x=scale.get(other, 1.0) / scale.get(row, 1.0))

    chosen = originals(4, direction)
    assert chosen.choose([0, 1, 2, 3])[0] == 1
    reason = chosen.reasons(1, [0, 1, 2, 3])[0]
    assert reason.criterion in ("proportion", "enlarged")


def test_a_circle_of_copies_ends_and_does_not_depend_on_the_order() -> None:
    def direction(row: int, other: int) -> Direction:
        # 0 beats 1, 1 beats 2, 2 beats 0.
        worse = {(0, 1): "other", (1, 2): "other", (0, 2): "row"}[row, other]
        return replace(
            BASE, **{f"noise_{worse}": 9.0, f"noise_{'row' if worse == 'other' else 'other'}": 0.0}
        )

    chosen = originals(3, direction)
    assert len({chosen.choose(order)[0] for order in ([0, 1, 2], [2, 1, 0], [1, 0, 2])}) == 1


def test_without_pictures_the_larger_file_stays() -> None:
    chosen = originals(2, lambda row, other: None, {1: Facts(True, False, 900, 900)})
    assert chosen.choose([0, 1])[0] == 1
    assert chosen.reasons(1, [0, 1])[0].criterion == "pixels"


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        (Reason("crop", 0.86, 1.0), "cropped: it shows 86.0% of the drawing, the kept copy 100%"),
        (Reason("detail", 0.5, 1.0), "50% of the detail of the kept copy (100%)"),
        (
            Reason("writing", 0.05, 0.0, 0.8, 0.9),
            "writing or a mark lies at the lower right, on 5.0% of the picture; on the kept copy none",
        ),
        (Reason("noise", 4.3, 0.1), "noise of 4.3 grey levels, 0.1 in the kept copy"),
        (Reason("compression", 12.5, 0.0), "compressed in steps of 12.5 levels, the kept copy not at all"),
        (Reason("first", undecided=True), "nothing tells it from the kept copy, which was seen earlier"),
        (
            Reason("tags", words=("2", "5"), undecided=True),
            "nothing in the pixels tells it from the kept copy; tags: 2, 5 there",
        ),
    ],
)
def test_reasons_are_sentences_with_both_values(reason: Reason, text: str) -> None:
    assert sentence(reason) == text


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (0.1, 0.1, "at the upper left"),
        (0.5, 0.9, "at the bottom"),
        (0.9, 0.5, "at the right"),
        (0.5, 0.5, "in the middle"),
    ],
)
def test_places_in_words(x: float, y: float, words: str) -> None:
    assert place(Reason("cover", 0.1, 0.0, x, y)) == words


def test_the_kept_copy_says_what_the_others_are() -> None:
    reasons = [Reason("grey"), Reason("grey"), Reason("crop"), Reason("first", undecided=True)]
    text = kept_sentence(reasons)
    assert text == "kept of 5; the others are 2 grey, 1 cropped, 1 that the pixels do not tell from it"
