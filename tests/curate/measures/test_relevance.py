"""Relevance from stored vectors and texts; percentiles; what is missing is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from curate.measures import conformance
from curate.measures.conformance import CHECKS, Check, make_store
from curate.measures.vectors import percentiles
from curate.stage import run_measure
from index.store import Store
from schema import tables
from schema.errors import StoreError
from schema.sections.relevance import texts_of
from schema.settings import Settings, load_settings

SETTINGS = load_settings(
    None, ['measure.relevance.wanted=["a cat", "a dog"]', 'measure.relevance.unwanted=["a car"]']
)


def add_texts(store: Store, settings: Settings = SETTINGS) -> np.ndarray:
    texts = texts_of(settings)
    matrix = np.eye(16, dtype=np.float32)[: len(texts)]
    schema = tables.texts(16)
    values = pa.FixedSizeListArray.from_arrays(pa.array(matrix.ravel()), 16)
    store.replace("texts_test", pa.table({"text": texts, "vector": values}, schema=schema), schema)
    return matrix


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_it_keeps_what_measures_keep(check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def make(folder: Path) -> Store:
        store = make_store(folder)
        add_texts(store)
        return store

    monkeypatch.setattr(conformance, "make_store", make)
    check("relevance", SETTINGS, tmp_path)


def test_the_nearest_wanted_text_less_the_nearest_unwanted_one(tmp_path: Path) -> None:
    with make_store(tmp_path) as store:
        matrix = add_texts(store)
        run_measure(store, SETTINGS, ["relevance"])
        vectors = store.vectors("test")
        similar = np.asarray(vectors.data, np.float32) @ matrix.T
        wanted = similar[:, :2].max(axis=1) - similar[:, 2]
        rows = store.read("measures_relevance").to_pylist()
        assert [row["row"] for row in rows] == vectors.rows.tolist()
        assert [row["relevance"] for row in rows] == pytest.approx(wanted.tolist(), abs=1e-3)
        order = np.argsort([row["relevance_percentile"] for row in rows])
        assert order.tolist() == np.argsort(wanted).tolist()
        names = [texts_of(SETTINGS)[at] for at in similar.argmax(axis=1)]
        assert [row["relevance_text"] for row in rows] == names


def test_texts_without_vectors_are_told(tmp_path: Path) -> None:
    with make_store(tmp_path) as store:
        with pytest.raises(StoreError, match="'a cat'"):
            run_measure(store, SETTINGS, ["relevance"])
        summary = run_measure(store, SETTINGS)
        assert any(note.startswith("relevance: not measured, the texts") for note in summary.notes)
        assert not store.has("measures_relevance")


def test_equal_values_share_a_percentile_and_what_is_no_number_has_none() -> None:
    found = percentiles(np.array([1, 3, np.nan, 3, 9], np.float32))
    assert found[[0, 1, 3, 4]] == pytest.approx([12.5, 50, 50, 87.5])
    assert np.isnan(found[2]) and len(percentiles(np.empty(0, np.float32))) == 0
