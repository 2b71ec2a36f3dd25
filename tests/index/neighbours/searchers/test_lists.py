"""The lists of the k best: keys that sort pairs, and tiles and entries against a full sort."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from index.neighbours.searchers.lists import EMPTY, Lists, columns_of, keys_of, values_of


@settings(max_examples=50)
@given(
    values=st.lists(st.floats(-1.5, 1.5, width=32), min_size=1, max_size=40),
    seed=st.integers(0, 3),
)
def test_keys_sort_by_falling_value_then_by_column(values: list[float], seed: int) -> None:
    found = np.array(values, np.float32) + np.float32(0)
    columns = np.random.default_rng(seed).permutation(len(found)).astype(np.int32)
    keys = np.sort(keys_of(found, columns))
    want = sorted(zip((-found).tolist(), columns.tolist(), strict=True))
    assert columns_of(keys).tolist() == [column for _, column in want]
    assert (-values_of(keys)).tolist() == [value for value, _ in want]
    assert np.all(keys < EMPTY)
    assert columns_of(np.array([EMPTY])).tolist() == [-1]


@pytest.mark.parametrize("turned", [False, True])
def test_tiles_leave_the_k_best_of_every_row(turned: bool) -> None:
    rng = np.random.default_rng(5)
    rows, columns, k = 40, 960, 7
    scores = rng.standard_normal((rows, columns)).astype(np.float32) / 4
    lists = Lists(rows, k)
    for start in range(0, columns, 96):
        tile = torch.from_numpy(np.ascontiguousarray(scores[:, start : start + 96]))
        names = np.arange(start, start + 96, dtype=np.int32)
        if turned:
            lists.offer(tile.T.contiguous(), np.arange(rows), names, turned=True)
        else:
            lists.offer(tile, np.arange(rows), names)
    keys = lists.best(np.arange(rows))
    want = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    assert np.array_equal(columns_of(keys), want)
    assert np.array_equal(values_of(keys), np.take_along_axis(scores, want, 1))


def test_entries_beyond_the_room_of_a_list_are_not_lost() -> None:
    rng = np.random.default_rng(6)
    lists = Lists(3, 5)
    values = rng.random(200).astype(np.float32)
    rows = np.sort(rng.integers(0, 3, 200))
    columns = np.arange(200, dtype=np.int32)
    for start in range(0, 200, 50):
        part = slice(start, start + 50)
        lists.take(rows[part], values[part], columns[part])
    for row in range(3):
        mine = np.flatnonzero(rows == row)
        want = mine[np.argsort(-values[mine], kind="stable")][:5]
        assert columns_of(lists.best(np.array([row])))[0].tolist() == want.tolist()


def test_what_does_not_pass_a_full_list_is_left_out() -> None:
    lists = Lists(1, 2)
    lists.offer(torch.full((1, 32), 0.5), np.array([0]), np.arange(32, dtype=np.int32))
    assert lists.worst[0] == 0.5
    lists.take(np.array([0, 0]), np.array([0.4, 0.6], np.float32), np.array([90, 91], np.int32))
    assert columns_of(lists.best(np.array([0])))[0, 0] == 91
    assert 90 not in columns_of(lists.best(np.array([0])))
