"""Interactive search and filters, against brute force."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from index.filters import matching_rows, passing
from index.neighbours.graph import run_index
from index.neighbours.search import search
from index.store import Store
from index.store.runs import Runs
from schema import tables
from schema.errors import FilterError
from schema.settings import load_settings


@pytest.fixture
def filled(
    store: Store,
    add_items: Callable[..., None],
    add_vectors: Callable[..., None],
    unit: Callable[..., np.ndarray],
) -> Store:
    add_items(store, 300)
    add_vectors(store, np.arange(300, dtype=np.int64), unit(300))
    run_index(store, load_settings())
    schema = tables.labels([("hair_color", "single-label"), ("accessories", "multi-label")])
    records = [
        dict.fromkeys(schema.names)
        | {"row": row, "item_id": str(row), "ambiguous": False, "hair_color": ("red", "blue")[row % 2]}
        | {"accessories": ["hat"] if row % 5 == 0 else []}
        for row in range(300)
    ]
    store.replace("labels", pa.Table.from_pylist(records, schema), schema)
    return store


def test_search_returns_the_closest(filled: Store, unit: Callable[..., np.ndarray]) -> None:
    data = unit(300).astype(np.float32)
    rows, similarity = search(filled, "test", data[11], 5)
    exact = data @ data[11]
    assert rows[0] == 11
    assert np.allclose(similarity, -np.sort(-exact)[:5], atol=2e-3)


def test_a_filter_over_labels_and_items_is_applied_before_the_limit(
    filled: Store, unit: Callable[..., np.ndarray]
) -> None:
    data = unit(300).astype(np.float32)
    rows, similarity = search(filled, "test", data[11], 5, "hair_color = 'blue' AND width >= 100")
    allowed = np.array([row for row in range(300) if row % 2 and row + 10 >= 100])
    exact = (data @ data[11])[allowed]
    assert np.allclose(similarity, -np.sort(-exact)[:5], atol=2e-3)
    assert set(rows.tolist()) <= set(allowed.tolist())


def test_lists_can_be_filtered(filled: Store) -> None:
    assert matching_rows(filled, "array_has(accessories, 'hat') AND row < 11").tolist() == [0, 5, 10]


def group(store: Store, rows: tuple[int, ...], kept: int) -> None:
    records = [
        {
            "row": row,
            "item_id": "x",
            "group_id": "g",
            "verdict": "kept",
            "similarity": 1.0,
            "keep": row == kept,
            "reason": "r",
        }
        for row in rows
    ]
    store.replace("groups", pa.Table.from_pylist(records, tables.GROUPS), tables.GROUPS)


def test_keep_matches_items_without_a_group(filled: Store) -> None:
    group(filled, (3, 4), kept=3)
    assert 4 not in matching_rows(filled, "keep = true")
    assert len(matching_rows(filled, "keep = true")) == 299
    assert matching_rows(filled, "keep = false").tolist() == [4]


FILTERS = [
    "hair_color = 'blue'",
    "hair_color = 'blue' AND width >= 100 AND width < 250",
    "array_has(accessories, 'hat') AND keep",
    "keep = true AND hair_color IS NOT NULL",
    "keep = false",
    "verdict = 'kept' OR keep = false",
    "row < 11",
    "width < 0",
]


@pytest.mark.parametrize("where", FILTERS)
def test_rows_looked_at_alone_pass_as_in_the_whole(filled: Store, where: str) -> None:
    group(filled, (3, 4), kept=3)
    some = np.random.default_rng(0).permutation(300)[:200]
    expected = np.isin(some, matching_rows(filled, where))
    np.testing.assert_array_equal(passing(filled, where, some), expected)


@pytest.mark.parametrize("where", FILTERS)
@pytest.mark.parametrize("n", [1, 20])
def test_a_filtered_search_is_an_exact_one_however_few_pass(
    filled: Store, unit: Callable[..., np.ndarray], monkeypatch: pytest.MonkeyPatch, where: str, n: int
) -> None:
    group(filled, (3, 4), kept=3)
    monkeypatch.setattr("index.neighbours.search.MOST_ASKED", 60)
    data = unit(300).astype(np.float32)
    rows, similarity = search(filled, "test", data[11], n, where)
    allowed = matching_rows(filled, where)
    exact = (data @ data[11])[allowed]
    np.testing.assert_allclose(similarity, -np.sort(-exact)[:n], atol=2e-3)
    assert set(rows.tolist()) <= set(allowed.tolist())


@pytest.mark.parametrize(
    "where",
    [
        "hair_colour = 'red'",
        "(a",
        "width > ",
        "",
        "1=1; drop table items",
        "row = 1; drop table items",
        "width < 0 AND width > ",
    ],
)
def test_bad_filters_are_refused_in_words(filled: Store, where: str) -> None:
    with pytest.raises(FilterError):
        matching_rows(filled, where)
    with pytest.raises(FilterError):
        passing(filled, where, np.arange(20))


def test_the_search_index_is_tuned_and_new_rows_are_found(
    store: Store, add_vectors: Callable[..., None], unit: Callable[..., np.ndarray]
) -> None:
    data = unit(3100, dim=32, clumps=60)
    add_vectors(store, np.arange(3000, dtype=np.int64), data[:3000])
    settings = load_settings(None, ["index.search_index=IVF_RQ", "index.k=4"])
    run_index(store, settings)
    facts = (Runs(store).last("index") or {})["facts"]
    assert facts["search_index"] == "IVF_RQ"
    assert facts["search_recall"] >= 0.95
    add_vectors(store, np.arange(3000, 3100, dtype=np.int64), data[3000:])
    rows, _ = search(store, "test", data[3050].astype(np.float32), 1)
    assert rows.tolist() == [3050]
