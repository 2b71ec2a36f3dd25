"""The criteria that decide between copies which the pixels do not tell apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from dedupe.group.keep import KeepPolicy, columns_of
from embed.ingest.stage import run_ingest
from index.store import Store
from schema import tables
from schema.errors import SettingsError
from schema.settings import DedupeSettings, load_settings

SETTINGS = load_settings(None, [])
ROWS = np.arange(3)


@pytest.fixture
def store(tmp_path: Path) -> Any:
    folder = tmp_path / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number, tags in enumerate(("1girl", "1girl, solo, smile", "1girl, solo")):
        Image.fromarray(rng.integers(0, 255, (40, 40, 3), dtype=np.uint8)).save(folder / f"{number}.png")
        (folder / f"{number}.txt").write_text(tags, encoding="utf-8")
    (folder / "metadata.csv").write_text("", encoding="utf-8")
    with Store.open(tmp_path / "store", create=True, write=True) as opened:
        run_ingest(opened, SETTINGS, [str(folder)])
        fields = [pa.field("beauty", pa.float32())]
        schema = tables.measures(fields, "key")
        values = {"row": [0, 1], "item_id": ["a", "b"], "beauty": [0.9, 0.1]}
        opened.append("measures_looks", pa.table(values, schema=schema), schema)
        yield opened


def best(store: Store, *names: str, sources: tuple[int, ...] = ()) -> int:
    policy = KeepPolicy.resolve(names, sources, columns_of(store, store.tables()))
    ranks = policy.ranks(store, ROWS)
    return max(ranks, key=lambda row: ranks[row].key)


def test_a_list_is_better_the_longer_and_less_with_a_minus(store: Store) -> None:
    assert best(store, "tags") == 1
    assert best(store, "-tags") == 0


def test_a_column_of_a_measure_decides_by_its_name_or_with_the_measure(store: Store) -> None:
    assert best(store, "beauty") == best(store, "looks.beauty") == 0
    assert best(store, "-beauty") == 1


def test_an_item_without_a_value_is_worst_either_way(store: Store) -> None:
    for name in ("beauty", "-beauty"):
        policy = KeepPolicy.resolve([name], (), columns_of(store, store.tables()))
        ranks = policy.ranks(store, ROWS)
        assert min(ranks, key=lambda row: ranks[row].key) == 2


def test_what_was_seen_first_is_asked_last(store: Store) -> None:
    assert best(store, "width", "height") == 0
    policy = KeepPolicy.resolve(["width", "first"], (), columns_of(store, store.tables()))
    ranks = policy.ranks(store, ROWS)
    criterion, own, its = policy.decisive(ranks[0], ranks[2])
    assert (criterion.name, own, its) == ("first", 2, 0)


def test_the_earlier_date_is_better() -> None:
    schema = {"items": pa.schema([pa.field(name, pa.null()) for name in ("row", "posted", "source")])}
    policy = KeepPolicy.resolve(["posted"], (), schema)
    early, late, none = (
        policy.rank([value, 0]).key for value in ("2020-01-01", "2024-05-31T12:00:00Z", None)
    )
    assert early > late > none


def test_sources_are_ranked_by_the_settings() -> None:
    schema = {"items": pa.schema([pa.field("source", pa.int32())])}
    policy = KeepPolicy.resolve(["source"], (2, 1), schema)
    second, first, unnamed = (policy.rank([source, 0]).key for source in (1, 2, 0))
    assert first > second > unnamed


@pytest.mark.parametrize("name", ["prettiness", "resolution", "looks.prettiness"])
def test_a_criterion_that_is_no_column_is_refused(store: Store, name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        best(store, name)


def test_the_hint_lists_what_there_is(store: Store) -> None:
    with pytest.raises(SettingsError) as caught:
        best(store, "prettiness")
    assert "beauty" in str(caught.value)
    assert "source_score" in str(caught.value)


def test_the_default_criteria_are_columns_of_every_store(store: Store) -> None:
    assert best(store, *DedupeSettings().keep) == 1
