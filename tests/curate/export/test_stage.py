"""Exports: the columns that scripts rely on, leak-free splits, same bytes twice, what is left out is counted."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.export.exporters import EXPORTERS
from curate.export.manifest import Request
from curate.export.rows import PROTECTED
from curate.export.stage import UNREAD, run_export, write_export
from index.store import Store
from schema.errors import ExportError, FilterError
from schema.ids import content_id
from schema.settings import load_settings
from schema.source_metadata import FIELDS
from schema.vocabulary import load_vocabulary

Read = Callable[[str], bytes]


def test_the_default_export_holds_kept_single_characters(filled: Store, tmp_path: Path) -> None:
    run_export(filled, load_settings(), tmp_path / "out")
    table = pq.read_table(tmp_path / "out")
    assert table.num_rows == 38
    head = ["item_id", "keys", "uri", "width", "height", "tags", "text", *(each.name for each in FIELDS)]
    names = [each.name for each in load_vocabulary().attributes]
    middle = [name for each in names for name in (each, f"{each}_confidence", f"{each}_source")]
    head += ["prompt", "prompt_source", "has_prompt"]
    assert table.column_names == [
        *head,
        *middle,
        *(
            name
            for each in ("character", "copyright")
            for name in (each, f"{each}_confidence", f"{each}_source")
        ),
        "group_id",
        "verdict",
        "keep",
        "addresses",
        "copies",
        "caption",
        "split",
    ]
    rows = {record["uri"]: record for record in table.to_pylist()}
    assert rows["/nowhere/1.png"]["keys"] == ["k'1", "k'2"]
    assert rows["/nowhere/1.png"]["tags"] == ["t1", "t2"]
    assert "/nowhere/2.png" not in rows
    assert rows["/nowhere/3.png"]["verdict"] == "variant"
    assert "/nowhere/9.png" not in rows
    assert rows["/nowhere/5.png"]["age"] == "young adult"
    assert rows["/nowhere/5.png"]["gender"] is None
    assert rows["/nowhere/1.png"]["split"] == rows["/nowhere/3.png"]["split"]


def test_everything_and_a_filter(filled: Store, tmp_path: Path) -> None:
    run_export(filled, load_settings(), tmp_path / "all", everything=True)
    assert pq.read_table(tmp_path / "all").num_rows == 40
    run_export(filled, load_settings(), tmp_path / "some", where="width >= 40")
    assert pq.read_table(tmp_path / "some").num_rows == 10


def test_what_is_left_out_is_counted_by_its_reason(filled: Store, tmp_path: Path) -> None:
    counts = run_export(filled, load_settings(), tmp_path / "out", where="width < 40").counts
    left_out = {name: count for name, count in counts.items() if name.startswith("left out")}
    assert left_out == {
        "left out: not matched by the filter": 11,
        "left out: several characters": 1,
        "left out: duplicates set aside": 1,
        PROTECTED: 0,
    }
    assert int(counts["exported"]) + sum(int(count) for count in left_out.values()) == filled.n_items()


@pytest.mark.parametrize("format", EXPORTERS)
def test_the_same_store_gives_the_same_bytes_and_true_checksums(
    filled: Store, tmp_path: Path, read: Read, format: str
) -> None:
    for name in ("a", "b"):
        write_export(filled, load_settings(), tmp_path / name, Request(format), read=read)
    files = sorted(
        path.relative_to(tmp_path / "a").as_posix() for path in (tmp_path / "a").rglob("*") if path.is_file()
    )
    assert len(files) > 1
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    manifest = json.loads((tmp_path / "a" / "_manifest.json").read_text())
    assert {record["name"] for record in manifest["files"]} == {*files} - {"_manifest.json"}
    for record in manifest["files"]:
        assert hashlib.sha256((tmp_path / "a" / record["name"]).read_bytes()).hexdigest() == record["sha256"]
    assert manifest["counts"]["exported"] == 38


def test_webdataset_carries_the_source_bytes_and_says_what_it_could_not_read(
    filled: Store, tmp_path: Path, read: Read
) -> None:
    def vanishing(uri: str) -> bytes:
        if "/5.png" in uri:
            raise FileNotFoundError(uri)
        return b"changed" if "/6.png" in uri else read(uri)

    summary = write_export(filled, load_settings(), tmp_path / "out", Request("webdataset"), read=vanishing)
    members = {}
    for path in sorted((tmp_path / "out").glob("*.tar")):
        with tarfile.open(path) as tar:
            for member in tar.getmembers():
                members[member.name] = tar.extractfile(member).read()  # type: ignore[union-attr]
    key = content_id(b"7")
    assert members[f"{key}.png"] == b"7"
    assert json.loads(members[f"{key}.json"])["age"] == "young adult"
    assert f"{content_id(b'5')}.png" not in members
    assert summary.counts[UNREAD] == 2
    assert summary.failures == {"cannot be read": 1, "changed since ingest": 1}
    assert any("2 pictures could not be written" in note for note in summary.warnings)
    manifest = json.loads((tmp_path / "out" / "_manifest.json").read_text())
    assert {each["item_id"] for each in manifest["failures"]} == {content_id(b"5"), content_id(b"6")}
    assert manifest["counts"]["exported"] == 36


def test_columns_can_be_left_out(filled: Store, tmp_path: Path, read: Read) -> None:
    settings = load_settings(None, ["export.leave_out=uri,split,width,age"])
    for name in EXPORTERS:
        write_export(filled, settings, tmp_path / name, Request(name), read=read)
    names = pq.read_schema(tmp_path / "parquet" / "part-00000.parquet").names
    assert not {"uri", "split", "width", "age"} & set(names)
    line = json.loads((tmp_path / "jsonl" / "part-00000.jsonl").read_text().splitlines()[0])
    assert not {"uri", "split", "width", "age"} & set(line)
    assert sorted(path.name for path in (tmp_path / "webdataset").glob("train*.tar"))
    with pytest.raises(ExportError, match="cannot name hight"):
        run_export(filled, load_settings(None, ["export.leave_out=hight"]), tmp_path / "no")


def test_small_files_are_cut_at_the_limit(filled: Store, tmp_path: Path) -> None:
    settings = load_settings(None, ["export.rows_per_file=10"])
    run_export(filled, settings, tmp_path / "out")
    parts = sorted((tmp_path / "out").glob("*.parquet"))
    assert [pq.read_metadata(path).num_rows for path in parts] == [10, 10, 10, 8]
    run_export(filled, settings, tmp_path / "lines", format="jsonl")
    parts = sorted((tmp_path / "lines").glob("*.jsonl"))
    assert [len(path.read_text().splitlines()) for path in parts] == [10, 10, 10, 8]


@pytest.mark.parametrize("format", ["parquet", "jsonl"])
def test_a_filter_that_matches_nothing_gives_an_export_without_rows(
    filled: Store, tmp_path: Path, format: str
) -> None:
    run_export(filled, load_settings(), tmp_path / "out", format=format, where="width > 100000")
    if format == "parquet":
        table = pq.read_table(tmp_path / "out")
        assert table.num_rows == 0
        assert "hair_color" in table.column_names
    else:
        assert (tmp_path / "out" / "part-00000.jsonl").read_bytes() == b""


def test_an_export_can_be_made_again_with_less_in_it(filled: Store, tmp_path: Path) -> None:
    run_export(filled, load_settings(None, ["export.rows_per_file=10"]), tmp_path / "again")
    run_export(filled, load_settings(), tmp_path / "again", where="width < 15")
    assert [path.name for path in (tmp_path / "again").glob("*.parquet")] == ["part-00000.parquet"]
    assert pq.read_table(tmp_path / "again").num_rows < 10


def test_an_unknown_format_or_filter_changes_no_folder(filled: Store, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="parquet"):
        run_export(filled, load_settings(), tmp_path / "out", format="yaml")
    with pytest.raises(FilterError):
        run_export(filled, load_settings(), tmp_path / "out", where="nonsense = 1")
    assert not (tmp_path / "out").exists()


def test_extra_columns_of_a_source_are_exported(store: Store, tmp_path: Path) -> None:
    from schema import tables

    schema = tables.ITEMS.append(pa.field("season", pa.string()))
    record = dict.fromkeys(schema.names)
    record |= {"row": 0, "item_id": "0" * 32, "source": 0, "ordinal": 0, "status": "ok", "commit": 1}
    store.append("items", pa.Table.from_pylist([record | {"season": "Fall"}], schema), schema)
    run_export(store, load_settings(), tmp_path / "out")
    assert pq.read_table(tmp_path / "out").to_pylist()[0]["season"] == "Fall"
