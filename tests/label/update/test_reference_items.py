"""Reference items that change after the fit: who joins, who leaves, and that the nearest are asked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.store import Store
from label.data.load import ItemLoader
from label.learn.knn import LabelledPoints, build_reference_set, vote
from label.learn.options import Kernel
from label.update.reference_items import (
    ChangedItems,
    affected_cells,
    changed_items,
    update_reference_set,
    with_changes,
)
from label.update.stored import load_stored
from schema.settings import Settings
from schema.vocabulary import load_vocabulary

VOCABULARY = load_vocabulary()
KERNEL = Kernel(reach=16)
R, V = 3, 2


def points(rows: list[int], seed: int) -> LabelledPoints:
    rng = np.random.default_rng(seed)
    m = len(rows)
    coordinates = rng.normal(size=(m, R)).astype(np.float32)
    targets = np.eye(V, dtype=np.float32)[rng.integers(0, V, m)]
    return LabelledPoints(np.array(rows, np.int64), coordinates, targets, np.ones(m, np.float32))


@given(st.integers(0, 200))
def test_who_left_does_not_vote_and_who_joined_does(seed: int) -> None:
    """Where one cell asks everybody, an updated set votes as one built anew."""
    old, new = points(list(range(30)), seed), points([30, 31], seed + 1)
    leave = np.array([3, 7, 11])
    updated = update_reference_set(build_reference_set(old, KERNEL, 0), leave, new)
    keep = ~np.isin(old.rows, leave)
    anew = build_reference_set(
        LabelledPoints(
            np.concatenate([old.rows[keep], new.rows]),
            np.concatenate([old.coordinates[keep], new.coordinates]),
            np.concatenate([old.targets[keep], new.targets]),
            np.ones(int(keep.sum()) + 2, np.float32),
        ),
        KERNEL,
        0,
    )
    items = points(list(range(20)), seed + 2).coordinates
    kernel = Kernel(prior_weight=0.0)
    np.testing.assert_allclose(
        vote(items, updated, kernel).shares, vote(items, anew, kernel).shares, atol=1e-5
    )


def test_cells_ask_the_nearest_and_those_that_ask_a_changed_item_are_affected() -> None:
    old, new = points(list(range(400)), 0), points(list(range(400, 440)), 1)
    before = build_reference_set(old, KERNEL, 0)
    after = update_reference_set(before, np.empty(0, np.int64), new)
    assert len(after.centres) > 1
    changed_cells = 0
    for cell, centre in enumerate(after.centres):
        distance = ((after.coordinates - centre) ** 2).sum(axis=1)
        nearest = np.sort(distance)[: after.members.shape[1]]
        np.testing.assert_allclose(np.sort(distance[after.members[cell]]), nearest, atol=1e-5)
        changed_cells += set(after.members[cell]) != set(before.members[cell])
    assert changed_cells > 0


def changed(rows: list[int], value: int) -> ChangedItems:
    targets = np.zeros((len(rows), V), np.float32)
    targets[:, value] = 1
    return ChangedItems(np.array(rows, np.int64), np.array(rows, np.int64) % 5, targets)


def test_changes_are_compared_and_replaced_by_row() -> None:
    before = changed([1, 4, 9], 0)
    assert before.differs(None).tolist() == [1, 4, 9]
    assert before.differs(before).tolist() == []
    after = before.replaced(np.array([4, 6]), changed([6], 1))
    assert after is not None
    assert after.rows.tolist() == [1, 6, 9]
    assert after.targets[1].tolist() == [0, 1]
    assert after.differs(before).tolist() == [4, 6]
    assert changed([1], 0).replaced(np.array([1]), None) is None


def test_models_of_a_store_take_other_reference_items(planted: Any) -> None:
    hair = VOCABULARY.attribute("hair_color")
    with Store.open(planted.uri) as store:
        stored = load_stored(store)
        dataset = ItemLoader(store, VOCABULARY, Settings()).load_all().dataset
    model = stored.fitted.models["hair_color"]
    everyone = np.arange(len(dataset))
    assert changed_items(hair, model, dataset, everyone) is None, "nothing changed since the fit"
    untagged, tagged = int(planted.untagged[0]), int(np.setdiff1d(everyone, planted.untagged)[0])
    dataset.observed["hair_color"].add(untagged, ["red"], "review")
    dataset.single[tagged] = False
    found = changed_items(hair, model, dataset, everyone)
    assert found is not None
    assert found.rows.tolist() == sorted([untagged, tagged])
    assert found.targets.any(axis=1).tolist() == [row == untagged for row in found.rows.tolist()]
    updated = with_changes(model, stored.fitted.features, found, dataset.vectors_of(found.rows))
    for fold, scorers in enumerate(updated.folds):
        assert scorers.knn is not None
        reference = scorers.knn.reference
        voting = set(reference.rows[reference.weights > 0].tolist())
        assert tagged not in voting
        assert (untagged in voting) == (fold != dataset.folds[untagged]), (
            "no item is in the scorers of its fold"
        )
        assert affected_cells(updated, fold, np.array([untagged])).any() == (fold != dataset.folds[untagged])
        shares = vote(
            dataset.vectors[:1].astype(np.float32) @ np.zeros((24, 3), np.float32), reference, KERNEL
        )
        assert shares.shares.sum() == pytest.approx(1, abs=1e-4)
