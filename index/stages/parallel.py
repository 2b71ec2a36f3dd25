"""Work on several cores with results in order: numpy lets other threads run while it computes."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def cores(asked: int) -> int:
    """Return how many threads to use; 0 takes the cores that this process may run on."""
    if asked:
        return asked
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_order(
    work: Callable[[T], R], items: Iterable[T], threads: int, first: Callable[[], object] | None = None
) -> Iterator[R]:
    """Yield the results of ``work`` in the order of ``items``, at most ``threads`` + 1 of them under way.

    Matrix products run on one core each meanwhile: two layers of threads would wait for one another. ``first`` runs
    once in every thread.
    """
    if threads <= 1:
        yield from map(work, items)
        return
    # A library that is loaded later escapes the limit: scipy brings a BLAS of its own.
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_limits

    with (
        threadpool_limits(1, user_api="blas"),
        ThreadPoolExecutor(threads, thread_name_prefix="in order", initializer=first) as pool,
    ):
        ahead: deque[Future[R]] = deque()
        try:
            for item in items:
                ahead.append(pool.submit(work, item))
                if len(ahead) > threads:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()
