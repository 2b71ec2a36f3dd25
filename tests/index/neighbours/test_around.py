"""The items around some items: both directions of the graph, nearest first, and what the cap leaves out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from index.neighbours.around import around, spread
from index.store import Store
from index.store.runs import Runs
from schema import tables

N, K = 60, 4


@pytest.fixture
def graph(tmp_path: Path) -> Iterator[Store]:
    """A ring: every item lists the two on either side."""
    with Store.open(tmp_path / "ring", create=True, write=True) as store:
        fill(store)
        yield store


def fill(store: Store) -> None:
    ids = [[(n + step) % N for step in (-2, -1, 1, 2)] for n in range(N)]
    schema = tables.neighbours(K)
    records = [{"row": n, "ids": ids[n], "similarity": [0.9] * K} for n in range(N)]
    store.append("neighbours_ring", pa.Table.from_pylist(records, schema), schema)
    with Runs(store).start("embed", {}) as run:
        run.facts["key"] = "ring"


def test_two_steps_along_the_lists_are_around(graph: Store) -> None:
    found = around(graph, [10])
    assert found.rows.tolist() == [6, 7, 8, 9, 11, 12, 13, 14]
    assert found.left_out == 0


def test_neighbours_come_before_their_neighbours_and_the_rest_is_counted(graph: Store) -> None:
    found = around(graph, [10], most=5)
    assert {8, 9, 11, 12} < set(found.rows.tolist())
    assert (len(found.rows), found.left_out) == (5, 3)
    found = around(graph, [10, 30], most=6)
    assert (len(found.rows), found.left_out) == (6, 2)
    assert set(found.rows.tolist()) < {8, 9, 11, 12, 28, 29, 31, 32}


def test_without_a_graph_or_rows_nothing_is_around(graph: Store, tmp_path: Path) -> None:
    assert len(around(graph, []).rows) == 0
    with Store.open(tmp_path / "empty", create=True, write=True) as empty:
        assert len(around(empty, [0]).rows) == 0


def test_a_spread_is_even_and_no_longer_than_asked() -> None:
    assert spread(3, 5).tolist() == [0, 1, 2]
    assert spread(100, 4).tolist() == [0, 25, 50, 75]
    assert np.unique(spread(1000, 7)).size == 7
    assert len(spread(5, 0)) == 0
