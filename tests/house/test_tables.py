"""Plug-in tables, found by their form: an upper-case name bound to a dict of NAME -> "module:Class"."""

from __future__ import annotations

import ast
import importlib
import re
from dataclasses import dataclass
from typing import Any

import pytest

TARGET = re.compile(r"[a-z_][\w.]*:[A-Za-z_]\w*")
# Tables that DESIGN names as seams; a table that is written elsewhere or otherwise would go untested without this.
SEAMS = {"ENCODERS", "SOURCES", "SEARCHERS", "EXPORTERS"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of one table."""

    module: str
    table: str
    name: str
    target: str


def _tables(tree: ast.Module) -> list[tuple[str, dict[str, str]]]:
    found = []
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if not isinstance(target, ast.Name) or not target.id.isupper():
            continue
        if isinstance(value, ast.Call) and value.args:  # MappingProxyType({...})
            value = value.args[0]
        if not isinstance(value, ast.Dict) or not value.keys:
            continue
        try:
            table = ast.literal_eval(value)
        except (ValueError, TypeError):
            continue
        if all(isinstance(k, str) and isinstance(v, str) and TARGET.fullmatch(v) for k, v in table.items()):
            found.append((target.id, table))
    return found


@pytest.fixture(scope="module")
def entries(modules: list[Any]) -> list[Entry]:
    return [
        Entry(m.name, table, name, target)
        for m in modules
        for table, lines in _tables(m.tree)
        for name, target in lines.items()
    ]


def test_every_seam_has_its_table(entries: list[Entry]) -> None:
    assert not SEAMS - {entry.table for entry in entries}


def test_every_line_resolves(entries: list[Entry], packages: tuple[str, ...]) -> None:
    for entry in entries:
        module, _, attribute = entry.target.partition(":")
        assert module.split(".")[0] in packages, f"{entry} leaves the project"
        assert module.split(".")[0] == entry.module.split(".")[0], f"{entry} reaches into another layer"
        part = getattr(importlib.import_module(module), attribute, None)
        assert callable(part), f"{entry} does not resolve to something to call"


def test_names_are_ones_that_settings_can_hold(entries: list[Entry]) -> None:
    for entry in entries:
        assert re.fullmatch(r"[a-z][a-z0-9_-]*", entry.name), entry


def test_nothing_abstract_is_listed(entries: list[Entry]) -> None:
    for entry in entries:
        module, _, attribute = entry.target.partition(":")
        part = getattr(importlib.import_module(module), attribute)
        missing = getattr(part, "__abstractmethods__", frozenset())
        assert not missing, f"{entry} lacks {sorted(missing)}"


def test_classes_of_one_table_keep_one_protocol(entries: list[Entry]) -> None:
    # Without an instance: what the nearest common base or protocol of the package names as public must be there.
    for table in {(e.module, e.table) for e in entries}:
        parts = [
            getattr(importlib.import_module(e.target.split(":")[0]), e.target.split(":")[1])
            for e in entries
            if (e.module, e.table) == table
        ]
        if not all(isinstance(part, type) for part in parts):
            continue
        owned = [
            {base for base in part.__mro__ if base.__module__.split(".")[0] == table[0].split(".")[0]}
            for part in parts
        ]
        shared = set.intersection(*owned)
        assert shared or len(parts) == 1, f"the entries of {table[0]}.{table[1]} have no base class in common"
