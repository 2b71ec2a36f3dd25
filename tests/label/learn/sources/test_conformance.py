"""Every entry of the table of scorers: evidence of the right form, stored and read back, blind to its own fold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from label.data.dataset import Dataset
from label.data.task import AttributeTask
from label.learn.features import fit_features
from label.learn.options import FitOptions
from label.learn.scorer import FoldScorers
from label.learn.serialize import deserialise, serialise
from label.learn.sources import SCORERS, load_scorer_sources, scorer_class
from label.learn.sources.base import FitData, FoldData
from label.learn.sources.linear_scorer import LinearScorer

COLORS = ("black", "blonde", "red", "blue")
HELD_OUT = 0


@pytest.fixture(params=[False, True], ids=["single-label", "multi-label"])
def data(request: pytest.FixtureRequest, planted_vectors: Callable[..., Any]) -> FitData:
    x, colors = planted_vectors(400)
    folds = np.arange(400) % 5
    features = fit_features(x, folds, colors >= 0, 64, 2.0, 0)
    plain = features.plain(x)
    targets = np.eye(4, dtype=np.float32)[colors]
    ones = np.ones(400, np.float32)
    task = AttributeTask("hair_color", request.param, COLORS, np.arange(400), targets, ones, folds, ones)
    return FitData(task, plain, features.white(plain), features, FitOptions(dimensions=8))


def dataset(prompts: bool) -> Dataset:
    none = np.empty(0, np.int64)
    found = Dataset(
        none, {}, np.empty(0, bool), np.empty(0, np.int32), none, none, np.empty((0, 24), np.float16)
    )
    if prompts:
        found.prompts["hair_color"] = dict(zip(COLORS, np.eye(24, dtype=np.float32), strict=False))
    return found


@pytest.mark.parametrize("name", SCORERS)
def test_a_scorer_gives_evidence_that_can_be_stored(name: str, data: FitData) -> None:
    scorer = scorer_class(name)(dataset(prompts=True)).fit(FoldData(data, HELD_OUT))
    assert scorer is not None
    held_out = data.task.folds == HELD_OUT
    coordinates = (data.plain[held_out] @ scorer.projection()).astype(np.float32)
    evidence, votes = scorer.score(coordinates)
    assert evidence.shape == (len(scorer.kinds), int(held_out.sum()), 4)
    assert evidence.dtype == np.float32
    assert np.isfinite(evidence).all()
    if votes is not None:
        assert np.all(votes.support >= 1) and np.all(votes.cell >= 0)
    right = data.task.targets[held_out].argmax(axis=1)
    assert np.mean(evidence[0].argmax(axis=1) == right) > 0.4
    back = deserialise(serialise(FoldScorers((scorer,), None)), FoldScorers).scorers[0]
    assert type(back) is type(scorer)
    np.testing.assert_array_equal(back.score(coordinates)[0], evidence)


@pytest.mark.parametrize("name", SCORERS)
def test_a_scorer_has_not_seen_the_fold_that_it_scores(name: str, data: FitData) -> None:
    source = scorer_class(name)(dataset(prompts=True))
    scorer = source.fit(FoldData(data, HELD_OUT))
    held_out = data.task.folds == HELD_OUT
    data.task.targets[held_out] = np.roll(data.task.targets[held_out], 1, axis=1)
    again = source.fit(FoldData(data, HELD_OUT))
    assert scorer is not None and again is not None
    np.testing.assert_array_equal(scorer.projection(), again.projection())


def test_there_are_no_zero_shot_scorers_without_a_text_tower(data: FitData) -> None:
    assert scorer_class("zero_shot")(dataset(prompts=False)).fit(FoldData(data, HELD_OUT)) is None


def test_scorers_come_in_the_order_of_the_table() -> None:
    loaded = load_scorer_sources(("zero_shot", "tags", "knn"), dataset(prompts=False))
    assert [type(source) for source in loaded] == [scorer_class("knn"), scorer_class("zero_shot")]


def test_linear_evidence_is_log_shares() -> None:
    scorer = LinearScorer(np.eye(3, dtype=np.float32), np.zeros(3, np.float32), False, ("probe",))
    evidence, votes = scorer.score(np.array([[1.0, 0.0, -1.0]], np.float32))
    assert votes is None
    assert np.exp(evidence[0]).sum() == pytest.approx(1, abs=1e-5)
