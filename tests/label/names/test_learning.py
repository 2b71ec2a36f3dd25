"""What is learned of names keeps its promises on pictures that it has not seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from label.names.confidence import Wanted
from label.names.learning import NamedPictures, NameModel, learn_names

WANTED = Wanted(0.95, 0.9, 0.3, 0.05)


def learned(planted: Any, named: Any, seed: int = 0) -> NameModel | None:
    rows = np.flatnonzero(named)
    folds = np.random.default_rng(seed).integers(0, 5, len(rows))
    pictures = NamedPictures(planted.vectors[rows], planted.stated[rows], folds, int(planted.truth.max()) + 1)
    return learn_names(pictures, planted.vectors.astype(np.float32).mean(axis=0), WANTED)


def test_names_are_given_rightly_and_strangers_get_none(planted_names: Callable[..., Any]) -> None:
    planted = planted_names(names=40)
    strangers = planted.truth >= 32
    named = ~strangers & (np.random.default_rng(3).random(len(strangers)) < 0.6)
    model = learned(planted, named)
    assert model is not None
    asked = np.flatnonzero(~named)
    match = model.matcher().match(model.space.coordinates(planted.vectors[asked]))
    given = model.confidence.accepted(model.confidence.probabilities(match.features()), match.count)
    known = ~strangers[asked]
    right = match.best == planted.truth[asked]
    assert given[known].mean() > 0.5
    assert right[given & known].mean() >= 0.95
    assert given[~known].mean() <= 0.1


def test_wrong_names_are_doubted_and_right_ones_are_not(planted_names: Callable[..., Any]) -> None:
    planted = planted_names()
    model = learned(planted, np.ones(len(planted.truth), bool))
    assert model is not None
    doubted = model.stated.wrong >= 0.5
    assert doubted[planted.wrong].mean() > 0.8
    assert doubted[~planted.wrong].mean() < 0.05
    found = planted.wrong & doubted
    assert (model.stated.other[found] == planted.truth[found]).mean() > 0.9
    assert model.stated.wrong_share == pytest.approx(planted.wrong.mean(), abs=0.06)


def test_without_wrong_names_hardly_any_is_doubted(planted_names: Callable[..., Any]) -> None:
    planted = planted_names(wrong=0.0)
    model = learned(planted, np.ones(len(planted.truth), bool))
    assert model is not None
    assert (model.stated.wrong >= 0.5).mean() < 0.03


def test_names_that_cannot_be_told_apart_are_not_given(planted_names: Callable[..., Any]) -> None:
    planted = planted_names(spread=12.0, wrong=0.0)
    named = np.random.default_rng(4).random(len(planted.truth)) < 0.7
    model = learned(planted, named)
    assert model is not None
    asked = np.flatnonzero(~named)
    match = model.matcher().match(model.space.coordinates(planted.vectors[asked]))
    given = model.confidence.accepted(model.confidence.probabilities(match.features()), match.count)
    assert given.mean() < 0.1


def test_too_little_is_said_to_be_too_little(planted_names: Callable[..., Any]) -> None:
    planted = planted_names(names=3)
    assert learned(planted, np.ones(len(planted.truth), bool)) is None
    planted = planted_names(names=8, each=3)
    assert learned(planted, np.ones(len(planted.truth), bool)) is None


def test_the_same_pictures_teach_the_same(planted_names: Callable[..., Any]) -> None:
    planted = planted_names()
    first, second = (learned(planted, np.ones(len(planted.truth), bool)) for _ in range(2))
    assert first is not None and second is not None
    assert np.array_equal(first.stated.wrong, second.stated.wrong)
    assert first.confidence.thresholds == second.confidence.thresholds
