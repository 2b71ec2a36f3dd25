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
        if m.folder != "likeness"  # its table lists the Python API, which reaches into every folder
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
    for module, table in sorted({(e.module, e.table) for e in entries}):
        mine = [e for e in entries if (e.module, e.table) == (module, table)]
        parts = [
            getattr(importlib.import_module(m), name)
            for m, _, name in (e.target.partition(":") for e in mine)
        ]
        if not all(isinstance(part, type) for part in parts):
            continue
        seams = [thing for thing in vars(importlib.import_module(module)).values() if isinstance(thing, type)]
        seams = [thing for thing in seams if getattr(thing, "__abstractmethods__", ()) or _members(thing)]
        assert seams, f"{module} names no protocol or base class for its table {table}"
        for entry, part in zip(mine, parts, strict=True):
            kept = [seam for seam in seams if _keeps(part, seam)]
            assert kept, f"{entry} keeps none of {[seam.__name__ for seam in seams]}"


def _members(seam: type) -> frozenset[str]:
    if not getattr(seam, "_is_protocol", False):
        return frozenset()
    named = {*vars(seam), *getattr(seam, "__annotations__", {})}
    return frozenset(name for name in named if not name.startswith("_"))


def _keeps(part: type, seam: type) -> bool:
    members = _members(seam)
    # What a class only annotates it sets on its instances.
    has = set(dir(part)) | {name for base in part.__mro__ for name in getattr(base, "__annotations__", {})}
    return members <= has if members else issubclass(part, seam)
