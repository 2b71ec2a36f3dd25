"""How large things may get before a reader loses the thread: files, folders, parameters. Exceptions say why."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path
from typing import Any

LINES, FILES, PARAMETERS = 400, 16, 7

LONG_FILES: dict[str, str] = {
    "ui/views/static/gallery.js": "one component; a browser loads no second file of it without a server of ours",
}
WIDE_FOLDERS: dict[str, str] = {}
MANY_PARAMETERS: dict[str, str] = {}


def test_files_are_short(modules: list[Any], root: Path) -> None:
    paths = [module.path for module in modules] + list((root / "ui" / "views" / "static").iterdir())
    long = {
        path.relative_to(root).as_posix(): lines
        for path in paths
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > LINES
    }
    assert not long.keys() - LONG_FILES.keys(), long
    assert not LONG_FILES.keys() - long.keys(), "an exception that is none any more"


def test_folders_are_narrow(modules: list[Any], root: Path) -> None:
    counts = Counter(module.path.parent.relative_to(root).as_posix() for module in modules)
    wide = {folder: count for folder, count in counts.items() if count > FILES}
    assert not wide.keys() - WIDE_FOLDERS.keys(), wide
    assert not WIDE_FOLDERS.keys() - wide.keys(), "an exception that is none any more"


def test_functions_take_few_parameters(modules: list[Any]) -> None:
    many = {}
    for module in modules:
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            # A command of the command line takes what its options are.
            if any("click" in ast.dump(each) or "options" in ast.dump(each) for each in node.decorator_list):
                continue
            names = [each.arg for each in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
            count = len(names) - (names[:1] in (["self"], ["cls"]))
            if count > PARAMETERS:
                many[f"{module.name}.{node.name}"] = count
    assert not many.keys() - MANY_PARAMETERS.keys(), many
    assert not MANY_PARAMETERS.keys() - many.keys(), "an exception that is none any more"
