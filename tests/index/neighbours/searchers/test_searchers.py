"""Every searcher of the table against brute force in numpy: values, not lengths."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.neighbours.searchers import SEARCHERS, load_searcher
from index.neighbours.searchers.base import drop_self, similarity_recall
from schema.errors import SettingsError
from schema.settings import IndexSettings


def brute_force(queries: np.ndarray, data: np.ndarray, k: int) -> np.ndarray:
    scores = queries.astype(np.float64) @ data.astype(np.float64).T
    return -np.sort(-scores, axis=1)[:, :k]


@pytest.mark.parametrize("name", SEARCHERS)
@pytest.mark.parametrize(("n", "k"), [(1, 4), (5, 8), (700, 10), (1500, 5)])
def test_a_searcher_finds_what_brute_force_finds(
    name: str, n: int, k: int, unit: Callable[..., np.ndarray]
) -> None:
    data = unit(n)
    searcher = load_searcher(name, IndexSettings(recall=0.95, recall_sample=100))
    positions, similarity = searcher.join(data, data, k)
    assert positions.shape == similarity.shape == (n, k)
    exact = brute_force(data, data, k)
    width = exact.shape[1]
    assert np.all(positions[:, width:] == -1)
    assert np.all(similarity[:, width:] == -1)
    valid = positions >= 0
    scores = np.einsum(
        "nd,nkd->nk", data.astype(np.float64), data[np.maximum(positions, 0)].astype(np.float64)
    )
    assert np.allclose(scores[valid], similarity[valid], atol=2e-3)
    assert np.all(np.diff(similarity, axis=1) <= 0)
    if searcher.approximate:
        assert similarity_recall(similarity[:, :width], exact.astype(np.float32)) >= 0.93
    else:
        assert np.allclose(similarity[:, :width], exact, atol=2e-3)


@pytest.mark.parametrize("name", SEARCHERS)
def test_a_graph_leaves_the_item_itself_out_and_repeats_itself(
    name: str, unit: Callable[..., np.ndarray]
) -> None:
    data = unit(600)
    searcher = load_searcher(name, IndexSettings(recall_sample=100))
    positions, similarity = searcher.graph(data, 6)
    assert not np.any(positions == np.arange(600)[:, None])
    assert similarity[3, 0] == pytest.approx(1, abs=2e-3)
    assert positions[3, 0] == 7
    again = load_searcher(name, IndexSettings(recall_sample=100)).graph(data, 6)
    assert np.array_equal(positions, again[0])
    assert np.array_equal(similarity, again[1])


def test_many_exact_duplicates_never_put_an_item_in_its_own_list(unit: Callable[..., np.ndarray]) -> None:
    data = np.repeat(unit(1), 40, axis=0)
    positions, _ = load_searcher("exact", IndexSettings()).graph(data, 5)
    assert not np.any(positions == np.arange(40)[:, None])
    assert all(len(set(row)) == 5 for row in positions.tolist())


@settings(max_examples=30)
@given(n=st.integers(40, 4000), k=st.integers(1, 20), seed=st.integers(0, 5))
def test_block_maxima_give_the_same_as_a_full_sort(n: int, k: int, seed: int) -> None:
    import torch

    from index.neighbours.searchers.tiles import top_k

    scores = np.random.default_rng(seed).standard_normal((3, n)).astype(np.float32)
    values, columns = top_k(torch.from_numpy(scores), k)
    want = -np.sort(-scores, axis=1)[:, :k]
    assert np.array_equal(-np.sort(-values.numpy(), axis=1), want)
    assert np.array_equal(np.take_along_axis(scores, columns.numpy(), 1), values.numpy())


def test_drop_self_falls_back_on_the_last_entry() -> None:
    positions = np.array([[5, 0, 9], [7, 8, 6]])
    similarity = np.array([[1.0, 0.9, 0.8], [1.0, 0.9, 0.8]], dtype=np.float32)
    left, _ = drop_self(positions, similarity)
    assert left.tolist() == [[5, 9], [7, 8]]


def test_an_unknown_searcher_names_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="exact"):
        load_searcher("annoy", IndexSettings())
