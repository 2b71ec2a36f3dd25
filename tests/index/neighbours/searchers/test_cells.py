"""Partitions, what vectors ask for, and projections that keep the neighbours."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from index.neighbours.searchers.cells import Inverse, Partition, _shares
from index.neighbours.searchers.exact import ExactSearcher
from index.neighbours.searchers.partition import PartitionSearcher
from index.neighbours.searchers.projection import KEPT, Projection
from schema.settings import IndexSettings


def flat(n: int, inner: int, dim: int, seed: int = 0) -> np.ndarray:
    """Unit vectors of ``dim`` dimensions that lie in ``inner`` of them, but for a trace of noise."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.standard_normal((dim, inner)))[0].T
    data = rng.standard_normal((n, inner)) @ basis + 0.002 * rng.standard_normal((n, dim))
    return (data / np.linalg.norm(data, axis=1, keepdims=True)).astype(np.float16)


def test_vectors_ask_for_their_nearest_cell_and_all_up_to_the_rank() -> None:
    data = flat(3000, 12, 64)
    partition = Partition(data, 64, seed=0)
    asks = partition.asks(data, 2, threads=2)
    scores = partition.scores(data)
    assert np.array_equal(asks.own, np.sort(scores.argmax(dim=1).numpy()))
    assert sorted(asks.order.tolist()) == list(range(3000))
    for at in range(0, 3000, 97):
        row = asks.order[at]
        mine = asks.cells[asks.bounds[at] : asks.bounds[at + 1]]
        assert asks.own[at] == scores[row].argmax() and asks.own[at] in mine
        # A cell is asked for exactly where the rank that is given for it allows it.
        every = torch.arange(len(partition))
        ranks = partition.ranks(scores[row].expand(len(partition), -1), every)
        assert set(mine.tolist()) == set(np.flatnonzero(ranks <= 2).tolist())


def test_the_inverse_names_every_one_that_asks_once() -> None:
    data = flat(2000, 8, 32)
    partition = Partition(data, 32, seed=1)
    asks = partition.asks(data, 1, threads=1)
    inverse = Inverse(asks, len(partition), 500, 1700, threads=2)
    table = asks.table(500, 1700, len(partition))
    for cell in range(len(partition)):
        assert inverse.of(cell).tolist() == (500 + np.flatnonzero(table[:, cell])).tolist()


def test_shares_of_cells_add_up_and_never_pass_the_points() -> None:
    shares = _shares(np.array([1, 0, 5, 994]), 500)
    assert shares.sum() == 500
    assert np.all(shares <= [1, 0, 5, 994])


def test_few_directions_stand_for_vectors_that_lie_in_few() -> None:
    data, options = flat(2000, 40, 256), IndexSettings()
    truth, _ = ExactSearcher(options, "cpu").join(data[:100], data, 9)
    found = Projection(data[:100], truth, data, options)
    assert found.width == 64 and found.data.shape == (2000, 64)
    assert found.kept >= KEPT and found.short_list(8) == 10
    assert np.allclose(found(data[:5]), found.data[:5], atol=1e-3)


def test_vectors_that_fill_their_space_stay_as_they_are() -> None:
    data, options = flat(2000, 256, 256), IndexSettings()
    truth, _ = ExactSearcher(options, "cpu").join(data[:100], data, 9)
    found = Projection(data[:100], truth, data, options)
    assert found.width == 256 and found.data is data and found.short_list(8) == 8


def test_a_graph_leaves_threads_begun_later_all_their_cores() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        PartitionSearcher(IndexSettings(threads=3, recall_sample=100)).graph(flat(600, 8, 32), 5)
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(torch.get_num_threads).result() == 3
    finally:
        torch.set_num_threads(before)
