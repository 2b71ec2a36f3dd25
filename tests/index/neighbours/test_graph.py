"""The graph in the store: complete, measured, extended by new items to what a full build gives."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from index.neighbours.graph import run_index
from index.store import Store
from index.store.runs import Runs
from schema.errors import StoreError
from schema.settings import load_settings


def test_the_graph_holds_rows_and_its_recall(
    store: Store, add_vectors: Callable[..., None], unit: Callable[..., np.ndarray]
) -> None:
    rows = np.arange(200, dtype=np.int64) * 3
    data = unit(200)
    add_vectors(store, rows, data)
    settings = load_settings(None, ["index.k=7"])
    summary = run_index(store, settings)
    graph = store.graph("test")
    assert graph.ids.shape == (200, 7)
    assert np.isin(graph.ids, rows).all()
    exact = data.astype(np.float64) @ data.astype(np.float64).T
    np.fill_diagonal(exact, -9)
    assert np.allclose(-np.sort(-exact, axis=1)[:, :7], graph.similarity, atol=2e-3)
    assert (Runs(store).last("index") or {})["facts"]["recall"] == 1.0
    assert summary.counts["vectors"] == 200
    version = store.version("neighbours_test")
    assert run_index(store, settings).skipped
    assert store.version("neighbours_test") == version


def test_extending_gives_what_a_full_build_gives(
    store: Store, add_vectors: Callable[..., None], unit: Callable[..., np.ndarray]
) -> None:
    data = unit(330)
    settings = load_settings(None, ["index.k=6"])
    add_vectors(store, np.arange(300, dtype=np.int64), data[:300])
    run_index(store, settings)
    add_vectors(store, np.arange(300, 330, dtype=np.int64), data[300:])
    assert run_index(store, settings).counts["added"] == 30
    extended = store.graph("test")
    store.drop("neighbours_test")
    run_index(store, settings)
    full = store.graph("test")
    assert np.array_equal(extended.rows, full.rows)
    assert np.allclose(extended.similarity, full.similarity, atol=1e-5)
    assert np.mean(extended.ids == full.ids) > 0.99


def test_making_the_search_index_is_no_new_work_for_the_next_run(
    store: Store, add_vectors: Callable[..., None], unit: Callable[..., np.ndarray]
) -> None:
    add_vectors(store, np.arange(1200, dtype=np.int64), unit(1200))
    settings = load_settings(None, ["index.k=6", "index.search_index=IVF_FLAT"])
    run_index(store, settings)
    version = store.version("vectors_test")
    assert run_index(store, settings).skipped
    assert store.version("vectors_test") == version


def test_without_vectors_it_says_what_to_run(store: Store) -> None:
    with pytest.raises(StoreError, match="embed"):
        run_index(store, load_settings())
