"""What is written reads back as it was, in every format: names, values, nulls, numbers to the last bit."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.export.columns import INTERNAL, SPLIT, Column, arrow_schema, export_columns
from curate.export.exporters import EXPORTERS, Output, load_exporter
from schema.settings import ExportSettings
from schema.vocabulary import load_vocabulary

VOCABULARY = load_vocabulary()
ITEMS = pa.schema([pa.field("season", pa.string()), pa.field("price", pa.float64())])
NAMES = {
    "item_id",
    "keys",
    "width",
    "text",
    "tags",
    "season",
    "price",
    "dress",
    "dress_confidence",
    "keep",
    "split",
}
COLUMNS = tuple(column for column in export_columns(VOCABULARY, ITEMS) if column.name in NAMES)
HEX = st.text("0123456789abcdef", min_size=32, max_size=32)
TEXT = st.text(st.characters(codec="utf-8")) | st.sampled_from(
    ["a\u2028b", "\x85", "\x00", "'\"\\\n\r\t", ""]
)


def values_of(column: Column) -> st.SearchStrategy[Any]:
    if column.name == "item_id":
        return HEX
    if column.name == SPLIT.name:
        return st.sampled_from(["train", "val", "test"])
    kinds: dict[pa.DataType, st.SearchStrategy[Any]] = {
        pa.string(): TEXT,
        pa.list_(pa.string()): st.lists(TEXT, max_size=3),
        pa.int32(): st.integers(-(2**31), 2**31 - 1),
        pa.int64(): st.integers(-(2**63), 2**63 - 1),
        pa.float32(): st.floats(width=32, allow_nan=False, allow_infinity=False),
        pa.float64(): st.floats(allow_nan=False, allow_infinity=False),
        pa.bool_(): st.booleans(),
    }
    return st.none() | kinds[column.type]


# No width: a row of text alone, so that the tars need no picture.
ROWS = st.lists(
    st.fixed_dictionaries({c.name: values_of(c) for c in (*COLUMNS, *INTERNAL)} | {"width": st.none()}),
    max_size=6,
    unique_by=lambda row: row["item_id"],
)


def written(rows: list[dict[str, Any]], format: str, folder: Path, **options: Any) -> Output:
    output = Output(folder, COLUMNS, ExportSettings(**options), VOCABULARY, lambda _: b"")
    exporter = load_exporter(format, output)
    schema = arrow_schema((*COLUMNS, *INTERNAL))
    for start in range(0, len(rows), 2):
        batch = pa.RecordBatch.from_pylist(rows[start : start + 2], schema)
        assert exporter.write(batch) == batch.num_rows
    exporter.close()
    return output


def read_back(format: str, folder: Path) -> list[dict[str, Any]]:
    if format == "parquet":
        rows: list[dict[str, Any]] = pq.read_table(folder).to_pylist()
        return rows
    if format == "jsonl":
        # splitlines: also for readers that take every line end that Unicode knows for one.
        texts = [path.read_text(encoding="utf-8") for path in sorted(folder.iterdir())]
        return [json.loads(line) for text in texts for line in text.splitlines()]
    if format == "csv":
        with_header = [
            csv.DictReader(io.StringIO(path.read_bytes().decode(), newline=""))
            for path in sorted(folder.glob("*.csv"))
        ]
        return [
            {name: from_cell(name, cell) for name, cell in row.items()}
            for part in with_header
            for row in part
        ]
    if format == "sqlite":
        with closing(sqlite3.connect(folder / "dataset.sqlite3")) as connection:
            cursor = connection.execute("SELECT * FROM items")
            names = [column[0] for column in cursor.description]
            return [
                {name: from_cell(name, cell) for name, cell in zip(names, row, strict=True)} for row in cursor
            ]
    if format == "folder":
        texts = [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*/metadata.jsonl"))]
        lines = [json.loads(line) for text in texts for line in text.splitlines()]
        return [{name: line[name] for name in line if name in {c.name for c in COLUMNS}} for line in lines]
    found = []
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as tar:
            for member in tar.getmembers():
                if member.name.endswith(".json"):
                    found.append(json.load(tar.extractfile(member)))  # type: ignore[arg-type]
    return found


def from_cell(name: str, cell: Any) -> Any:
    """Return what a cell of CSV or SQLite stands for: JSON for lists, nothing for null."""
    kind = next(column.type for column in COLUMNS if column.name == name)
    if cell is None or (cell == "" and isinstance(cell, str) and not pa.types.is_string(kind)):
        return None
    if pa.types.is_list(kind):
        return json.loads(cell)
    if pa.types.is_boolean(kind):
        return cell in (1, "true")
    if pa.types.is_string(kind):
        return cell
    return int(cell) if pa.types.is_integer(kind) else float(cell)


def exact(row: dict[str, Any]) -> dict[str, Any]:
    """Numbers of 32 bits as such, whichever reader made 64 of them."""
    narrow = {column.name for column in COLUMNS if column.type == pa.float32()}
    return {
        name: np.float32(value) if name in narrow and value is not None else value
        for name, value in row.items()
    }


@pytest.mark.parametrize("format", [name for name in EXPORTERS if name != "huggingface"])
@settings(max_examples=25)
@given(rows=ROWS)
def test_every_row_reads_back(format: str, rows: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        written(rows, format, Path(folder), rows_per_file=3)
        found = read_back(format, Path(folder))
    expected = [exact({column.name: row[column.name] for column in COLUMNS}) for row in rows]
    if format in ("webdataset", "folder", "sqlite"):  # by split, and in order within each; or by id
        expected.sort(key=lambda row: str(row["item_id"]))
        found.sort(key=lambda row: str(row["item_id"]))
    if format == "csv":  # which has no word for null: an empty text and none look the same
        texts = [column.name for column in COLUMNS if column.type == pa.string()]
        expected = [row | {name: row[name] or "" for name in texts} for row in expected]
        found = [row | {name: row[name] or "" for name in texts} for row in found]
    assert [exact(row) for row in found] == expected
    if format != "webdataset":
        assert all(list(row) == [column.name for column in COLUMNS] for row in found)


def test_attributes_under_their_titles_are_an_option(tmp_path: Path) -> None:
    row = dict.fromkeys(NAMES) | {"item_id": "0" * 32, "dress": ["kimono", "green yukata"], "split": "train"}
    row |= {"row": 0, "format": "png"}
    written([row], "jsonl", tmp_path)
    assert "attributes" not in read_back("jsonl", tmp_path)[0]
    written([row], "jsonl", tmp_path, attributes=True)
    (line,) = read_back("jsonl", tmp_path)
    assert line["dress"] == ["kimono", "green yukata"]
    assert line["attributes"]["Dress"] == ["Green Yukata"]
    assert line["attributes"]["Age"] is None
    assert list(line["attributes"]) == [each.title for each in VOCABULARY.attributes]
