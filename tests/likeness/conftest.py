"""The finished demo as a collection: one to read from, and one for each test that writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import likeness


@pytest.fixture
def collection(demo_folder: Path) -> Iterator[likeness.Collection]:
    """The demo, to read from."""
    with likeness.open(demo_folder, config=demo_folder / "demo.toml") as opened:
        yield opened


@pytest.fixture
def writable(demo_copy: Path) -> Iterator[likeness.Collection]:
    """A demo that may be changed."""
    with likeness.open(demo_copy, config=demo_copy / "demo.toml") as opened:
        yield opened
