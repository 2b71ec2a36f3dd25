"""Tasks: which labelled items an attribute is learned from, their folds, weights and samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from label.data.dataset import Dataset
from label.data.task import AttributeTask, Shortage, assign_folds, build_task, duplicate_weights, sample_items
from label.observed.labels import ObservedLabels
from schema.settings import LabelSettings
from schema.vocabulary import load_vocabulary

VOCABULARY = load_vocabulary()
N = 200


def dataset(name: str, labels: dict[int, list[str]], **others: Any) -> Dataset:
    """Return N items with vectors, of which some have labels of one attribute; all of them have tags."""
    observed = ObservedLabels(VOCABULARY.attribute(name))
    for row, values in labels.items():
        observed.add(row, values, "tag")
    rows = np.arange(N)
    arrays: dict[str, Any] = {
        "single": np.ones(N, bool),
        "tag_counts": np.full(N, 8, np.int32),
        "folds": rows % 5,
        "vector_rows": rows,
        "vectors": np.zeros((N, 4), np.float16),
    }
    return Dataset(rows, {name: observed}, **(arrays | others))


def task(name: str, data: Dataset) -> AttributeTask:
    built = build_task(VOCABULARY.attribute(name), data, LabelSettings())
    assert isinstance(built, AttributeTask)
    return built


HAIR = {row: ["red" if row % 2 else "blue"] for row in range(100)}


def test_items_of_one_value_and_tagged_items_without_any_are_learned_from() -> None:
    labels = HAIR | {5: ["red", "blue"], 7: ["grey"]}
    tags = np.where(np.arange(N) < 150, 8, 0).astype(np.int32)
    built = task("hair_color", dataset("hair_color", labels, tag_counts=tags))
    assert built.values == ("blue", "red"), "a value of one item is not learned"
    labelled = set(built.rows[built.labelled].tolist())
    assert labelled == set(range(100)) - {5, 7}
    assert set(built.rows[~built.labelled].tolist()) == set(range(100, 150)), (
        "who is not tagged left nothing out"
    )


def test_who_shows_several_or_has_no_vector_is_left_out() -> None:
    single = np.arange(N) != 10
    rows = np.delete(np.arange(N), 20)
    data = dataset(
        "hair_color", HAIR, single=single, vector_rows=rows, vectors=np.zeros((N - 1, 4), np.float16)
    )
    assert not {10, 20} & set(task("hair_color", data).rows.tolist())


def test_a_specific_value_is_learned_as_the_general_one_too() -> None:
    labels = {row: ["green yukata" if row % 2 else "kimono"] for row in range(60)}
    built = task("dress", dataset("dress", labels))
    assert built.multi_label
    column = dict(zip(built.values, built.targets.T, strict=True))
    assert column["kimono"].sum() == 60
    assert column["yukata"].sum() == column["green yukata"].sum() == 30


def test_copies_share_one_weight() -> None:
    groups = np.where(np.arange(N) < 4, 0, -1)
    built = task("hair_color", dataset("hair_color", HAIR, duplicate_groups=groups))
    weight = dict(zip(built.rows.tolist(), built.weights.tolist(), strict=True))
    assert weight[0] == weight[3] == 0.25 and weight[4] == 1
    np.testing.assert_allclose(
        duplicate_weights(np.array([-1, 4, 4, 7, 4, -1])), [1, 1 / 3, 1 / 3, 1, 1 / 3, 1]
    )


@pytest.mark.parametrize(
    ("labels", "reason", "items"),
    [
        ({}, "no item states a value", 15),
        ({row: ["red"] for row in range(9)}, "9 items with a vector state a value, 15 needed", 6),
        ({row: ["red"] for row in range(50)}, "fewer than two values are stated by 5 items", 5),
        (
            {row: ["red"] if row > 2 else ["blue"] for row in range(50)},
            "fewer than two values are stated by 5 items",
            2,
        ),
    ],
)
def test_too_little_is_said_with_the_reason(labels: dict[int, list[str]], reason: str, items: int) -> None:
    data = dataset("hair_color", labels)
    assert build_task(VOCABULARY.attribute("hair_color"), data, LabelSettings()) == Shortage(reason, items)


def test_a_leakage_group_falls_into_one_fold_and_folds_are_even() -> None:
    rows = np.arange(5000)
    groups = np.where(rows % 3 == 0, rows // 9, -1)
    folds = assign_folds(rows, groups, 5, 0)
    for group in np.unique(groups[groups >= 0])[:50]:
        assert len(np.unique(folds[groups == group])) == 1
    assert np.bincount(folds, minlength=5).min() > 800


def test_a_capped_sample_keeps_rare_values_and_weighs_frequent_ones() -> None:
    targets = np.zeros((1000, 3), np.float32)
    targets[:900, 0], targets[900:990, 1], targets[990:, 2] = 1, 1, 1
    kept, weights = sample_items(targets, 200, 0)
    assert len(kept) <= 200
    assert targets[kept, 2].sum() == 10
    assert abs((weights * targets[kept, 0]).sum() - 900) < 1


def test_of_what_no_tag_can_say_silent_tags_say_nothing() -> None:
    data = dataset("hair_color", {row: ["red" if row % 2 else "blue"] for row in range(60)})
    attribute = VOCABULARY.attribute("hair_color")
    untagged = tuple(value.model_copy(update={"tags": (), "weak_tags": ()}) for value in attribute.values)
    reviewed = attribute.model_copy(update={"values": untagged})
    built = build_task(reviewed, data, LabelSettings())
    assert isinstance(built, AttributeTask)
    assert len(task("hair_color", data).rows) == N
    assert built.rows.tolist() == list(range(60))
