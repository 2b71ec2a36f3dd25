"""Builds a wheel that installs one top-level name: the folders move below ``likeness/``, their imports with them.

In the checkout the folders lie at the root and are imported by their plain names, so that every tool works natively.
Installed that way, ``schema``, ``index`` or ``label`` would hide, or be hidden by, packages and files of the same name.
A standard wheel is therefore built from a rewritten copy; an editable install is the checkout itself.
"""

from __future__ import annotations

import ast
import re
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TOP = "likeness"

# Calls whose first argument is an import path when it is a string.
PATH_CALLS = {"__import__", "files", "find_spec", "getLogger", "import_module", "run_module", "setattr"}
PLUGIN = re.compile(r"\w+(\.\w+)+:\w+")  # "module:Class" of a plug-in table
QUOTE = rb"[rRuU]?[\"']+"


class WheelHook(BuildHookInterface[BuilderConfig]):
    """Puts a rewritten copy of the folders into the wheel in place of the ones that lie at the root."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add every file of the folders that git does not ignore, Python files rewritten."""
        if version != "standard":
            return
        folders: list[str] = self.config["folders"]
        self._copy = tempfile.TemporaryDirectory(prefix="likeness-wheel-")
        given = {str(Path(self.root, name)): name for name in [TOP, *folders]}
        for file in self.build_config.builder.recurse_explicit_files(given):
            source, target = Path(file.path), Path(file.relative_path)
            target = target if target.parts[0] == TOP else TOP / target
            if source.suffix == ".py":
                text = rewrite(source.read_text(encoding="utf-8"), folders)
                source = Path(self._copy.name, target)
                source.parent.mkdir(parents=True, exist_ok=True)
                source.write_text(text, encoding="utf-8")
            build_data["force_include"][str(source)] = str(target)

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the rewritten copy."""
        if version == "standard":
            self._copy.cleanup()


def rewrite(source: str, folders: Collection[str]) -> str:
    """Return Python source whose import statements and import paths in strings find ``folders`` below likeness.

    Lines and comments stay where they are, so that a traceback from the wheel fits the checkout. The strings are those
    of plug-in tables ("module:Class"), first arguments of ``PATH_CALLS``, and what follows "-m" on a command line.
    Raises ValueError for an import path that is written in a way that is not understood.
    """
    lines = source.encode().splitlines(keepends=True)
    # From the end, so that the places of what is left stay right; a set, for one string may be found in two ways.
    for line, column, old, new in sorted(set(_edits(ast.parse(source), folders)), reverse=True):
        head, tail = lines[line - 1][:column], lines[line - 1][column:]
        if not re.match(old, tail):
            raise ValueError(f"line {line}: cannot rewrite {tail.decode().strip()}")
        lines[line - 1] = head + re.sub(old, new, tail, count=1)
    return b"".join(lines).decode()


def _edits(tree: ast.Module, folders: Collection[str]) -> Iterator[tuple[int, int, bytes, bytes]]:
    """Yield places (line, column in bytes), the pattern of what stands there, and what replaces it."""

    def ours(path: object) -> bool:
        return isinstance(path, str) and re.split(r"[.:]", path)[0] in folders

    for node in ast.walk(tree):
        strings: list[ast.expr] = []
        if isinstance(node, ast.ImportFrom) and not node.level and ours(node.module):
            yield node.lineno, node.col_offset, rb"from\s+(?=\w)", rf"\g<0>{TOP}.".encode()
        elif isinstance(node, ast.Import):
            for alias in filter(lambda alias: ours(alias.name), node.names):
                top, dot, _ = alias.name.partition(".")
                # `import index.store` binds `index`, and has to do so below likeness too.
                bound = "" if alias.asname else f", {TOP}.{top} as {top}" if dot else f" as {top}"
                yield alias.lineno, alias.col_offset, rb"[\w.]+", rf"{TOP}.\g<0>{bound}".encode()
        elif isinstance(node, ast.Call) and node.args:
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            strings = node.args[:1] if called in PATH_CALLS else []
        elif isinstance(node, ast.List | ast.Tuple):
            flags = [isinstance(word, ast.Constant) and word.value == "-m" for word in node.elts]
            strings = [word for word, flag in zip(node.elts[1:], flags, strict=False) if flag]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and PLUGIN.fullmatch(node.value):
            strings = [node]
        for string in strings:
            if isinstance(string, ast.Constant) and ours(string.value):
                yield string.lineno, string.col_offset, QUOTE, rf"\g<0>{TOP}.".encode()
