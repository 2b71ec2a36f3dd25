"""A finished demo store, made once for all workers; each test that writes gets a copy of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

import likeness

PICTURES = 120


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The folder of a finished demo: pictures, store and ``demo.toml``."""
    from schema.settings import load_settings
    from ui.demo.run import run_demo

    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    folder = shared / "demo" / "likeness-demo"
    with FileLock(shared / "demo.lock"):
        if not (folder / "demo.toml").exists():
            folder.parent.mkdir(exist_ok=True)
            run_demo(str(folder), load_settings(), count=PICTURES, review=False)
    return folder


@pytest.fixture
def demo_copy(demo_folder: Path, tmp_path: Path) -> Path:
    """A demo folder that a test may change; its pictures stay where the store says they are."""
    copy = tmp_path / "likeness-demo"
    shutil.copytree(demo_folder, copy)
    return copy


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
