"""Observed labels as arrays: found by row, counted, expanded, contested."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from label.observed.labels import SOURCES, ObservedLabels
from schema.vocabulary import load_vocabulary

VOCABULARY = load_vocabulary()
COLORS = ("red", "blue", "pink", "green")


@pytest.fixture
def observed() -> ObservedLabels:
    labels = ObservedLabels(VOCABULARY.attribute("hair_color"))
    for row, value in ((7, "red"), (2, "blue"), (7, "pink"), (4, "red")):
        labels.add(row, [value], "tag")
    return labels


def test_labels_are_found_by_row(observed: ObservedLabels) -> None:
    places, codes, sources = observed.among(np.array([2, 3, 7]))
    assert places.tolist() == [0, 2, 2]
    assert [observed.values[code] for code in codes] == ["blue", "red", "pink"]
    assert {SOURCES[source] for source in sources} == {"tag"}
    assert observed.counts(np.array([2, 3, 7])).tolist() == [1, 0, 2]
    assert observed.single(np.array([2, 3, 7])).tolist() == [True, False, False]


def test_what_is_added_later_is_found_too(observed: ObservedLabels) -> None:
    rows = np.array([3])
    assert observed.counts(rows).tolist() == [0]
    observed.add(3, ["green"], "review")
    assert observed.counts(rows).tolist() == [1]


def test_a_specific_value_gives_what_it_is_a_kind_of() -> None:
    labels = ObservedLabels(VOCABULARY.attribute("dress"))
    labels.add(5, ["green yukata"], "tag")
    values = ["green yukata", "yukata", "kimono", "shirt"]
    assert labels.matrix(np.array([4, 5]), values).tolist() == [[0, 0, 0, 0], [1, 0, 0, 0]]
    assert labels.matrix(np.array([5]), values, expand=True).tolist() == [[1, 1, 1, 0]]


def test_contested_values_are_found_by_place(observed: ObservedLabels) -> None:
    observed.contest(9, ["red", "green"])
    observed.contest(3, ["red", "blue"])
    observed.contest(4, ["red"])
    assert observed.contested_among(np.array([1, 3, 4, 9])) == {1: ["red", "blue"], 3: ["red", "green"]}
    assert observed.contested_among(np.array([4, 8])) == {}
    assert observed.contested_among(np.empty(0, np.int64)) == {}
    assert observed.counts(np.array([9])).tolist() == [0], "what is contested is not observed"


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from(COLORS)), max_size=20))
def test_the_matrix_holds_what_was_added(entries: list[tuple[int, str]]) -> None:
    labels = ObservedLabels(VOCABULARY.attribute("hair_color"))
    for row, value in entries:
        labels.add(row, [value], "text")
    rows = np.array([1, 4, 8])
    expected = [[float((row, value) in entries) for value in COLORS] for row in rows.tolist()]
    assert labels.matrix(rows, COLORS).tolist() == expected
