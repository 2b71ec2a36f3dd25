"""An export made again: the same bytes, whatever became of the store since; the gate of today holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from curate.export.earlier.pinned import PinnedStore
from curate.export.earlier.remake import remake_export
from curate.export.stage import run_export
from index.reviews.open import open_log
from index.store import Store
from schema.errors import ExportError, StoreError
from schema.ids import content_id
from schema.records import Decision
from schema.settings import Settings, load_settings


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("_manifest.json", "checksums.sha256")
    }


def change(store: Store, add_items: Callable[..., None], age: str) -> None:
    """Change labels, add an item, and decide something."""
    records = store.read("labels").to_pylist()
    for record in records:
        record["age"] = age
    store.replace("labels", pa.Table.from_pylist(records, store.schema("labels")), store.schema("labels"))
    add_items(store, 1, first=41)
    log = open_log(store)
    log.append([Decision(5, content_id(b"5"), "caption", "tags", "other words")], "ann")
    log.close()


def test_the_same_bytes_from_the_tables_as_they_were(
    filled: Store, tmp_path: Path, add_items: Callable[..., None]
) -> None:
    settings = load_settings(None, ["export.val=0.3", "export.rows_per_file=20"])
    run_export(filled, settings, tmp_path / "a", format="jsonl", where="width > 12")
    change(filled, add_items, "elderly")
    run_export(filled, settings, tmp_path / "now", format="jsonl", where="width > 12")
    remake_export(filled, Settings(), tmp_path / "b", tmp_path / "a")
    assert contents(tmp_path / "a") == contents(tmp_path / "b") != contents(tmp_path / "now")
    first, second = (json.loads((tmp_path / name / "_manifest.json").read_text()) for name in "ab")
    assert first["tables"] == second["tables"] and first["settings"] == second["settings"]
    assert first["counts"] == second["counts"]


def test_what_is_barred_by_now_stays_out(
    filled: Store, tmp_path: Path, add_items: Callable[..., None]
) -> None:
    add_items(filled, 1, first=41, source_rating="q")
    records = filled.read("labels").to_pylist()
    records.append({**records[0], "row": 41, "item_id": content_id(b"41"), "age": "adult"})
    schema = filled.schema("labels")
    filled.replace("labels", pa.Table.from_pylist(records, schema), schema)
    run_export(filled, Settings(), tmp_path / "a", format="jsonl")
    assert content_id(b"41").encode() in contents(tmp_path / "a")["part-00000.jsonl"]
    records[-1]["age"] = "teen"
    filled.replace("labels", pa.Table.from_pylist(records, schema), schema)
    remake_export(filled, Settings(), tmp_path / "b", tmp_path / "a")
    assert content_id(b"41").encode() not in contents(tmp_path / "b")["part-00000.jsonl"]


def test_what_cannot_be_made_again_is_told(filled: Store, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="does not say how it was made"):
        remake_export(filled, Settings(), tmp_path / "b", tmp_path)
    pinned = PinnedStore(filled.uri, {"items": filled.version("items"), "labels": 9999}, 0)
    with pytest.raises(StoreError, match="no longer has version 9999 of the table labels"):
        pinned.count("labels")
    with pytest.raises(StoreError, match="cannot be written to"):
        pinned.append("items", [], filled.schema("items"))
    assert not pinned.has("groups")
