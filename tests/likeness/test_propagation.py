"""Labels carried to other vectors: right as often as asked, silent where that cannot be shown, in any form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import likeness
from likeness.given_labels import GivenLabels
from schema.errors import InputError

COLOURS = ("red", "green", "blue", "grey")


def clusters(n: int, classes: int = 4, noise: float = 0.55, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Vectors [n, 24] round one centre for each class, and their class [n]."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((classes, 24))
    truth = random.integers(0, classes, n)
    return centres[truth] + noise * 24**0.5 / 4 * random.standard_normal((n, 24)), truth


def some(truth: Sequence[Any], share: float = 0.5, seed: int = 1) -> list[Any]:
    """Labels of a share of the items, None for the others."""
    known = np.random.default_rng(seed).random(len(truth)) < share
    return [value if here else None for value, here in zip(truth, known, strict=True)]


@pytest.fixture(scope="module")
def coloured() -> tuple[np.ndarray, list[str], list[str | None], likeness.Propagation]:
    """Vectors, their true colours, the colours that are given, and what was propagated."""
    vectors, classes = clusters(900)
    truth = [COLOURS[c] for c in classes]
    labels = some(truth)
    return vectors, truth, labels, likeness.propagate(vectors, labels, precision=0.9)


def test_what_is_given_stays_and_what_is_propagated_is_right(coloured: Any) -> None:
    _, truth, labels, found = coloured
    given = [label is not None for label in labels]
    assert all(found.values[i] == labels[i] for i in range(900) if given[i])
    assert not (found.propagated & np.array(given)).any()
    right = [found.values[i] == truth[i] for i in np.flatnonzero(found.propagated)]
    assert len(right) > 200
    assert np.mean(right) >= 0.9 - 0.03
    assert sum(value is None for value in found.values) == 900 - sum(given) - len(right)


def test_probabilities_thresholds_and_confidence_agree(coloured: Any) -> None:
    *_, found = coloured
    assert sorted(found.classes) == sorted(COLOURS)
    assert found.probabilities.shape == (900, 4)
    assert (found.probabilities >= 0).all()
    assert (found.probabilities.sum(axis=1) <= 1 + 1e-5).all()
    assert set(found.thresholds) == set(COLOURS)
    for i in np.flatnonzero(found.propagated):
        code = found.classes.index(found.values[i])
        assert code == found.probabilities[i].argmax()
        assert found.confidence[i] == pytest.approx(found.probabilities[i, code])
        assert found.confidence[i] >= found.thresholds[found.values[i]] - 1e-6
    assert np.isnan(found.confidence).tolist() == [value is None for value in found.values]


def test_the_report_is_what_others_see(coloured: Any) -> None:
    _, truth, _, found = coloured
    report = found.report()
    assert report.labelled == sum(label is not None for label in coloured[2])
    assert report.target_precision == 0.9
    right = [found.values[i] == truth[i] for i in np.flatnonzero(found.propagated)]
    assert report.precision == pytest.approx(np.mean(right), abs=0.05)
    unlabelled = 900 - report.labelled
    assert report.coverage == pytest.approx(len(right) / unlabelled, abs=0.1)
    coverage, precision = report.curve.T
    assert (np.diff(coverage) >= 0).all()
    assert ((precision >= 0) & (precision <= 1)).all()
    assert report.to_arrow().num_rows == 4
    assert "precision of 0.9" in str(report)
    assert all(colour in str(report) for colour in COLOURS)


def test_more_precision_gives_fewer_labels_without_learning_again(
    coloured: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    *_, found = coloured

    def learned(*_: object, **__: object) -> None:
        raise AssertionError("it learned again")

    monkeypatch.setattr("likeness.propagation.fit_all", learned)
    strict = found.rethreshold(0.99)
    loose = found.rethreshold(0.7)
    assert strict.propagated.sum() <= found.propagated.sum() <= loose.propagated.sum()
    assert (strict.propagated <= loose.propagated).all()
    same = found.rethreshold(0.9)
    assert same.values == found.values
    assert same.to_arrow().equals(found.to_arrow())
    assert strict.report().target_precision == 0.99


def test_the_same_input_gives_the_same_labels(coloured: Any) -> None:
    vectors, _, labels, found = coloured
    again = likeness.propagate(vectors * 4, labels, precision=0.9)
    assert again.values == found.values
    assert np.array_equal(again.probabilities, found.probabilities)


def test_labels_of_other_types(coloured: Any) -> None:
    vectors, _, labels, found = coloured
    numbers = [None if label is None else COLOURS.index(label) for label in labels]
    by_number = likeness.propagate(vectors, numbers, precision=0.9)
    assert [None if v is None else COLOURS[v] for v in by_number.values] == found.values
    floats = np.array([np.nan if n is None else n for n in numbers])
    by_float = likeness.propagate(vectors, floats, precision=0.9)
    assert [None if v is None else COLOURS[int(v)] for v in by_float.values] == found.values
    assert by_number.to_arrow()["value"].to_pylist()[:3] == [
        None if v is None else str(v) for v in by_number.values[:3]
    ]


def test_several_labels_an_item() -> None:
    vectors, classes = clusters(900, classes=6, noise=0.4, seed=3)
    parts = (["hat"], ["hat", "coat"], ["coat"], ["scarf"], ["scarf", "coat"], ["hat", "scarf"])
    truth = [parts[c] for c in classes]
    labels = some(truth, 0.5)
    found = likeness.propagate(vectors, labels, precision=0.9)
    assert set(found.classes) == {"hat", "coat", "scarf"}
    new = np.flatnonzero(found.propagated & np.array([label is None for label in labels]))
    assert len(new) > 100
    said = [(value, i) for i in new for value in found.values[i]]
    assert np.mean([value in truth[i] for value, i in said]) >= 0.87
    for i, label in enumerate(labels):
        assert label is None or set(label) <= set(found.values[i])
    assert found.to_arrow()["value"].to_pylist()[0] == found.values[0]


def test_a_value_that_few_have_is_never_given() -> None:
    vectors, classes = clusters(600, seed=5)
    labels: list[str | None] = some([COLOURS[c] for c in classes])
    rare = [i for i, label in enumerate(labels) if label == "red"][8:]
    for i in rare:
        labels[i] = None
    found = likeness.propagate(vectors, labels, precision=0.9)
    assert found.thresholds["red"] is None
    assert "red" not in {found.values[i] for i in np.flatnonzero(found.propagated)}
    (report,) = (each for each in found.report().values if each.value == "red")
    assert "15 needed" in report.reason


def test_too_little_to_learn_from() -> None:
    vectors, _ = clusters(60)
    found = likeness.propagate(vectors, ["red", "green", *[None] * 58])
    assert found.values[:3] == ["red", "green", None]
    assert not found.propagated.any()
    assert found.thresholds == {}
    assert found.probabilities.shape == (60, 0)
    report = found.report()
    assert "15 needed" in report.reason
    assert report.precision is None
    assert report.curve.shape == (0, 2)
    assert str(report).startswith("nothing was learned from 2 labelled items")
    assert found.rethreshold(0.8).values == found.values


def test_a_group_does_not_vouch_for_itself() -> None:
    # Sixty characters, ten pictures each; a character's label says nothing of any other character's.
    random = np.random.default_rng(0)
    characters = np.repeat(np.arange(60), 10)
    centres = random.standard_normal((60, 24))
    vectors = centres[characters] + 0.3 * random.standard_normal((600, 24))
    colour_of = [COLOURS[c] for c in random.integers(0, 4, 60)]
    truth = [colour_of[c] for c in characters]
    known = random.random(60) < 0.6
    labels = [value if known[c] else None for value, c in zip(truth, characters, strict=True)]
    alone = likeness.propagate(vectors, labels, precision=0.9)
    grouped = likeness.propagate(vectors, labels, groups=characters, precision=0.9)
    # What it believes where pictures of one character vouch for each other.
    assert alone.report().precision > 0.85
    assert alone.report().coverage > 0.8
    assert grouped.report().coverage < 0.2
    assert grouped.propagated.sum() < 12  # random colours cannot be told


def test_copies_do_not_vouch_for_each_other() -> None:
    random = np.random.default_rng(1)
    drawings = np.repeat(np.arange(200), 3)
    vectors = random.standard_normal((200, 24))[drawings] + 0.01 * random.standard_normal((600, 24))
    truth = [COLOURS[c] for c in random.integers(0, 4, 200)]
    labels = some([truth[d] for d in drawings], 0.7)
    found = likeness.propagate(vectors, labels, precision=0.9)
    new = np.flatnonzero(found.propagated)
    assert len(new) < 20  # random colours cannot be told


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (["a"] * 59, "one entry for each of 60"),
        ([None] * 60, "no vector has a label"),
        ([["a"], "b", *[None] * 58], "some entries are lists"),
        ([object(), *[None] * 59], "neither text nor a number"),
        ([["a", None], *[None] * 59], "neither text nor a number"),
    ],
)
def test_labels_that_do_not_fit(labels: list[Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        likeness.propagate(clusters(60)[0], labels)


@pytest.mark.parametrize(
    "options", [{"precision": 0.4}, {"precision": 1}, {"min_support": 2}, {"groups": [1]}]
)
def test_options_that_do_not_fit(options: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        likeness.propagate(clusters(60)[0], ["a"] * 60, **options)


def test_how_labels_are_read() -> None:
    assert GivenLabels.of(["a", None, "a", float("nan")]).by_item == [["a"], [], ["a"], []]
    several = GivenLabels.of([("a", "b", "a"), None, [], {"c"}, np.array([1, 2])])
    assert several.by_item == [["a", "b"], [], [], ["c"], [1, 2]]
    assert several.multi_label
    assert several.values == ["a", "b", "c", 1, 2]
