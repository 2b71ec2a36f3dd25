"""What lies in the repository: no addresses of one machine, nothing large, every module with its docstring."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

# The bundled checkpoint and drawings of README aside, nothing here needs more.
LARGEST = 400_000
CHECKPOINTS = {".onnx", ".safetensors", ".pt", ".bin", ".npz"}
LARGEST_CHECKPOINT = 12_000_000
LONGEST = 500


def test_no_address_in_the_set_up(root: Path) -> None:
    files = [root / "constraints.txt", root / "Makefile", root / "pyproject.toml"]
    files += [path for path in (root / ".ci").rglob("*") if path.is_file()]
    for path in files:
        text = path.read_text(encoding="utf-8")
        found = re.findall(r"(?:https?|file|git\+\w+)://\S+|--(?:extra-)?index-url|--find-links", text)
        assert not found, f"{path.name}: {found}"


def test_constraints_are_exact_and_local_to_no_machine(root: Path) -> None:
    for line in (root / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line), line


def test_every_requirement_is_pinned(root: Path) -> None:
    import tomllib

    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = project["dependencies"] + [
        line for extra in project["optional-dependencies"].values() for line in extra
    ]
    pins = {
        re.sub(r"[-_.]+", "-", line.split("==")[0]).lower()
        for line in (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line
    }
    names = {re.sub(r"[-_.]+", "-", re.split(r"[\[<>=;! ]", line)[0]).lower() for line in asked}
    assert not names - pins


def test_nothing_large_is_kept(tracked: list[Path]) -> None:
    for path in tracked:
        limit = LARGEST_CHECKPOINT if path.suffix in CHECKPOINTS else LARGEST
        assert path.stat().st_size <= limit, f"{path} has {path.stat().st_size} bytes"


def test_modules_are_short_and_say_what_they_hold(modules: list[Any]) -> None:
    for module in modules:
        if module.path.stat().st_size:
            assert ast.get_docstring(module.tree), f"{module.name} has no docstring"
        lines = module.path.read_text(encoding="utf-8").count("\n")
        assert lines <= LONGEST, f"{module.name} has {lines} lines: split it"


def test_nothing_happens_at_import(modules: list[Any]) -> None:
    # Definitions, constants and guarded blocks; a bare call at module level configures something for everybody.
    # A page is a script that Streamlit runs from top to bottom: ui/views/app.py, ui/views/*_view.py.
    for module in modules:
        if module.folder == "ui" and re.match(r"ui\.views\.(app|(\w+\.)?\w+_view)$", module.name):
            continue
        calls = [
            n.lineno for n in module.tree.body if isinstance(n, ast.Expr) and isinstance(n.value, ast.Call)
        ]
        assert not calls, f"{module.name}, line {calls}: a call at import"


def test_docs_name_no_neighbouring_folder(tracked: list[Path], root: Path) -> None:
    for path in tracked:
        if path.suffix in {".md", ".toml"} or path.name == "Makefile":
            assert "../shared" not in path.read_text(encoding="utf-8"), path
