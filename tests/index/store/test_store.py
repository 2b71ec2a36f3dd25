"""The store: order, folding of copies, atomic replacement, locks, clear errors."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index.store import Store
from index.store.runs import Runs
from schema import tables
from schema.errors import FilterError, StoreBusy, StoreError


def test_take_returns_rows_in_the_asked_order(store: Store, add_items: Callable[..., None]) -> None:
    add_items(store, 10)
    add_items(store, 10, first=10)
    got = store.take("items", [15, 3, 99, 3], ["row", "keys"]).to_pylist()
    assert got == [{"row": 15, "keys": ["k'15"]}, {"row": 3, "keys": ["k'3"]}, {"row": 3, "keys": ["k'3"]}]


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.integers(-3, 40), max_size=30))
def test_take_equals_picking_from_a_scan(
    rows: list[int], tmp_path_factory: pytest.TempPathFactory, add_items: Callable[..., None]
) -> None:
    with Store.open(tmp_path_factory.mktemp("take") / "store", create=True) as store:
        add_items(store, 30)
        store.delete("items", "row >= 10 AND row < 15")
        held = {row: row for batch in store.scan("items", ["row"]) for row in batch.column(0).to_pylist()}
        got = store.take("items", rows, ["row"]).column("row").to_pylist()
        assert got == [row for row in rows if row in held]


def test_items_fold_copies_in(store: Store, add_items: Callable[..., None]) -> None:
    add_items(store, 6)
    copy = {"row": 3, "item_id": "x", "source": 0, "ordinal": 9, "keys": ["z"], "uri": "u", "commit": 1}
    copies = [
        copy | {"tags": ["t0", "q"], "text": "a fox"},
        copy | {"keys": ["y", "z"], "tags": None, "text": None},
    ]
    store.append("copies", pa.Table.from_pylist(copies, tables.COPIES), tables.COPIES)
    records = [
        record
        for batch in store.items(["keys", "tags", "text"], batch_rows=2)
        for record in batch.to_pylist()
    ]
    assert records[3] == {"keys": ["k'3", "z", "y"], "tags": ["t0", "q"], "text": "a fox"}
    assert records[2] == {"keys": ["k'2"], "tags": ["t2"], "text": None}
    assert store.take_items([3], ["keys"]).to_pylist() == [{"keys": ["k'3", "z", "y"]}]


def test_replace_is_one_commit_and_raises_the_version(store: Store) -> None:
    schema = pa.schema([("row", pa.int64())])
    store.replace("derived", pa.table({"row": [1, 2]}), schema)
    before = store.version("derived")

    def torn() -> object:
        yield pa.record_batch([pa.array([7])], schema=schema)
        raise RuntimeError("killed")

    with pytest.raises((StoreError, RuntimeError)):
        store.replace("derived", torn(), schema)  # type: ignore[arg-type]
    assert (store.column("derived", "row").tolist(), store.version("derived")) == ([1, 2], before)
    store.replace("derived", pa.table({"row": [5]}), schema)
    assert store.column("derived", "row").tolist() == [5]
    assert store.version("derived") > before


def test_vectors_come_back_bit_for_bit(
    store: Store, add_vectors: Callable[..., None], unit: Callable[..., np.ndarray]
) -> None:
    data = unit(100)
    rows = np.arange(100, dtype=np.int64) * 2
    add_vectors(store, rows, data)
    got = store.vectors("test")
    assert got.data.dtype == np.float16
    assert np.array_equal(got.data, data)
    assert np.array_equal(got.rows, rows)
    assert store.encoder_key() == "test"


def test_a_second_writer_is_told_who_holds_the_store(tmp_path: Path) -> None:
    with Store.open(tmp_path / "s", create=True, write=True):
        code = f"from index.store import Store; Store.open({str(tmp_path / 's')!r}, write=True)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert "StoreBusy" in done.stderr
        assert "another run" in done.stderr
        Store.open(tmp_path / "s").close()
        with pytest.raises(StoreBusy):
            Store.open(tmp_path / "s", write=True)
    Store.open(tmp_path / "s", write=True).close()


def test_a_missing_store_a_foreign_folder_and_a_newer_format_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store"):
        Store.open(tmp_path / "none")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.png").write_bytes(b"x")
    with pytest.raises(StoreError, match="holds other files"):
        Store.open(tmp_path / "pictures", create=True)
    Store.open(tmp_path / "s", create=True).close()
    (tmp_path / "s" / "store.json").write_text(json.dumps({"likeness_store": 99}))
    with pytest.raises(StoreError, match="format 99"):
        Store.open(tmp_path / "s")


def test_a_bad_filter_names_the_columns(store: Store, add_items: Callable[..., None]) -> None:
    add_items(store, 3)
    with pytest.raises(FilterError, match="width"):
        list(store.scan("items", ["row"], "hieght > 3"))
    with pytest.raises(FilterError):
        list(store.scan("items", ["row"], "DROP TABLE items"))
    assert store.count("items") == 3


def test_a_run_is_recorded_only_when_it_finished(store: Store, add_items: Callable[..., None]) -> None:
    add_items(store, 3)
    runs = Runs(store)
    with pytest.raises(ValueError, match="boom"), runs.start("label", {"a": 1}, ["items"]):
        raise ValueError("boom")
    assert runs.last("label") is None
    schema = pa.schema([("row", pa.int64())])
    with runs.start("label", {"a": 1}, ["items"]) as run:
        store.replace("labels", pa.table({"row": [1]}), schema)
        run.outputs.append("labels")
    assert runs.up_to_date("label", {"a": 1}, ["items"])
    assert not runs.up_to_date("label", {"a": 2}, ["items"])
    store.replace("labels", pa.table({"row": [2]}), schema)
    assert not runs.up_to_date("label", {"a": 1}, ["items"])


def test_compaction_and_indexes_keep_rows_and_order(store: Store, add_items: Callable[..., None]) -> None:
    for first in range(0, 50, 10):
        add_items(store, 10, first=first)
    store.index_column("items", "row")
    store.compact("items")
    assert store.rows("items").tolist() == list(range(50))
    assert store.take("items", [44, 2], ["row"]).column("row").to_pylist() == [44, 2]
    assert store.count("items", "width > 55") == 4
