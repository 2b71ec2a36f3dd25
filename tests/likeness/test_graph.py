"""The kNN graph of plain arrays equals brute force."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import likeness
from likeness.graph import knn_graph
from schema.errors import InputError


def test_the_graph_is_that_of_brute_force(unit: Callable[..., np.ndarray]) -> None:
    vectors = unit(300).astype(np.float32) * 7  # of any length
    graph = knn_graph(vectors, 5)
    half = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16).astype(np.float32)
    scores = half @ half.T
    np.fill_diagonal(scores, -2)
    assert graph.similarity == pytest.approx(-np.sort(-scores, axis=1)[:, :5], abs=1e-5)
    assert np.take_along_axis(scores, graph.ids, 1) == pytest.approx(graph.similarity, abs=1e-5)
    assert not (graph.ids == np.arange(300)[:, None]).any()
    assert not graph.approximate


def test_fewer_vectors_than_neighbours(unit: Callable[..., np.ndarray]) -> None:
    graph = likeness.knn_graph(unit(3), 8)
    assert graph.ids.shape == (3, 8)
    assert (graph.ids >= 0).sum(axis=1).tolist() == [2, 2, 2]
    assert len(graph.to_arrow()) == 6
    assert likeness.knn_graph(unit(1), 2).ids.tolist() == [[-1, -1]]


def test_pairs_as_a_table(unit: Callable[..., np.ndarray]) -> None:
    table = likeness.knn_graph(unit(20), 3).to_arrow()
    assert table.column_names == ["row", "neighbour", "similarity"]
    assert table.num_rows == 60
    pytest.importorskip("pandas")
    assert len(likeness.knn_graph(unit(20), 3).to_pandas()) == 60


def test_the_approximate_searcher_can_be_asked_for(unit: Callable[..., np.ndarray]) -> None:
    graph = likeness.knn_graph(unit(2000, 32), 10, exact=False)
    exact = likeness.knn_graph(unit(2000, 32), 10, exact=True)
    assert graph.approximate
    assert (graph.similarity >= exact.similarity[:, -1:] - 1e-3).mean() >= 0.95


@pytest.mark.parametrize("k", [0, -1, 2.5, "3", 1025])
def test_bad_k(unit: Callable[..., np.ndarray], k: int) -> None:
    with pytest.raises(InputError, match="k is a whole number"):
        likeness.knn_graph(unit(5), k)
