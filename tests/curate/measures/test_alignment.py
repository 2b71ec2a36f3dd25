"""Pictures beside their own texts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from curate.measures import conformance
from curate.measures.conformance import CHECKS, Check, make_store
from curate.stage import run_measure
from index.store import Store
from schema import tables
from schema.errors import StoreError
from schema.settings import Settings


def with_texts(folder: Path) -> Store:
    """A store whose pictures but two have a vector of their text, of which the ninth goes with it."""
    store = make_store(folder)
    vectors = store.vectors("test")
    rng = np.random.default_rng(4)
    data = rng.normal(size=np.asarray(vectors.data).shape)
    data[9] = np.asarray(vectors.data)[9]
    data /= np.linalg.norm(data, axis=1, keepdims=True)
    kept = np.array([row for row in range(len(data)) if row not in (2, 5)])
    schema = tables.vectors(16)
    values = pa.FixedSizeListArray.from_arrays(pa.array(data[kept].astype(np.float16).ravel()), 16)
    ids = pa.array([str(row) for row in kept])
    batch = pa.record_batch([pa.array(vectors.rows[kept]), ids, values], schema=schema)
    store.append("text_vectors_test", [batch], schema)
    return store


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_it_keeps_what_measures_keep(check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conformance, "make_store", with_texts)
    check("alignment", Settings(), tmp_path)


def test_similarity_to_the_own_text(tmp_path: Path) -> None:
    with with_texts(tmp_path) as store:
        run_measure(store, Settings(), ["alignment", "frame"])
        rows = {row["row"]: row for row in store.read("measures_alignment").to_pylist()}
        assert 2 not in rows and 5 not in rows and len(rows) == conformance.COUNT - 2
        assert rows[9]["alignment"] == pytest.approx(1, abs=2e-3)
        assert rows[9]["alignment_percentile"] > 90
        texts = store.vectors("test")
        assert max(row["alignment"] for number, row in rows.items() if number != 9) < 0.95 and len(texts.rows)


def test_vectors_that_come_later_are_measured(tmp_path: Path) -> None:
    with with_texts(tmp_path) as store:
        whole, schema = store.read("text_vectors_test"), tables.vectors(16)
        store.replace("text_vectors_test", whole.slice(0, len(whole) - 1), schema)
        run_measure(store, Settings(), ["alignment"])
        assert run_measure(store, Settings(), ["alignment"]).skipped
        store.append("text_vectors_test", whole.slice(len(whole) - 1), schema)
        assert run_measure(store, Settings(), ["alignment"]).counts["measured"] == 1
        assert store.rows("measures_alignment").tolist() == whole.column("row").to_pylist()


def test_without_vectors_of_texts_it_says_so(tmp_path: Path) -> None:
    with make_store(tmp_path) as store, pytest.raises(StoreError, match="texts have no vectors"):
        run_measure(store, Settings(), ["alignment"])
