"""What changed between two exports, and why."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from curate.export.earlier.diff import compare_exports
from curate.export.manifest import Request
from curate.export.stage import run_export, write_export
from index.store import Store
from schema import tables
from schema.errors import ExportError
from schema.ids import content_id
from schema.settings import load_settings
from schema.vocabulary import load_vocabulary
from ui.terminal.exports import difference_text


def relabel(store: Store, rows: dict[int, str | None]) -> None:
    schema = tables.labels([(each.name, each.kind) for each in load_vocabulary().attributes])
    records = store.read("labels").to_pylist()
    for record in records:
        if record["row"] in rows:
            record |= {"age": rows[record["row"]], "age_source": "review"}
    store.replace("labels", pa.Table.from_pylist(records, schema), schema)


def test_the_same_export_twice_differs_in_nothing(filled: Store, tmp_path: Path) -> None:
    for name in ("a", "b"):
        run_export(filled, load_settings(), tmp_path / name, format="jsonl")
    found = compare_exports(tmp_path / "a", tmp_path / "b")
    assert found.is_empty and not found.why
    assert "the same items" in difference_text(found)


def test_items_labels_and_splits_and_why(
    filled: Store, tmp_path: Path, add_items: Callable[..., None], read: Callable[[str], bytes]
) -> None:
    run_export(filled, load_settings(), tmp_path / "a")
    relabel(filled, {5: "elderly", 6: None})
    add_items(filled, 1, first=41)
    settings = load_settings(None, ["export.val=0.4"])
    write_export(filled, settings, tmp_path / "b", Request("webdataset", "width >= 13"), read=_but(read, 8))
    found = compare_exports(tmp_path / "a", tmp_path / "b")
    assert found.items == (38, 36)
    assert found.gone == {"not matched by the filter": 2, "its picture could not be written": 1}
    assert found.new == {"not in the store, or barred from leaving it": 1}
    age = found.labels["age"]
    assert (age.gained, age.lost, age.other) == (0, 1, 1)
    assert age.sources == {"review": 2}
    assert sum(found.moved.values()) > 3 and {after for _, after in found.moved} == {"val"}
    causes = {what: (before, after) for what, before, after in found.why}
    assert causes["format"] == ("parquet", "webdataset")
    assert causes["settings export.val"] == ("0.05", "0.4")
    assert "table labels" in causes and "table items" in causes
    text = difference_text(found)
    assert "38 items before, 36 after" in text and "review 2" in text and "width >= 13" in text
    assert json.loads(json.dumps(found.as_record()))["labels"]["age"]["lost"] == 1
    assert found.examples["age"] == [content_id(b"5"), content_id(b"6")]


def test_what_is_no_export_is_told(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="is not an export that can be compared"):
        compare_exports(tmp_path, tmp_path)


def _but(read: Callable[[str], bytes], row: int) -> Callable[[str], bytes]:
    """Return a reader that has lost one picture."""

    def reading(uri: str) -> bytes:
        if f"/{row}.png" in uri:
            raise FileNotFoundError(uri)
        return read(uri)

    return reading
