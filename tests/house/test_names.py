"""Our package names are common words: they must resolve to us, and nothing of ours may hide somebody else."""

from __future__ import annotations

import importlib
import sys
from importlib import metadata
from pathlib import Path

import pytest


@pytest.mark.parametrize("package", ["schema", "index", "embed", "label", "dedupe", "curate", "ui"])
def test_package_resolves_to_us(package: str, root: Path) -> None:
    module = importlib.import_module(package)
    assert module.__file__ is not None, f"{package}/ has no __init__.py"
    assert Path(module.__file__).resolve().parent == root / package


def test_every_package_says_that_it_is_typed(root: Path, packages: tuple[str, ...]) -> None:
    assert not [name for name in packages if not (root / name / "py.typed").is_file()]


def test_no_foreign_distribution_installs_our_names(packages: tuple[str, ...]) -> None:
    owners = metadata.packages_distributions()
    foreign = {name: set(owners.get(name, [])) for name in (*packages, "configs")}
    assert not any(foreign.values()), f"these distributions hide ours: {foreign}"


def test_pages_hide_no_package_and_no_standard_module(root: Path, packages: tuple[str, ...]) -> None:
    # `streamlit run ui/views/app.py` puts ui/views/ first on sys.path: ui/views/queue.py would be everybody's `queue`.
    taken = set(sys.stdlib_module_names) | set(metadata.packages_distributions()) | set(packages)
    names = {
        path.stem
        for path in (root / "ui" / "views").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert not (names - {"__init__"}) & taken


def test_tests_have_no_packages(root: Path) -> None:
    # An __init__.py below tests/ would make tests/index the package `index`.
    assert not sorted((root / "tests").rglob("__init__.py"))
