"""The Python API lists its names and loads each when it is asked for."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import likeness

# What takes seconds or a GPU to load.
HEAVY = (
    "torch",
    "lancedb",
    "faiss",
    "open_clip",
    "hdbscan",
    "sklearn",
    "scipy",
    "pandas",
    "numpy",
    "streamlit",
)


def test_importing_loads_nothing_heavy() -> None:
    program = (
        f"import sys, likeness; dir(likeness); print(*[name for name in {HEAVY!r} if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not ran.stdout.split()


@pytest.mark.parametrize("name", likeness.__all__)
def test_every_name_is_found(name: str) -> None:
    assert getattr(likeness, name) is not None
    assert name in dir(likeness)


def test_editors_see_the_names_that_are_loaded_lazily() -> None:
    # The imports under TYPE_CHECKING say the same as the table.
    tree = ast.parse(Path(likeness.__file__).read_text(encoding="utf-8"))
    (guarded,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.asname or alias.name: f"{node.module}:{alias.name}"
        for node in guarded.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == likeness._NAMES
    assert sorted(seen) == sorted(likeness.__all__) == likeness.__all__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        getattr(likeness, "nothing")  # noqa: B009 - as a user writes it, likeness.nothing


def test_no_module_has_the_name_of_something_else(checkout: Path) -> None:
    # Loading likeness/open.py would put the module in the place of the function of that name.
    modules = {path.stem for path in (checkout / "likeness").glob("*.py")}
    assert not modules & set(likeness.__all__)
