"""The list of columns is the only one: schema, reserved names and README's table follow it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from curate.export.columns import INTERNAL, arrow_schema, columns_table, export_columns, without
from schema import tables
from schema.errors import ExportError, VocabularyError
from schema.vocabulary import load_vocabulary

VOCABULARY = """
[{name}]
title = "Taken"
kind = "single-label"
[{name}.values.hat]
tags = "hat"
[{name}.values.cap]
tags = "cap"
"""


def test_every_column_of_a_table_has_the_type_that_the_table_has() -> None:
    stored = {"items": tables.ITEMS, "groups": tables.GROUPS, "names": tables.NAMES}
    stored["labels"] = tables.labels([(each.name, each.kind) for each in load_vocabulary().attributes])
    for column in (*export_columns(load_vocabulary()), *INTERNAL):
        if column.origin != "export" and column.name in stored[column.origin].names:
            assert stored[column.origin].field(column.name).type == column.type, column.name


@pytest.mark.parametrize("name", ["split", "verdict", "format"])
def test_an_attribute_cannot_have_the_name_of_another_column(tmp_path: Path, name: str) -> None:
    file = tmp_path / "attributes.toml"
    file.write_text(VOCABULARY.format(name=name))
    with pytest.raises(VocabularyError, match=f"the column {name} is taken"):
        export_columns(load_vocabulary(file))


def test_columns_without_a_meaning_of_ours_follow_those_with_one() -> None:
    items = tables.ITEMS.append(pa.field("season", pa.string())).append(pa.field("year", pa.int64()))
    names = arrow_schema(export_columns(load_vocabulary(), items)).names
    assert names[names.index("has_prompt") :][1:3] == ["season", "year"]


def test_names_to_leave_out_are_checked() -> None:
    columns = export_columns(load_vocabulary())
    with pytest.raises(ExportError, match="cannot name item_id"):
        without(columns, ["item_id"])
    with pytest.raises(ExportError, match="cannot name heigth"):
        without(columns, ["uri", "heigth"])
    assert "uri" not in [column.name for column in without(columns, ["uri"])]
    assert "artists" not in [column.name for column in without(columns, ["artists", "uri"])]


def test_readme_has_the_table_of_columns(checkout: Path) -> None:
    text = (checkout / "README.md").read_text(encoding="utf-8")
    assert columns_table() in text, f"README's table of export columns should be:\n{columns_table()}"
