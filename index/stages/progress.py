"""One progress bar for every long stage: rate and time left on a terminal, silence elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Bar(Protocol):
    """What a stage tells its progress to."""

    def add(self, count: int = 1) -> None:
        """Count work done."""


class _Silent:
    def add(self, count: int = 1) -> None:
        return None


class _Terminal:
    def __init__(self, total: int | None, label: str, unit: str) -> None:
        from tqdm import tqdm

        self._bar = tqdm(
            total=total, desc=label, unit=f" {unit}", file=sys.stderr, unit_scale=True, leave=False
        )

    def add(self, count: int = 1) -> None:
        self._bar.update(count)

    def close(self) -> None:
        self._bar.close()


@contextmanager
def progress(total: int | None, label: str, unit: str = "item") -> Iterator[Bar]:
    """Yield a bar that counts ``total`` units; it draws only when stderr is a terminal."""
    if not sys.stderr.isatty():
        yield _Silent()
        return
    bar = _Terminal(total, label, unit)
    try:
        yield bar
    finally:
        bar.close()
