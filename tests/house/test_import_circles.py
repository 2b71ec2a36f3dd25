"""No circle of imports: every module can be the first of ours that is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import networkx as nx
import pytest


def at_import(body: list[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield the imports that run when a module is loaded: none in functions, none for type checkers alone."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from at_import(node.orelse)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for name in ("body", "orelse", "finalbody"):
                yield from at_import(getattr(node, name, []))


def loaded_by(node: ast.Import | ast.ImportFrom, known: set[str]) -> Iterator[str]:
    """Yield the modules of ours that an import loads, the packages round them among them."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    else:
        names = [f"{node.module}.{alias.name}" for alias in node.names]
    for name in names:
        parts = name.split(".")
        for end in range(1, len(parts) + 1):
            if ".".join(parts[:end]) in known:
                yield ".".join(parts[:end])


@pytest.fixture(scope="module")
def graph(modules: list[Any]) -> nx.DiGraph:
    found = nx.DiGraph()
    known = {module.name for module in modules}
    for module in modules:
        found.add_node(module.name)
        own = {".".join(module.name.split(".")[:end]) for end in range(1, module.name.count(".") + 2)}
        for node in at_import(module.tree.body):
            # A module is loaded after its own packages, so what these import is no circle.
            found.add_edges_from((module.name, name) for name in loaded_by(node, known) if name not in own)
    return found


def test_no_module_imports_itself_by_way_of_others(graph: nx.DiGraph) -> None:
    circles = [sorted(found) for found in nx.strongly_connected_components(graph) if len(found) > 1]
    assert not circles
