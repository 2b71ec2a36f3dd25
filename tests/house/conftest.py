"""What the house tests read: our modules as syntax trees, and the names each of them imports."""

from __future__ import annotations

import ast
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGES = ("likeness", "schema", "index", "embed", "label", "dedupe", "curate", "ui")


@dataclass(frozen=True, slots=True)
class Module:
    """One source file of ours."""

    name: str
    folder: str
    path: Path
    tree: ast.Module

    def imports(self) -> set[str]:
        """Every module named in an import, lazy ones and importlib.import_module("...") among them."""
        found: set[str] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module)
            elif (
                isinstance(node, ast.Call)
                and node.args
                and _name(node.func) in {"import_module", "__import__"}
            ):
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    found.add(first.value)
        return found

    def top_imports(self) -> set[str]:
        """First parts of the imports: `torch` of `torch.nn`."""
        return {name.split(".")[0] for name in self.imports()}


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


@pytest.fixture(scope="session")
def packages() -> tuple[str, ...]:
    return PACKAGES


@pytest.fixture(scope="session")
def modules(root: Path) -> list[Module]:
    """All of our modules, tests and benchmarks not among them."""
    found = []
    for folder in PACKAGES:
        for path in sorted((root / folder).rglob("*.py")):
            parts = list(path.relative_to(root).with_suffix("").parts)
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found.append(Module(name, folder, path, ast.parse(path.read_text(encoding="utf-8"), str(path))))
    return found


@pytest.fixture(scope="session")
def tracked(root: Path) -> list[Path]:
    """The files that are in the repository; all but the ignored ones where there is no git."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=root, capture_output=True, check=True, text=True,
        ).stdout  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout: which files are the project's is not known")
    return [path for name in listed.split("\0") if name and (path := root / name).is_file()]
