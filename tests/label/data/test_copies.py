"""What copies say counts for the item that stays: tags, texts, reviews; contradictions are conflicts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from index.reviews.effective import ReviewedLabel
from index.reviews.open import open_log
from index.store import Store
from label.data.copies import joined_reviews, joined_subjects, named_conflicts, with_copies
from label.data.load import ItemLoader
from label.observed.base import ItemWords
from schema import tables
from schema.records import Decision
from schema.settings import Settings
from schema.tags.conflicts import DISAGREE, Conflict
from schema.vocabulary import load_vocabulary

VOCABULARY = load_vocabulary()
ATTRIBUTES = {each.name: each for each in VOCABULARY.attributes}


def label(row: int, *values: str, exact: bool = True, rejected: tuple[str, ...] = ()) -> ReviewedLabel:
    return ReviewedLabel(row, f"{row:032x}", "hair_color", values, rejected, exact, "ann", "", row)


def test_words_of_copies_are_joined() -> None:
    item = ItemWords("a", ["k"], ["1girl"], "a girl")
    copies = [{"tags": ["1girl", "hat", "censored"], "text": "a girl"}, {"tags": None, "text": "smiling"}]
    found = with_copies(item, copies)
    assert found == ItemWords("a", ["k"], ["1girl", "hat"], "a girl\nsmiling")


def test_a_conflict_names_the_copy() -> None:
    conflict = Conflict("hair_color", DISAGREE, ("red", "blue"), ("red_hair", "blue_hair"))
    item = ItemWords("a", [], ["red_hair"], "")
    copies = [{"tags": ["blue_hair"], "item_id": "0123456789"}]
    assert named_conflicts([conflict], item, copies)[0].evidence == ("red_hair", "blue_hair, copy 01234567")


@pytest.mark.parametrize(
    ("own", "copies", "values", "conflicts"),
    [
        (label(1, "red"), [label(2, "blue")], ("red",), 0),
        (None, [label(2, "blue")], ("blue",), 0),
        (None, [label(2, "blue"), label(3, "red")], ("red",), 1),
        (None, [label(2)], None, 0),
        (label(1, rejected=("red",), exact=False), [label(2, "red")], ("red",), 0),
    ],
)
def test_reviews_of_copies(
    own: ReviewedLabel | None, copies: list[ReviewedLabel], values: tuple[str, ...] | None, conflicts: int
) -> None:
    mine = {"hair_color": own} if own else {}
    found, contradictions = joined_reviews(mine, [{"hair_color": each} for each in copies], ATTRIBUTES)
    assert (found["hair_color"].values if values is not None else found.get("hair_color")) == values
    assert len(contradictions) == conflicts


def test_several_outranks_one_and_the_own_review_both() -> None:
    assert joined_subjects("one", ["several"]) == "one"
    assert joined_subjects(None, [None, "one", "several"]) == "several"
    assert joined_subjects(None, [None]) is None


def test_items_are_read_with_their_copies(tmp_path: Path, planter: Callable[..., None]) -> None:
    rng = np.random.default_rng(0)
    with Store.open(str(tmp_path / "s"), create=True, write=True) as store:
        x = rng.normal(size=(5, 4)).astype(np.float32)
        tagged = np.array([True, True, False, True, True])
        planter(store, np.arange(5), x, np.array([2, 1, 0, 3, 3]), tagged, np.empty(0, np.int64))
        # 0 is kept for 1, whose tags contradict it; 2 is kept for 3, which alone has tags; 4 is in no group.
        records = [
            {
                "row": row,
                "item_id": f"{row:032x}",
                "group_id": group,
                "verdict": verdict,
                "keep": verdict == "kept",
            }
            | {"reason": "", "similarity": 1.0}
            for row, group, verdict in (
                (0, "a", "kept"),
                (1, "a", "same artwork"),
                (2, "b", "kept"),
                (3, "b", "same artwork"),
            )
        ]
        store.replace("groups", pa.Table.from_pylist(records, tables.GROUPS), tables.GROUPS)
        loader = ItemLoader(store, VOCABULARY, Settings())
        inputs = loader.load_all()
        assert observed(inputs, "hair_color") == {2: ["blue"], 1: ["blonde"], 3: ["blue"], 4: ["blue"]}
        assert [str(each) for each in inputs.conflicts[0]] == [
            "blonde (blonde_hair, copy 00000000) or red (red_hair)"
        ]
        log = open_log(str(tmp_path / "s"))
        log.append([Decision(1, f"{1:032x}", "label", "hair_color", "red")], "ann")
        log.close()
        for again in (loader.load_all(), loader.load_some(np.array([0, 2]))):
            assert observed(again, "hair_color")[0] == ["red"] and observed(again, "hair_color")[2] == [
                "blue"
            ]
            assert 0 in again.closed["hair_color"] and not again.conflicts


def observed(inputs: Any, name: str) -> dict[int, list[str]]:
    """Return the observed values of an attribute by row."""
    labels = inputs.dataset.observed[name]
    found: dict[int, list[str]] = {}
    for row, code, _ in zip(*(each.tolist() for each in labels.triples()), strict=True):
        found.setdefault(row, []).append(labels.values[code])
    return found
