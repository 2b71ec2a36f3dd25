"""The layers hold, and each heavy dependency lives in one folder."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

# Which folder may import what. The value side is the whole truth: the test walks lazy imports too.
HOMES = {
    "torch": {"embed", "curate", "index"},  # index/: the exact search on a GPU
    "open_clip": {"embed", "index"},
    "torchvision": {"embed", "curate", "index"},
    "timm": {"embed", "index"},  # index/: the one door, as for open_clip
    "faiss": {"index"},
    "lance": {"index"},
    "lancedb": {"index"},
    "ray": {"index"},
    "cv2": {"dedupe", "curate", "index"},
    "hdbscan": {"dedupe"},
    "streamlit": {"ui"},
    "fastapi": {"ui"},
    "huey": {"ui"},
    "prometheus_client": {"ui"},
    "starlette": {"ui"},
    "uvicorn": {"ui"},
    "altair": {"ui"},
    "click": {"ui"},
}

# What a folder may import of ours, itself aside.
BELOW = {
    "schema": set[str](),
    "index": {"schema"},
    "embed": {"schema", "index"},
    "label": {"schema", "index"},
    "dedupe": {"schema", "index"},
    "curate": {"schema", "index"},
    "ui": {"schema", "index", "embed", "label", "dedupe", "curate"},
    "likeness": {
        "schema",
        "index",
        "embed",
        "label",
        "dedupe",
        "curate",
        "ui",
    },  # of ui/ only the flow, see below
}

# The one module that may import open_clip and torchvision: it puts right a torchvision built for another torch.
DOOR = "index.images.torchvision_ops"


def test_import_linter_contracts(root: Path) -> None:
    ran = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-logo", "--no-cache"],
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("dependency", sorted(HOMES))
def test_heavy_dependency_stays_in_its_folder(dependency: str, modules: list[Any]) -> None:
    strays = [m.name for m in modules if dependency in m.top_imports() and m.folder not in HOMES[dependency]]
    assert not strays, f"{dependency} belongs to {sorted(HOMES[dependency])}, but is imported by {strays}"


def test_layers_with_lazy_imports(modules: list[Any]) -> None:
    wrong = [
        f"{m.name} imports {name}"
        for m in modules
        for name in sorted(m.top_imports() & set(BELOW))
        if name != m.folder and name not in BELOW[m.folder]
    ]
    assert not wrong, wrong


def test_the_python_api_takes_the_flow_from_ui_and_nothing_else(modules: list[Any]) -> None:
    # Import paths in strings too, which import-linter does not see. __main__ is where the command starts, not API.
    wrong = [
        f"{m.name}: {path}"
        for m in modules
        if m.folder == "likeness" and m.name != "likeness.__main__"
        for path in m.imports() | {n.value for n in ast.walk(m.tree) if isinstance(n, ast.Constant)}
        if re.match(r"ui(\.\w+)*(:\w+)?$", str(path)) and not re.match(r"ui\.flow(:|$)", str(path))
    ]
    assert not wrong, wrong


def test_open_clip_comes_through_one_door(modules: list[Any]) -> None:
    wrong = [
        m.name for m in modules if m.top_imports() & {"open_clip", "torchvision", "timm"} and m.name != DOOR
    ]
    assert not wrong, f"import open_clip through {DOOR}.import_open_clip: {wrong}"


def test_nothing_of_ours_imports_the_tests(modules: list[Any]) -> None:
    assert not [m.name for m in modules if m.top_imports() & {"tests", "benchmarks", "pytest", "hypothesis"}]
