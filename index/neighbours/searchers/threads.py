"""Work on all cores in which every product takes one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import torch

from index.stages.parallel import in_order

T = TypeVar("T")
R = TypeVar("R")


def one_core_each(work: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[R]:
    """Yield the results of ``work`` in the order of ``items``, torch using one core in each of the threads.

    torch gives the last number that any thread asked for to every thread begun later: the caller's is set again.
    """
    before = torch.get_num_threads()
    try:
        yield from in_order(work, items, threads, lambda: torch.set_num_threads(1))
    finally:
        torch.set_num_threads(before)
