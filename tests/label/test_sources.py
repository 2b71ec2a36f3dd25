"""The conformance of everything in the table of sources, and what single ones promise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from index.store import Store
from label.data.task import Question
from label.learn.features import fit_features
from label.learn.fit_all import Collection
from label.learn.linear_scorer import Linear
from label.learn.model import Bench, Choices
from label.learn.serialize import freeze, thaw
from label.learn.sources.base import Drill, Words
from label.observed.detector_source import DETECTORS
from label.observed.labels import STATED, Stated
from label.observed.reader import Reader
from label.predict.explain import explain
from label.sources import SOURCES, LearnedSource, StatedSource, source_class
from label.stage import run_label
from schema import tables
from schema.errors import SettingsError
from schema.settings import Settings, load_settings
from schema.vocabulary import load_vocabulary

VOCABULARY = load_vocabulary()
STATE = [name for name in SOURCES if issubclass(source_class(name), StatedSource)]
LEARN = [name for name in SOURCES if issubclass(source_class(name), LearnedSource)]
COLORS = ("black", "blonde", "red", "blue")
ITEM = Words("0" * 32, ["a.png"], ["1girl", "solo", "red_hair"], "a girl with red hair")


@pytest.fixture
def counts(tmp_path: Path) -> Settings:
    pq.write_table(
        pa.table({"key": ["a.png", "b.png", "c.png"], "count": [1, 2, None]}), tmp_path / "n.parquet"
    )
    return load_settings(None, ["label.detector=file", f"label.detector_path={tmp_path / 'n.parquet'}"])


@pytest.fixture
def drill(planted_vectors: Callable[..., Any]) -> Drill:
    x, colors = planted_vectors(400)
    folds = np.arange(400) % 5
    features = fit_features(x, folds, colors >= 0, 64, 2.0, 0)
    plain = features.plain(x)
    targets = np.eye(4, dtype=np.float32)[colors]
    ones = np.ones(400, np.float32)
    question = Question("hair_color", "one", COLORS, np.arange(400), targets, ones, folds, ones)
    return Drill(question, plain, features.white(plain), features, Choices(size=8), 0)


def collection(prompts: bool) -> Collection:
    none = np.empty(0, np.int64)
    found = Collection(
        {}, np.empty(0, bool), np.empty(0, np.int32), none, none, none, np.empty((0, 24), np.float16)
    )
    if prompts:
        found.prompts["hair_color"] = dict(zip(COLORS, np.eye(24, dtype=np.float32), strict=False))
    return found


@pytest.mark.parametrize("name", STATE)
def test_a_source_that_states_gives_values_of_the_vocabulary(name: str, counts: Settings) -> None:
    kind = source_class(name)
    assert kind.word in STATED
    assert issubclass(kind, StatedSource)
    source = kind(VOCABULARY, counts)
    reading = source.read(ITEM)
    assert reading is not None and reading.values and reading.ambiguous is None
    for attribute, values in reading.values.items():
        assert all(VOCABULARY.attribute(attribute).holds(value) for value in values)
    assert source.read(Words("f" * 32)) is None


def test_sources_that_state_are_listed_as_they_are_believed() -> None:
    ranks = [STATED.index(source_class(name).word) for name in STATE]
    assert ranks == sorted(ranks, reverse=True)


@pytest.mark.parametrize("name", LEARN)
def test_a_source_that_judges_gives_evidence_that_freezes(name: str, drill: Drill) -> None:
    kind = source_class(name)
    assert issubclass(kind, LearnedSource)
    judge = kind(collection(prompts=True)).train(drill)
    assert judge is not None
    held = drill.question.folds == drill.held
    places = (drill.plain[held] @ judge.basis).astype(np.float32)
    evidence, _ = judge.judge(places)
    assert evidence.shape == (len(judge.kinds), int(held.sum()), 4)
    assert evidence.dtype == np.float32
    assert np.isfinite(evidence).all()
    right = drill.question.targets[held].argmax(axis=1)
    assert np.mean(evidence[0].argmax(axis=1) == right) > 0.4
    back = thaw(freeze(Bench((judge,), None)), Bench).judges[0]
    assert type(back) is type(judge)
    np.testing.assert_array_equal(back.judge(places)[0], evidence)


@pytest.mark.parametrize("name", LEARN)
def test_a_judge_has_not_seen_the_fold_that_it_judges(name: str, drill: Drill) -> None:
    kind = source_class(name)
    assert issubclass(kind, LearnedSource)
    held = drill.question.folds == drill.held
    judge = kind(collection(prompts=True)).train(drill)
    drill.question.targets[held] = np.roll(drill.question.targets[held], 1, axis=1)
    drill.parts.clear()
    again = kind(collection(prompts=True)).train(drill)
    assert judge is not None and again is not None
    np.testing.assert_array_equal(judge.basis, again.basis)


def test_prompts_are_silent_without_a_text_tower(drill: Drill) -> None:
    kind = source_class("prompts")
    assert issubclass(kind, LearnedSource)
    assert kind(collection(prompts=False)).train(drill) is None


def test_an_unknown_source_is_refused_with_the_nearest_name(planted_copy: Any) -> None:
    settings = load_settings(None, ["label.sources=tags,vote"])
    with (
        Store.open(planted_copy.uri, write=True) as store,
        pytest.raises(SettingsError, match="did you mean votes"),
    ):
        run_label(store, settings)


def test_the_detector_counts_characters(counts: Settings) -> None:
    stated = {each.name: Stated(each) for each in VOCABULARY.attributes}
    reader = Reader(VOCABULARY, counts)
    assert reader.read(0, Words("x", ["a.png"]), stated) == ("", [])
    reason, _ = reader.read(1, Words("x", ["b.png"]), stated)
    assert "detector counts 2" in reason
    reason, _ = reader.read(2, Words("x", ["b.png"], ["1girl", "solo"]), stated)
    assert "detector counts 2" in reason and "subjects is one" in reason
    assert reader.read(3, Words("x", ["c.png"]), stated) == ("", [])
    rows, codes, sources = stated["subjects"].triples()
    assert [stated["subjects"].values[code] for code in codes] == ["one", "two", "one"]
    assert [STATED[source] for source in sources] == ["detector", "detector", "tag"]
    assert rows.tolist() == [0, 1, 2]


def test_a_detector_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    assert set(DETECTORS) == {"file"}
    for given, said in (("file", "cannot read the counts"), ("yolo", "no detector 'yolo'")):
        settings = load_settings(None, [f"label.detector={given}", "label.detector_path=/nowhere.parquet"])
        with pytest.raises(SettingsError, match=said):
            Reader(VOCABULARY, settings)
    (tmp_path / "n.csv").write_text("picture,count\na,1\n")
    settings = load_settings(None, ["label.detector=file", f"label.detector_path={tmp_path / 'n.csv'}"])
    with pytest.raises(SettingsError, match="no column of keys"):
        Reader(VOCABULARY, settings)


def test_prompts_of_the_store_are_evidence(planted_copy: Any) -> None:
    schema = tables.prompts(24)
    vectors = np.eye(24, dtype=np.float32)[:4]
    records = [
        {"attribute": "hair_color", "value": value, "vector": vector.tolist()}
        for value, vector in zip(COLORS, vectors, strict=True)
    ]
    with Store.open(planted_copy.uri, write=True) as store:
        store.replace("prompts_test", pa.Table.from_pylist(records, schema), schema)
        # The planted colours lie along the prompts, and yet the louder style hides them: much is asked, little found.
        run_label(store, load_settings(None, ["label.sources=tags,prompts", "label.precision=0.6"]))
        rows = store.read("labels").to_pylist()
        run_label(store, Settings())
        weighed = explain(store, Settings(), int(planted_copy.untagged[0]), "hair_color")
    assert [kind for kind, _ in weighed.kinds] == ["votes", "value centres", "probe", "prompts"]
    said = [row for row in rows if row["hair_color_source"] == "prompt"]
    right = [row for row in said if row["hair_color"] == COLORS[planted_copy.colors[row["row"]]]]
    assert len(said) > 20
    assert len(right) / len(said) > 0.55


def test_linear_evidence_is_log_shares() -> None:
    judge = Linear(np.eye(3, dtype=np.float32), np.zeros(3, np.float32), False, ("probe",))
    evidence, tally = judge.judge(np.array([[1.0, 0.0, -1.0]], np.float32))
    assert tally is None
    assert np.exp(evidence[0]).sum() == pytest.approx(1, abs=1e-5)
