"""Models as bytes: they come back the same, and what was written otherwise is refused in words."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from label.learn.features import FeatureMap, fit_features
from label.learn.scorer import FoldScorers
from label.learn.serialize import deserialise, serialise
from label.learn.sources.linear_scorer import LinearScorer
from schema.arrays import Floats32
from schema.errors import StoreError


def test_features_come_back_the_same(planted_vectors: Callable[..., Any]) -> None:
    x, colors = planted_vectors(200)
    features = fit_features(x, np.arange(200) % 5, colors > 0, 32, 2.0, 0)
    data = serialise(features)
    back = deserialise(data, FeatureMap)
    np.testing.assert_array_equal(back.plain(x), features.plain(x))
    assert serialise(back) == data


def test_scorers_come_back_as_what_they_were() -> None:
    scorer = LinearScorer(np.eye(3, dtype=np.float32), np.ones(3, np.float32), True, ("probe",))
    back = deserialise(serialise(FoldScorers((scorer, scorer), None)), FoldScorers)
    assert back.applicability is None
    assert [type(each) for each in back.scorers] == [LinearScorer, LinearScorer]
    assert back.kinds == ("probe", "probe")


@dataclass(frozen=True)
class Foreign:
    """A scorer that no table names."""

    basis: Floats32

    def projection(self) -> Floats32:
        return self.basis


def test_a_scorer_that_no_table_names_is_refused() -> None:
    with pytest.raises(StoreError, match="no scorer that can be stored"):
        serialise((Foreign(np.eye(2, dtype=np.float32)),))


def test_another_layout_is_refused_with_what_to_do() -> None:
    out = io.BytesIO()
    np.savez(out, tree=np.frombuffer(json.dumps({"mean": [1.0]}).encode(), np.uint8))
    with pytest.raises(StoreError, match="another version") as told:
        deserialise(out.getvalue(), FeatureMap)
    assert "likeness label" in told.value.hint
