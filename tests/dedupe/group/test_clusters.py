"""Grouping against the `hdbscan` package, and order, repeated vectors, deep trees."""

from __future__ import annotations

import warnings
from typing import Any

import hdbscan
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dedupe.group import clusters
from dedupe.group.clusters import Edges, cluster_edges, distances, unique_edges
from dedupe.group.hierarchy import merge_forest


def all_edges(vectors: Any, threshold: float) -> Edges:
    inner = vectors @ vectors.T
    i, j = np.nonzero(np.triu(inner >= threshold, 1))
    return Edges(i, j, inner[i, j].astype(np.float32))


def blobs(seed: int, n: int, d: int = 6) -> Any:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(max(2, n // 8), d))
    spread = rng.choice([0.05, 0.2, 0.4], size=(n, 1))
    found = centres[rng.integers(0, len(centres), n)] + rng.normal(size=(n, d)) * spread
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def partition(label: Any) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(label == name).tolist()) for name in np.unique(label[label >= 0])}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("min_size", "epsilon"), [(2, 0.0), (3, 0.0), (5, 0.0), (2, 0.9), (3, 0.95)])
@pytest.mark.parametrize("large", [0, clusters.LARGE], ids=["own choice", "hdbscan's choice"])
def test_equals_hdbscan(
    seed: int, min_size: int, epsilon: float, large: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clusters, "LARGE", large)
    # The package sees every pair: those below the threshold at one distance just beyond it, and a far pair so that
    # its root is no component of ours.
    vectors = blobs(seed, 60 + 5 * seed)
    threshold = 0.8
    edges = all_edges(vectors, threshold)
    ours = cluster_edges(len(vectors), edges, threshold=threshold, min_size=min_size, epsilon=epsilon)
    n = len(vectors) + 2 * min_size
    birth = float(distances(np.float64(threshold)))
    matrix = np.full((n, n), birth)
    length = np.maximum(distances(edges.similarity), 1e-3)
    matrix[edges.i, edges.j] = matrix[edges.j, edges.i] = length
    for start in (len(vectors), len(vectors) + min_size):
        matrix[start : start + min_size, start : start + min_size] = 1e-3
    np.fill_diagonal(matrix, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = hdbscan.HDBSCAN(
            metric="precomputed",
            min_cluster_size=min_size,
            min_samples=1,
            cluster_selection_epsilon=float(distances(np.float64(epsilon))) if epsilon else 0.0,
        ).fit(matrix)
    # An item without an edge is at one distance from everything there, and joins a cluster by chance of order.
    inside = np.unique(np.concatenate([edges.i, edges.j]))
    assert np.all(np.delete(ours, inside) == -1)
    assert partition(ours[inside]) == partition(theirs.labels_[: len(vectors)][inside])


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(10, 70),
    thresholds=st.tuples(st.floats(0.6, 0.98), st.floats(0.6, 0.98)),
    epsilon=st.sampled_from([0.0, 0.97]),
)
def test_raising_the_threshold_only_splits_groups(
    seed: int, n: int, thresholds: tuple[float, float], epsilon: float
) -> None:
    vectors = blobs(seed, n)
    low, high = (
        partition(cluster_edges(n, all_edges(vectors, each), threshold=each, min_size=2, epsilon=epsilon))
        for each in sorted(thresholds)
    )
    assert all(any(group <= whole for whole in low) for group in high)


def test_rows_and_edges_in_any_order_give_the_same_groups() -> None:
    vectors = blobs(3, 200)
    edges = all_edges(vectors, 0.85)
    expected = cluster_edges(200, edges, threshold=0.85)
    shuffle = np.random.default_rng(0).permutation(len(edges))
    again = cluster_edges(
        200, Edges(edges.i[shuffle], edges.j[shuffle], edges.similarity[shuffle]), threshold=0.85
    )
    np.testing.assert_array_equal(expected, again)


def test_a_star_of_rising_spokes_needs_no_recursion() -> None:
    # One merge per round, past the limit of rounds: the one-by-one path.
    n = 3000
    forest = merge_forest(n, np.zeros(n - 1, np.int64), np.arange(1, n), np.linspace(0.1, 1, n - 1))
    assert len(forest.roots()) == 1
    children = np.concatenate([forest.left, forest.right])
    assert len(np.unique(children)) == len(children) == 2 * (n - 1)


def test_epsilon_keeps_near_equal_copies_together() -> None:
    i = np.array([0, 0, 1, 2, 3])
    j = np.array([1, 2, 2, 3, 4])
    similarity = np.array([0.9999, 0.97, 0.97, 0.97, 0.9999], dtype=np.float32)
    edges = Edges(i, j, similarity)
    assert len(partition(cluster_edges(5, edges, threshold=0.9))) == 2
    assert len(partition(cluster_edges(5, edges, threshold=0.9, epsilon=0.95))) == 1


def test_repeated_pairs_keep_the_best() -> None:
    low, high = np.array([0, 1, 1, 2]), np.array([1, 2, 2, 2])
    found = unique_edges(low, high, np.array([0.5, 0.9, 0.7, 1.0], dtype=np.float32))
    assert list(zip(found.i.tolist(), found.j.tolist(), strict=True)) == [(0, 1), (1, 2)]
    np.testing.assert_allclose(found.similarity, [0.5, 0.9])
