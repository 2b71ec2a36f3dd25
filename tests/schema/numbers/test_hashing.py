"""The hash of whole numbers: the same everywhere, well mixed."""

from __future__ import annotations

import numpy as np

from schema.numbers.hashing import mix64


def scalar(number: int) -> int:
    """The same in Python's whole numbers."""
    mask = (1 << 64) - 1
    word = (number & mask) * 0x9E3779B97F4A7C15 & mask
    word ^= word >> 29
    word = word * 0xBF58476D1CE4E5B9 & mask
    return word ^ (word >> 32)


def test_it_is_what_the_formula_gives() -> None:
    numbers = [0, 1, 2, 12345, 2**40, -1, -7]
    assert mix64(np.array(numbers)).tolist() == [scalar(number) for number in numbers]


def test_neighbours_are_far_apart() -> None:
    words = mix64(np.arange(1, 10_001))
    assert len(np.unique(words)) == 10_000
    assert np.bincount((words % np.uint64(7)).astype(int)).min() > 1300
