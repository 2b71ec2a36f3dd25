"""Exports: the columns that scripts rely on, leak-free splits, same bytes twice, readable by other readers."""

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
from curate.export.stage import run_export, split_of
from index.store import Store
from schema import tables
from schema.errors import ExportError
from schema.ids import content_id
from schema.settings import ExportSettings, load_settings
from schema.vocabulary import load_vocabulary


@pytest.fixture
def filled(store: Store, add_items: Callable[..., None]) -> Store:
    add_items(store, 40)
    add_items(store, 1, first=40, status="failed", reason="truncated", width=None)
    vocabulary = load_vocabulary()
    schema = tables.labels([(each.name, each.kind) for each in vocabulary.attributes])
    records = []
    for row in range(40):
        record = dict.fromkeys(schema.names) | {"row": row, "item_id": content_id(str(row).encode())}
        record |= {"ambiguous": row == 9, "age": "young adult", "age_confidence": 0.97, "age_source": "vote"}
        records.append(record | {"dress": ["green yukata"], "dress_confidence": 1.0, "dress_source": "tag"})
    store.replace("labels", pa.Table.from_pylist(records, schema), schema)
    groups = [
        {
            "row": 1,
            "item_id": "1",
            "group_id": "g",
            "verdict": "kept",
            "similarity": 1.0,
            "keep": True,
            "reason": "best",
        },
        {
            "row": 2,
            "item_id": "2",
            "group_id": "g",
            "verdict": "same artwork",
            "similarity": 0.9,
            "keep": False,
            "reason": "r",
        },
        {
            "row": 3,
            "item_id": "3",
            "group_id": "g",
            "verdict": "variant",
            "similarity": 0.8,
            "keep": True,
            "reason": "r",
        },
    ]
    store.replace("groups", pa.Table.from_pylist(groups, tables.GROUPS), tables.GROUPS)
    return store


def read(uri: str) -> bytes:
    return uri.removeprefix("/nowhere/").removesuffix(".png").encode()


def test_the_default_export_holds_kept_single_characters(filled: Store, tmp_path: Path) -> None:
    run_export(filled, load_settings(), tmp_path / "out")
    table = pq.read_table(tmp_path / "out")
    assert table.num_rows == 38
    head = ["item_id", "keys", "uri", "width", "height", "tags", "text"]
    names = [each.name for each in load_vocabulary().attributes]
    middle = [name for each in names for name in (each, f"{each}_confidence", f"{each}_source")]
    assert table.column_names == [*head, *middle, "group_id", "verdict", "keep", "split"]
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


@pytest.mark.parametrize("format", EXPORTERS)
def test_the_same_store_gives_the_same_bytes_and_true_checksums(
    filled: Store, tmp_path: Path, format: str
) -> None:
    for name in ("a", "b"):
        run_export(filled, load_settings(), tmp_path / name, format=format, read=read)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert len(files) > 1
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    manifest = json.loads((tmp_path / "a" / "_manifest.json").read_text())
    for record in manifest["files"]:
        assert hashlib.sha256((tmp_path / "a" / record["name"]).read_bytes()).hexdigest() == record["sha256"]
    assert manifest["counts"]["exported"] == 38


def test_jsonl_carries_titles(filled: Store, tmp_path: Path) -> None:
    run_export(filled, load_settings(), tmp_path / "out", format="jsonl")
    row = json.loads((tmp_path / "out" / "part-00000.jsonl").read_text().splitlines()[0])
    assert row["attributes"]["Age"] == "Young Adult"
    assert row["attributes"]["Dress"] == "Green Yukata"
    assert row["attributes"]["Gender"] is None


def test_webdataset_carries_the_source_bytes(filled: Store, tmp_path: Path) -> None:
    def vanishing(uri: str) -> bytes:
        if "/5.png" in uri:
            raise FileNotFoundError(uri)
        return b"changed" if "/6.png" in uri else read(uri)

    run_export(filled, load_settings(), tmp_path / "out", format="webdataset", read=vanishing)
    found = {}
    for path in sorted((tmp_path / "out").glob("*.tar")):
        with tarfile.open(path) as tar:
            for member in tar.getmembers():
                found[member.name] = tar.extractfile(member).read()  # type: ignore[union-attr]
    key = content_id(b"7")
    assert found[f"{key}.png"] == b"7"
    assert json.loads(found[f"{key}.json"])["attributes"]["Age"] == "Young Adult"
    assert f"{content_id(b'5')}.png" not in found
    manifest = json.loads((tmp_path / "out" / "_manifest.json").read_text())
    assert len(manifest["failures"]) == 2
    assert manifest["counts"]["exported"] == 36


def test_small_files_are_cut_at_the_limit(filled: Store, tmp_path: Path) -> None:
    run_export(filled, load_settings(None, ["export.rows_per_file=10"]), tmp_path / "out")
    assert [pq.read_metadata(path).num_rows for path in sorted((tmp_path / "out").glob("*.parquet"))] == [
        10,
        10,
        10,
        8,
    ]


def test_foreign_folders_and_unknown_formats_are_refused(filled: Store, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(ExportError, match="not an export"):
        run_export(filled, load_settings(), tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").exists()
    with pytest.raises(ExportError, match="parquet"):
        run_export(filled, load_settings(), tmp_path / "out", format="csv")
    run_export(filled, load_settings(), tmp_path / "again")
    run_export(filled, load_settings(), tmp_path / "again", where="width < 15")
    assert pq.read_table(tmp_path / "again").num_rows < 10


def test_splits_have_the_asked_shares() -> None:
    settings = ExportSettings(val=0.1, test=0.2)
    names = [split_of(str(index), settings) for index in range(4000)]
    assert abs(names.count("test") / 4000 - 0.2) < 0.03
    assert abs(names.count("val") / 4000 - 0.1) < 0.03
