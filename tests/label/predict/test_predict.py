"""Labels of a batch: what is stated stands, general values are implied, several characters close the others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from label.data.dataset import Dataset, LabelInputs
from label.learn.features import FeatureMap
from label.learn.fit_all import LabelModels
from label.observed.labels import ObservedLabels
from label.predict.predict import UNCHECKED, ItemBatch, LabelColumn, PredictedLabel, predict
from schema.vocabulary import load_vocabulary

VOCABULARY = load_vocabulary()


@pytest.fixture
def models() -> LabelModels:
    """Models of no attribute at all: everything that people say still becomes a label."""
    none = np.empty(0, np.float32)
    features = FeatureMap(
        np.zeros(4, np.float32), 1.0, np.empty((0, 4), np.float32), 1.0, none, np.empty((0, 0), np.float32),
        np.empty(0, np.int64), np.empty(0, bool),
    )  # fmt: skip
    return LabelModels(features, {}, 5, 0)


def inputs_of(labels: dict[tuple[int, str], tuple[list[str], str]], n: int = 6) -> LabelInputs:
    observed = {attribute.name: ObservedLabels(attribute) for attribute in VOCABULARY.attributes}
    for (row, name), (values, source) in labels.items():
        observed[name].add(row, values, source)
    rows = np.arange(n)
    dataset = Dataset(
        rows,
        observed,
        np.ones(n, bool),
        np.full(n, 3, np.int32),
        rows % 5,
        rows[:3],
        np.zeros((3, 4), np.float16),
    )
    return LabelInputs(dataset, [f"{row:032x}" for row in range(n)])


def columns_of(models: LabelModels, inputs: LabelInputs, rows: Any) -> dict[str, LabelColumn]:
    batch = ItemBatch.of(inputs, np.asarray(rows))
    return {p.column.attribute.name: p.column for p in predict(models, VOCABULARY, batch)}


def test_what_is_stated_is_the_label(models: LabelModels) -> None:
    inputs = inputs_of(
        {
            (1, "hair_color"): (["red"], "tag"),
            (4, "hair_color"): (["blue"], "review"),
            (5, "gender"): (["male"], "text"),
        }
    )
    columns = columns_of(models, inputs, [1, 4, 5])
    assert columns["hair_color"].labels() == [
        PredictedLabel(("red",), pytest.approx(UNCHECKED), "tag", 0),
        PredictedLabel(("blue",), 1.0, "review", 0),
        PredictedLabel(),
    ]
    assert columns["gender"].labels()[2].source == "text"
    assert list(columns) == ["subjects", *(name for name in VOCABULARY.names if name != "subjects")]


def test_a_general_value_is_not_listed_beside_its_kind_unless_a_reviewer_gave_it(models: LabelModels) -> None:
    inputs = inputs_of({(0, "dress"): (["kimono", "green yukata"], "tag"), (1, "dress"): (["yukata"], "tag")})
    inputs.dataset.observed["dress"].add(1, ["kimono"], "review")
    labels = columns_of(models, inputs, [0, 1])["dress"].labels()
    assert labels[0].values == ("green yukata",)
    assert set(labels[1].values) == {"yukata", "kimono"}
    assert labels[1].source == "tag", "the least trusted value names the source"
    assert labels[1].confidence == pytest.approx(UNCHECKED)


def test_named_attributes_alone_are_given(models: LabelModels) -> None:
    inputs = inputs_of({})
    batch = ItemBatch.of(inputs, np.array([2, 3]))
    given = [p.column.attribute.name for p in predict(models, VOCABULARY, batch, ["gender"])]
    assert given == ["gender"]
    assert batch.with_vector.tolist() == [0]
    assert batch.items_of([3, 9, 0]) == {3: 1}
