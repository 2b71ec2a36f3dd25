"""CSV in the dialects of spreadsheets, JSON under all its endings, files in other encodings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from embed.sources.records import file_encoding, records
from schema.errors import SourceError

ROWS = [{"file_name": "a.png", "tags": "1girl, blonde hair"}, {"file_name": "b.png", "tags": "1boy"}]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_csv_dialects(tmp_path: Path, separator: str, encoding: str, end: str) -> None:
    cells = [["file_name", "tags"], *([row["file_name"], f'"{row["tags"]}"'] for row in ROWS)]
    path = tmp_path / "list.csv"
    path.write_bytes(end.join(separator.join(line) for line in [*cells, []]).encode(encoding))
    assert [record.fields for record in records(path)] == ROWS


def test_unquoted_tags_beside_semicolons(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("file_name;tags\na.png;1girl, blonde hair\nb.png;1boy\n")
    assert [record.fields for record in records(path)] == ROWS


@pytest.mark.parametrize("header", ["file_name:tags", "file_name^tags", "file_name  tags"])
def test_a_header_of_one_column_is_an_error(tmp_path: Path, header: str) -> None:
    path = tmp_path / "list.csv"
    path.write_text(f"{header}\na.png\n")
    with pytest.raises(SourceError, match="is one column"):
        list(records(path))


def test_one_column_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("file_name\na.png\n")
    assert [record.fields for record in records(path)] == [{"file_name": "a.png"}]


@pytest.mark.parametrize("name", ["posts.json", "posts.jsonl", "posts.ndjson"])
def test_one_object_a_line_under_every_ending(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("\n".join(map(json.dumps, ROWS)))
    assert [record.fields for record in records(path)] == ROWS


def test_bad_lines_have_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n\r\n{"a": 1,}\r\n["b"]\r\n{"a": 2}\r\n')
    found = list(records(path))
    assert [record.fields for record in found] == [{"a": 1}, {}, {}, {"a": 2}]
    assert "line 3 is not JSON" in found[1].reason
    assert found[2].reason == "line 4 is not a JSON object"


def test_other_encodings(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    said = "女の子, 金髪, とても可愛い"
    path.write_bytes(
        "".join(["file_name,tags\n", *(f'{n}.png,"{said}"\n' for n in range(9))]).encode("cp932")
    )
    assert [record.fields["tags"] for record in records(path)] == [said] * 9
    path.write_bytes("file_name,tags\na.png,初音\n".encode("cp932"))
    with pytest.raises(SourceError, match="encoding cannot be told"):
        list(records(path))
    assert file_encoding(path, "cp932") == "cp932"
    assert [record.fields["tags"] for record in records(path, "cp932")] == ["初音"]
