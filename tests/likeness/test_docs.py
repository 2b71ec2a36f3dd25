"""The blocks of docs/api.md run, from top to bottom, beside a finished demo; every public name stands in it."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

import likeness

# The first test of a worker makes the demo, which takes half a minute on two idle cores.
pytestmark = pytest.mark.timeout(600)

BASES = {"Encoder", "Exporter", "Searcher", "__version__"}


PYTHON = re.compile(r"^```python\n(.*?)^```", flags=re.S | re.M)


@pytest.fixture(scope="module")
def page(checkout: Path) -> str:
    return (checkout / "docs" / "api.md").read_text(encoding="utf-8")


def test_the_page_runs(
    page: str, demo_copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pandas")
    monkeypatch.chdir(demo_copy.parent)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    blocks = PYTHON.findall(page)
    assert len(blocks) >= 8
    names: dict[str, object] = {}
    for block in blocks:
        if "import matplotlib" in block and find_spec("matplotlib") is None:
            continue
        start = page[: page.index(block)].count("\n")
        exec(compile("\n" * start + block, "docs/api.md", "exec"), names)
    names["collection"].close()  # type: ignore[attr-defined]
    shown = capsys.readouterr().out
    assert "groups" in shown
    assert "is not a finite number" in shown


def test_the_example_of_the_readme_runs(
    checkout: Path, demo_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(demo_folder.parent)
    (block,) = PYTHON.findall((checkout / "README.md").read_text(encoding="utf-8"))
    exec(compile(block, "README.md", "exec"), {})
    shown = capsys.readouterr().out
    assert "copies set aside" in shown
    assert len(shown.splitlines()) >= 6


def test_every_public_name_is_described(page: str) -> None:
    for name in set(likeness.__all__) - BASES:
        assert f"likeness.{name}" in page or f"`{name}`" in page, name


def test_every_method_of_a_collection_is_described(page: str) -> None:
    methods = {name for name in vars(likeness.Collection) if not name.startswith("_")} - {"close"}
    for name in methods:
        assert re.search(rf"`{name}\(|\b{name}\(", page), name
