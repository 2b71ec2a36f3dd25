"""Compaction and scalar indexes: no row changes, no stage has to run again, and the second call does nothing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from index.neighbours.graph import run_index
from index.store import Store
from index.store.compaction import run_compact
from index.store.runs import Runs
from schema import tables
from schema.settings import Settings, load_settings


@pytest.fixture
def quick() -> Settings:
    return load_settings(None, ["index.k=4", "index.search_index_above=10", "index.search_index=none"])


def test_upkeep_joins_fragments_and_no_stage_runs_again(
    store: Store,
    quick: Settings,
    add_items: Callable[..., None],
    add_vectors: Callable[..., None],
    unit: Callable[..., np.ndarray],
) -> None:
    for first in range(0, 40, 8):
        add_items(store, 8, first=first)
    add_vectors(store, np.arange(40), unit(40))
    run_index(store, quick)
    before = store.read("items")
    assert store.fragments("items") == 5
    version = store.version("items")
    runs = Runs(store)
    with runs.start("read", {}, ["items"]):
        pass

    done = run_compact(store, quick)
    assert done.counts == {"tables joined": 1, "columns indexed": 2}
    assert store.fragments("items") == 1
    assert store.version("items") > version
    assert store.indexed_columns("items") == {"item_id", "status"}
    assert store.read("items") == before
    assert runs.up_to_date("read", {}, ["items"])
    assert run_index(store, quick).skipped
    assert run_compact(store, quick).skipped

    add_items(store, 8, first=40)
    assert not runs.up_to_date("read", {}, ["items"])
    with runs.start("read", {}, ["items"]):
        pass
    add_items(store, 8, first=48)
    assert not runs.up_to_date("read", {}, ["items"])


def test_filters_find_the_same_rows_in_order_with_indexes(store: Store, quick: Settings) -> None:
    schema = tables.labels([("hair_color", "single-label"), ("accessory", "multi-label")])
    records = []
    for row in range(60):
        record = dict.fromkeys(schema.names) | {"row": row, "item_id": str(row), "ambiguous": row % 5 == 0}
        record |= {"hair_color": ("red", None, "blue")[row % 3], "accessory": ["hat"] if row % 4 else None}
        records.append(record)
    store.append("labels", pa.Table.from_pylist(records, schema), schema)
    asked = ("hair_color = 'red'", "hair_color IS NULL", "array_has(accessory, 'hat')", "ambiguous")
    before = {
        where: [r for b in store.scan("labels", ["row"], where) for r in b["row"].to_pylist()]
        for where in asked
    }
    assert run_compact(store, quick).counts["columns indexed"] == 3
    assert store.indexed_columns("labels") == {"ambiguous", "hair_color", "accessory"}
    for where, rows in before.items():
        assert [r for b in store.scan("labels", ["row"], where) for r in b["row"].to_pylist()] == rows
    # A new row that no index covers yet is found, too.
    store.append("labels", pa.Table.from_pylist([records[0] | {"row": 60}], schema), schema)
    assert store.count("labels", "hair_color = 'red'") == 21
