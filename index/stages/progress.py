"""The progress of every long stage: a bar on a terminal, and whoever watches is told and may ask it to stop."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol, TypeAlias

Watch: TypeAlias = Callable[[str, int, "int | None"], None]
"""Told the name of a stage, how much is done, and how much there is (None: not known). Raises Cancelled to stop it."""

_watch: ContextVar[Watch | None] = ContextVar("watch", default=None)


class Bar(Protocol):
    """What a stage tells its progress to."""

    def add(self, count: int = 1) -> None:
        """Count work done. Raises Cancelled when the stage is to stop."""


class _Progress:
    """Passes counts on to the bar of a terminal and to who watches."""

    def __init__(self, total: int | None, label: str, terminal: Any, watch: Watch | None) -> None:
        self._total = total
        self._label = label
        self._terminal = terminal
        self._watch = watch
        self._done = 0

    def add(self, count: int = 1) -> None:
        self._done += count
        if self._terminal is not None:
            self._terminal.update(count)
        if self._watch is not None:
            self._watch(self._label, self._done, self._total)


@contextmanager
def progress(total: int | None, label: str, unit: str = "item") -> Iterator[Bar]:
    """Yield a bar that counts ``total`` units; it draws only when stderr is a terminal."""
    terminal = None
    if sys.stderr.isatty():
        from tqdm import tqdm

        terminal = tqdm(
            total=total, desc=label, unit=f" {unit}", file=sys.stderr, unit_scale=True, leave=False
        )
    try:
        yield _Progress(total, label, terminal, _watch.get())
    finally:
        if terminal is not None:
            terminal.close()


@contextmanager
def watched(watch: Watch) -> Iterator[None]:
    """Have ``watch`` told of all progress within the block, in this thread. It stops a stage by raising Cancelled."""
    token = _watch.set(watch)
    try:
        yield
    finally:
        _watch.reset(token)
