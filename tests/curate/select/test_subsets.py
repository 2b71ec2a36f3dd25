"""Orders over the graph: unlike ones first, typical ones first, each against brute force."""

from __future__ import annotations

import numpy as np
import pytest

from curate.select.subsets import diverse_order, links_among, typical_order
from index.store.arrays import Graph


def graph_of(vectors: np.ndarray, k: int, first: int = 0) -> tuple[Graph, np.ndarray]:
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -2)
    near = np.argsort(-similarity, axis=1)[:, :k]
    rows = np.arange(first, first + len(vectors))
    return Graph(rows, (near + first).astype(np.int32), np.take_along_axis(similarity, near, 1)), similarity


@pytest.fixture
def clumps() -> np.ndarray:
    """Sixty unit vectors in five clumps of 40, 8, 6, 4 and 2."""
    rng = np.random.default_rng(2)
    centres = np.linalg.qr(rng.standard_normal((8, 5)))[0].T
    labels = np.repeat(np.arange(5), [40, 8, 6, 4, 2])
    vectors = centres[labels] + 0.1 * rng.standard_normal((60, 8))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_diverse_ones_come_from_all_clumps(clumps: np.ndarray) -> None:
    graph, similarity = graph_of(clumps, 6)
    order = np.random.default_rng(0).permutation(60)
    found = diverse_order(links_among(graph, np.arange(60)), order)
    assert sorted(found.tolist()) == list(range(60))
    labels = np.repeat(np.arange(5), [40, 8, 6, 4, 2])
    chosen, first = found[:12], order[:12]
    assert len(set(labels[chosen])) == 5

    def radius(picked: np.ndarray) -> float:
        return float((np.maximum(similarity, np.eye(60) * 3)[:, picked]).max(axis=1).min())

    assert radius(chosen) > radius(first)
    assert found.tolist() == diverse_order(links_among(graph, np.arange(60)), order).tolist()


def test_typical_ones_are_the_greedy_choice(clumps: np.ndarray) -> None:
    graph, _ = graph_of(clumps, 6, first=10)
    rows = np.arange(10, 70)
    links = links_among(graph, rows)
    order = np.arange(60)
    dense = np.zeros((60, 60))
    dense[links.owner, links.ids] = np.maximum(links.similarity, 0)
    assert np.allclose(dense, dense.T)
    np.fill_diagonal(dense, 1)
    covered, expected = np.zeros(60), []
    for _ in range(8):
        gains = np.maximum(dense - covered, 0).sum(axis=1)
        gains[expected] = -1
        expected.append(int(gains.argmax()))
        covered = np.maximum(covered, dense[expected[-1]])
    assert typical_order(links, order, 8)[:8].tolist() == expected


def test_items_that_the_graph_does_not_have_are_not_lost(clumps: np.ndarray) -> None:
    graph, _ = graph_of(clumps, 4)
    links = links_among(graph, np.arange(30, 90))
    assert sorted(diverse_order(links, np.arange(60)).tolist()) == list(range(60))
    assert sorted(typical_order(links, np.arange(60), 60).tolist()) == list(range(60))
