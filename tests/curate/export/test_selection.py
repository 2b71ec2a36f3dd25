"""Exports of a selection: what is in them, the split, the ledger and the funnel; still behind the protected gate."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.export.exporters import EXPORTERS
from curate.export.folder import MANIFEST
from curate.export.manifest import Request
from curate.export.rows import PROTECTED
from curate.export.stage import run_export, write_export
from curate.ledger import LEDGER
from curate.select.stage import run_select
from index.store import Store
from schema import tables
from schema.ids import content_id
from schema.settings import Settings

Read = Callable[[str], bytes]
SETTINGS = (
    "[[gate]]\nname = 'narrow'\nwhere = 'width < 20'\nreason = 'too narrow'\n"
    "[[gate]]\nname = 'wide'\nwhere = 'width > 40'\naction = 'flag'\n"
    "[select]\nrank = 'width'\ntop = 12\n[export]\nval = 0.3\ntest = 0.2\n"
)


@pytest.fixture
def settings(settings_of: Callable[..., Settings]) -> Settings:
    return settings_of(SETTINGS)


def rows(folder: Path) -> list[dict[str, Any]]:
    return pq.read_table(folder).to_pylist()


def manifest(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
    return found


def test_an_export_takes_the_selection_and_its_splits(
    filled: Store, settings: Settings, tmp_path: Path
) -> None:
    run_select(filled, settings)
    summary = run_export(filled, settings, tmp_path / "out")
    exported = rows(tmp_path / "out")
    selection = {r["item_id"]: r["split"] for r in filled.read("selection").to_pylist() if r["selected"]}
    assert {r["item_id"]: r["split"] for r in exported} == selection
    assert len(exported) == 12
    found = manifest(tmp_path / "out")
    assert found["selection"] is True
    assert [(line["step"], line["out"], line["left"]) for line in found["funnel"]] == [
        ("all items", 0, 41),
        ("could not be read", 1, 40),
        ("several characters", 1, 39),
        ("duplicates set aside", 1, 38),
        ("gate: narrow", 8, 30),
        ("beyond the number asked for", 18, 12),
    ]
    assert summary.tables[0].rows[-1] == ("exported", None, 12)


def test_a_filter_and_all_export_what_is_not_selected(
    filled: Store, settings: Settings, tmp_path: Path
) -> None:
    run_select(filled, settings)
    run_export(filled, settings, tmp_path / "all", everything=True)
    assert len(rows(tmp_path / "all")) == 40
    assert manifest(tmp_path / "all")["selection"] is False
    run_export(filled, settings, tmp_path / "some", where="left_out = 'gate: narrow'")
    assert len(rows(tmp_path / "some")) == 8
    run_export(filled, settings, tmp_path / "narrowed", where="selected and width > 45")
    assert len(rows(tmp_path / "narrowed")) == 4


def test_the_ledger_says_why_of_every_item_but_barred_ones(
    filled: Store, add_items: Callable[..., None], settings: Settings, tmp_path: Path
) -> None:
    add_items(filled, 1, first=41, source_rating="e")
    run_select(filled, settings)
    for name in ("one", "two"):
        run_export(filled, settings, tmp_path / name)
    ledger = pq.read_table(tmp_path / "one" / LEDGER).to_pylist()
    assert (tmp_path / "one" / LEDGER).read_bytes() == (tmp_path / "two" / LEDGER).read_bytes()
    assert [record["item_id"] for record in ledger] == [content_id(str(row).encode()) for row in range(41)]
    assert ledger[4]["left_out"] == "gate: narrow"
    (act,) = ledger[4]["gates"]
    assert (act["gate"], act["outcome"], act["reason"]) == ("narrow", "drop", "too narrow")
    assert act["values"] == [{"column": "width", "number": 14.0, "text": None}]
    assert ledger[39]["flags"] == ["wide"] and ledger[39]["gates"][0]["outcome"] == "flag"
    assert ledger[15]["gates"] == []
    no_ledger = settings.model_copy(update={"export": settings.export.model_copy(update={"ledger": False})})
    run_export(filled, no_ledger, tmp_path / "three")
    assert not (tmp_path / "three" / LEDGER).exists()


def test_what_came_later_is_counted_and_told(
    filled: Store, add_items: Callable[..., None], settings: Settings, tmp_path: Path
) -> None:
    run_select(filled, settings)
    add_items(filled, 2, first=41)
    summary = run_export(filled, settings, tmp_path / "out")
    assert summary.counts["left out: newer than the selection"] == 2
    assert "the selection is older than items" in summary.warnings[-1]


@pytest.mark.parametrize("format", sorted(EXPORTERS))
def test_a_selection_that_was_tampered_with_lets_none_out(
    filled: Store, add_items: Callable[..., None], settings: Settings, tmp_path: Path, format: str, read: Read
) -> None:
    add_items(filled, 2, first=41, source_rating="e", tags=["loli"])
    run_select(filled, settings)
    records = filled.read("selection").to_pylist()
    changed = [record | {"selected": True, "left_out": None, "split": "train"} for record in records]
    filled.replace("selection", pa.Table.from_pylist(changed, tables.SELECTION), tables.SELECTION)
    summary = write_export(filled, settings, tmp_path / "out", Request(format), read=read)
    text = "".join(
        file.read_bytes().decode("latin-1") for file in (tmp_path / "out").rglob("*") if file.is_file()
    )
    assert not [row for row in (41, 42) if content_id(str(row).encode()) in text]
    assert summary.counts[PROTECTED] == 2
    assert summary.counts["exported"] == 39
