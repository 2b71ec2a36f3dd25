"""The catalogue: every table that code writes is in it, no name fits two entries, hints name commands."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from schema import catalogue, tables

FOLDERS = ("index", "embed", "label", "dedupe", "curate", "ui")
OWNERS = {"store", "_store", "database", "_database"}
EXAMPLES = {
    "vectors_likeness_avatar_1a2b3c4d": "vectors_KEY",
    "neighbours_test": "neighbours_KEY",
    "measures_frame": "measures_NAME",
    "labels": "labels",
    "label_noise": "label_noise",
    "items": "items",
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_table_is_found_by_its_name(name: str) -> None:
    fitting = [entry.name for entry in catalogue.CATALOGUE if entry.pattern.fullmatch(name)]
    assert fitting == [EXAMPLES[name]]
    found = catalogue.describe(name)
    assert found is not None
    assert found.name == EXAMPLES[name]


def test_unknown_tables_are_not_described() -> None:
    assert catalogue.describe("vectors_") is None
    assert catalogue.describe("strangers") is None


def _written(tree: ast.Module) -> set[str]:
    """Names of tables that stand in the call: store.append("items", ...), store.replace(f"prompts_{key}", ...)."""
    names = set()
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in {"append", "replace"}
            and len(node.args) == 3
            and getattr(node.func.value, "attr", getattr(node.func.value, "id", "")) in OWNERS
        ):
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                names.add(first.value)
            elif isinstance(first, ast.JoinedStr):
                names.add(
                    "".join(part.value if isinstance(part, ast.Constant) else "x" for part in first.values)
                )
    return names


def test_every_table_that_is_written_is_in_the_catalogue(root: Path) -> None:
    written = set()
    for folder in FOLDERS:
        for path in (root / folder).rglob("*.py"):
            written |= _written(ast.parse(path.read_text(encoding="utf-8")))
    assert {"sources", "failures", "runs", "prompts_x"} <= written
    assert not [name for name in written if catalogue.describe(name) is None]


def test_a_missing_table_is_made_by_a_command() -> None:
    from ui.main import cli

    for entry in catalogue.CATALOGUE:
        hint = catalogue.made_by(entry.name.replace("KEY", "k").replace("NAME", "n"))
        if hint:
            assert hint == f"Run: likeness {entry.maker} --store ..."
            assert entry.maker in cli.commands
    assert catalogue.made_by("items") == "Run: likeness ingest --store ..."
    assert catalogue.made_by("strangers") == ""


def test_facts_are_what_no_stage_can_make_again() -> None:
    facts = {entry.name for entry in catalogue.CATALOGUE if entry.fact}
    assert {"items", "copies", "vectors_KEY", "reviews"} <= facts
    assert not facts & {"labels", "groups", "neighbours_KEY", "measures_NAME", "failures"}


def test_filters_seek_names_in_the_order_of_the_catalogue() -> None:
    present = ["groups", "items", "measures_frame", "labels", "runs", "vectors_k"]
    found = [name for name, _ in catalogue.filtered_tables(present)]
    assert found == ["labels", "items", "groups", "measures_frame"]


def test_columns_named_in_the_catalogue_exist() -> None:
    for entry in catalogue.CATALOGUE:
        if entry.schema is not None:
            assert set(entry.indexes) <= set(entry.schema.names)
            assert set(entry.internal) <= set(entry.schema.names)


def test_labels_want_an_index_for_each_attribute() -> None:
    labels = tables.labels([("hair_color", "single-label"), ("accessories", "multi-label")])
    entry = catalogue.describe("labels")
    assert entry is not None
    assert entry.wanted_indexes(labels) == {
        "ambiguous": "BITMAP",
        "hair_color": "BITMAP",
        "accessories": "LABEL_LIST",
    }
