"""The measure stage: resumed after any kill, done once, some items first, filtered on by plain names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from curate.measures import MEASURES, measure_class
from curate.measures.frame import Frame
from curate.stage import run_measure
from index.filters import matching_rows
from index.store import Store
from schema.errors import SettingsError
from schema.settings import Settings, load_settings

MakeStore = Callable[..., tuple[Store, list[Path]]]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several chunks and commits within a few pictures."""
    monkeypatch.setattr("index.stages.rowwise.CHUNK_ROWS", 8)
    monkeypatch.setattr("index.stages.row_stage.BATCH", 8)


def contents(store: Store) -> tuple[list[dict[str, Any]], list[tuple[int, str]]]:
    failures = sorted((r["row"], r["reason"]) for b in store.scan("failures") for r in b.to_pylist())
    return store.read("measures_frame").to_pylist(), failures


def test_a_kill_at_any_commit_gives_the_same_table(
    picture_store: MakeStore, kill_at_every_commit: Callable[..., None]
) -> None:
    settings = load_settings(None, ["measure.commit_rows=8"])

    def make(name: str) -> Store:
        store, paths = picture_store(30, name=name)
        paths[4].unlink()
        return store

    kill_at_every_commit(make, lambda store: run_measure(store, settings, ["frame"]), contents)


def test_a_second_run_does_nothing_and_new_items_are_measured_alone(
    picture_store: MakeStore, add_items: Callable[..., None]
) -> None:
    store, paths = picture_store(12)
    first = run_measure(store, Settings(), ["frame"])
    assert (first.counts["measured"], first.counts["failed"]) == (12, 0)
    assert run_measure(store, Settings(), ["frame"]).skipped
    add_items(store, 1, first=12, uri=str(paths[3]))
    again = run_measure(store, Settings(), ["frame"])
    assert (again.counts["measured"], again.counts["already"], again.counts["failed"]) == (0, 12, 1)
    assert again.failures == {"the file changed since it was ingested": 1}


def test_columns_are_filtered_on_by_name_and_a_filter_chooses_what_is_measured(
    picture_store: MakeStore,
) -> None:
    store, _ = picture_store(10)
    assert run_measure(store, Settings(), ["frame"], where="row IN (8, 3)").counts["measured"] == 2
    assert store.rows("measures_frame").tolist() == [3, 8]
    assert run_measure(store, Settings(), ["frame"], where="frame_sharpness IS NULL").counts["measured"] == 8
    assert store.rows("measures_frame").tolist() == list(range(10))
    sharp = store.read("measures_frame", ["row", "frame_sharpness"]).to_pylist()
    limit = sorted(record["frame_sharpness"] for record in sharp)[5]
    expected = [record["row"] for record in sharp if record["frame_sharpness"] > limit]
    assert matching_rows(store, f"frame_sharpness > {limit!r} AND width IS NULL").tolist() == expected


def test_an_unknown_measure_is_told_with_the_near_one(picture_store: MakeStore) -> None:
    store, _ = picture_store(1)
    with pytest.raises(SettingsError, match="no measure 'frames'; did you mean frame"):
        run_measure(store, Settings(), ["frames"])


def test_another_background_is_another_measure(picture_store: MakeStore) -> None:
    store, _ = picture_store(3)
    run_measure(store, Settings(), ["frame"])
    again = run_measure(store, load_settings(None, ["ingest.background=#000000"]), ["frame"])
    assert again.counts["measured"] == 3


def test_the_table_is_in_the_catalogue_with_its_key(picture_store: MakeStore) -> None:
    from schema.catalogue import describe
    from schema.tables import KEY_OF_ROWS

    store, _ = picture_store(2)
    run_measure(store, Settings(), ["frame"])
    schema = store.schema("measures_frame")
    assert schema.names == ["row", "item_id", *Frame.gives]
    assert schema.field("frame_bars").type == pa.string()
    assert schema.metadata[KEY_OF_ROWS]
    entry = describe("measures_frame")
    assert entry is not None
    assert entry.called("measures_frame") == "measured by frame"


def test_without_names_every_measure_runs_that_lacks_nothing_and_the_others_are_told(
    picture_store: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = picture_store(3)
    alone = {name: not measure_class(name).missing(Settings()) for name in MEASURES}
    alone |= {"colour": False, "relevance": False, "alignment": False, "text": False}
    monkeypatch.setattr("curate.measures.colour.Colour.missing", lambda settings: "it needs paint")
    summary = run_measure(store, Settings())
    assert "colour: not measured, it needs paint" in summary.notes
    assert store.has("measures_frame") and not store.has("measures_colour")
    assert any(
        note.startswith("relevance: not measured, the store holds no vectors") for note in summary.notes
    )
    for name in MEASURES:
        assert store.has(f"measures_{name}") == alone[name], name
    with pytest.raises(SettingsError, match="no measure"):
        run_measure(store, Settings(), ["colours"])
