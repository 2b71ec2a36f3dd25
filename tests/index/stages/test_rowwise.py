"""Plug-ins over rows: one read for all, what each reads, bad rows, other keys, chosen rows, a stop in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from curate.measures.frame import Frame
from embed.ingest.picture_facts import PictureFacts
from embed.ingest.stage import run_ingest
from index.images.decode import BadImage, Picture
from index.images.reader import Reader
from index.stages.local_runner import chunks_of, run_local
from index.stages.progress import watched
from index.stages.row_plugin import Batch, Results, RowPlugin
from index.stages.row_stage import RowStage
from index.stages.rowwise import Outcome, RowOptions, RowRun
from index.store import Store
from schema import tables
from schema.errors import Cancelled, SettingsError
from schema.settings import Settings

MakeStore = Callable[..., tuple[Store, list[Path]]]


class Mean(RowPlugin):
    """The mean grey of a picture; refuses the picture whose file ends in 5."""

    name = "mean"

    @property
    def label(self) -> str:
        return f"measure {self.name}"

    @property
    def table(self) -> str:
        return f"measures_{self.name}"

    @property
    def columns(self) -> tuple[pa.Field, ...]:
        return (pa.field(self.name, pa.float64()),)

    @property
    def key(self) -> str:
        return "one"

    def compute(self, batch: Batch) -> Results:
        return Results({self.name: [float(picture.mean()) for picture in batch.pictures]})


class Threaded(Mean):
    name = "threaded"
    parallel = True


class Thumbnail(Mean):
    name = "thumbnail"
    reads = "thumbnail"


class Vector(Mean):
    name = "vector"
    reads = "vector"

    @property
    def vectors_table(self) -> str:
        return "vectors_test"

    def compute(self, batch: Batch) -> Results:
        return Results({self.name: np.asarray(batch.vectors[:, 0], dtype=np.float64)})


class Letters(Mean):
    name = "letters"
    reads = "text"

    @property
    def where(self) -> str:
        return "text IS NOT NULL"

    def compute(self, batch: Batch) -> Results:
        reasons = ["too short" if len(text) < 3 else None for text in batch.texts]
        return Results({self.name: [len(text) for text in batch.texts]}, reasons)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.stages.rowwise.CHUNK_ROWS", 8)
    monkeypatch.setattr("index.stages.row_stage.BATCH", 4)


def run(store: Store, *plugins: type[RowPlugin], **options: Any) -> list[Outcome]:
    settings = Settings()
    options = {"commit_rows": 8, "workers": 2, **options}
    return RowRun(store, settings, [each(settings) for each in plugins], RowOptions(**options)).run()


def values(store: Store, name: str) -> dict[int, Any]:
    return {record["row"]: record[name] for record in store.read(f"measures_{name}").to_pylist()}


def opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")


def failures(store: Store) -> set[tuple[str, int, str]]:
    records = store.read("failures").to_pylist() if store.has("failures") else []
    return {(record["stage"], record["row"], record["reason"]) for record in records}


def test_one_read_serves_all_plugins(picture_store: MakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store, paths = picture_store(20)
    paths[7].unlink()
    reads: list[str] = []
    own = Reader.read
    monkeypatch.setattr(Reader, "read", lambda self, uri: reads.append(uri) or own(self, uri))
    outcomes = run(store, Mean, Threaded, Frame)
    assert sorted(reads) == sorted(map(str, paths))
    assert [(each.done, each.failed) for each in outcomes] == [(19, 1)] * 3
    expected = {row: float(np.asarray(opened(path)).mean()) for row, path in enumerate(paths) if row != 7}
    assert values(store, "mean") == pytest.approx(expected)
    assert values(store, "threaded") == pytest.approx(expected)
    assert failures(store) == {
        (f"measure {name}", 7, "no such file") for name in ("mean", "threaded", "frame")
    }
    assert [(each.done, each.already) for each in run(store, Mean, Threaded)] == [(0, 19)] * 2


def test_facts_that_ingest_takes_come_out_beside_a_measure(small_images: Path, store: Store) -> None:
    run_ingest(store, Settings(), [str(small_images)])
    run(store, PictureFacts, Frame)
    names = [field.name for field in PictureFacts(Settings()).columns if field.name != "thumbnail"]
    assert (
        store.read("measures_facts", ["row", *names]).to_pylist()
        == store.read("items", ["row", *names]).to_pylist()
    )
    assert store.read("measures_facts", ["thumbnail"]).column(0).to_pylist() == (
        store.read("thumbnails", ["thumbnail"]).column(0).to_pylist()
    )
    borders = store.read("measures_frame", ["frame_border"]).column(0).to_pylist()
    assert borders == store.read("items", ["border"]).column(0).to_pylist()


def test_thumbnails_vectors_and_texts_are_read_where_asked(
    picture_store: MakeStore, add_vectors: Callable[..., None], unit: Callable[..., Any]
) -> None:
    store, paths = picture_store(10, ("ab", "abc", "abcd"))
    thumbnails = [
        {"row": row, "thumbnail": path.read_bytes(), "commit": 0}
        for row, path in enumerate(paths)
        if row != 3
    ]
    store.append("thumbnails", pa.Table.from_pylist(thumbnails, tables.THUMBNAILS), tables.THUMBNAILS)
    data = unit(6)
    add_vectors(store, np.arange(6) * 2, data)
    outcomes = run(store, Mean, Thumbnail, Vector, Letters)
    assert [(each.done, each.failed) for each in outcomes] == [(10, 0), (9, 0), (6, 0), (2, 1)]
    mean, thumbnail = values(store, "mean"), values(store, "thumbnail")
    assert thumbnail == {row: value for row, value in mean.items() if row != 3}
    assert values(store, "vector") == {row * 2: float(data[row, 0]) for row in range(6)}
    assert values(store, "letters") == {11: 3, 12: 4}
    assert failures(store) == {("measure letters", 10, "too short")}


class Picky(Mean):
    """Fails in every way that a plug-in can, each time for one row."""

    name = "picky"

    def prepare(self, picture: Picture) -> Any:
        side = picture.width
        if side == 24:
            raise BadImage("too narrow")
        if side == 40:
            raise ZeroDivisionError("of the plug-in")
        return super().prepare(picture)

    def compute(self, batch: Batch) -> Results:
        if any(picture.shape[1] == 56 for picture in batch.pictures):
            raise ValueError("cannot be computed")
        return super().compute(batch)


class PickyThreaded(Picky):
    name = "threaded"
    parallel = True


@pytest.mark.parametrize("kind", [Picky, PickyThreaded])
def test_a_bad_row_costs_no_other(picture_store: MakeStore, kind: type[Picky]) -> None:
    store, paths = picture_store(20)
    run(store, kind, Mean)
    widths = [opened(path).width for path in paths]
    reasons = {
        24: "too narrow",
        40: f"cannot be used by measure {kind.name}: ZeroDivisionError: of the plug-in",
        56: "ValueError: cannot be computed",
    }
    assert failures(store) == {
        (f"measure {kind.name}", row, reasons[width]) for row, width in enumerate(widths) if width in reasons
    }
    mean = values(store, "mean")
    assert values(store, kind.name) == {row: mean[row] for row in mean if widths[row] not in reasons}
    assert len(mean) == 20


class Broken(Mean):
    name = "broken"

    def compute(self, batch: Batch) -> Results:
        raise AttributeError("a mistake in the plug-in")


class Refusing(Mean):
    name = "refusing"

    def compute(self, batch: Batch) -> Results:
        raise SettingsError("the model is not there")


def test_what_fails_for_every_row_ends_the_run(picture_store: MakeStore) -> None:
    store, _ = picture_store(8)
    with pytest.raises(AttributeError, match="a mistake"):
        run(store, Broken)
    with pytest.raises(SettingsError):
        run(store, Refusing)
    assert not failures(store)


class MeanAgain(Mean):
    @property
    def key(self) -> str:
        return "two"

    def compute(self, batch: Batch) -> Results:
        return Results({self.name: [-1.0] * len(batch)})


def test_another_key_measures_anew(picture_store: MakeStore) -> None:
    store, paths = picture_store(6)
    kept = paths[2].read_bytes()
    paths[2].unlink()
    run(store, Mean)
    assert len(values(store, "mean")) == 5
    paths[2].write_bytes(kept)
    version = store.version("measures_mean")
    run(store, MeanAgain)
    assert set(values(store, "mean").values()) == {-1.0}
    assert len(values(store, "mean")) == 6
    assert not failures(store)
    assert store.version("measures_mean") > version


def test_some_rows_first_and_the_rest_later_gives_the_same_table(picture_store: MakeStore) -> None:
    store, _ = picture_store(30)
    run(store, Mean, only=np.array([3, 11, 12, 25]))
    assert list(values(store, "mean")) == [3, 11, 12, 25]
    run(store, Mean)
    other, _ = picture_store(30, name="other")
    run(other, Mean)
    assert store.read("measures_mean") == other.read("measures_mean")
    assert list(values(store, "mean")) == list(range(30))


def test_failures_are_tried_again_when_asked(picture_store: MakeStore) -> None:
    store, paths = picture_store(20)
    kept = {row: paths[row].read_bytes() for row in (2, 9, 19)}
    for row in kept:
        paths[row].unlink()
    run(store, Mean, Threaded)
    assert {row for _, row, _ in failures(store)} == set(kept)
    for row in (2, 19):
        paths[row].write_bytes(kept[row])
    assert run(store, Mean)[0].done == 1, "failures after the last row are looked at again in any case"
    outcomes = run(store, Mean, Threaded, retry_failed=True)
    assert [outcome.recovered for outcome in outcomes] == [1, 2]
    assert {(stage, row) for stage, row, _ in failures(store)} == {
        ("measure mean", 9),
        ("measure threaded", 9),
    }
    assert list(values(store, "mean")) == list(values(store, "threaded")) == [r for r in range(20) if r != 9]


def test_a_stop_keeps_what_was_finished(picture_store: MakeStore) -> None:
    store, _ = picture_store(40)
    told: list[tuple[str, int, int | None]] = []

    def stop(label: str, done: int, total: int | None) -> None:
        told.append((label, done, total))
        if done >= 16:
            raise Cancelled("stopped")

    with watched(stop), pytest.raises(Cancelled):
        run(store, Mean, commit_rows=100)
    assert told == [("measure", 8, 40), ("measure", 16, 40)]
    assert list(values(store, "mean")) == list(range(16))
    run(store, Mean)
    assert len(values(store, "mean")) == 40


def test_a_plugin_is_loaded_only_for_work(picture_store: MakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store, _ = picture_store(4)
    run(store, Mean)
    monkeypatch.setattr(Mean, "load", lambda self: pytest.fail("loaded for nothing"))
    assert run(store, Mean)[0].already == 4


def test_a_table_without_rows_is_made_all_the_same(store: Store) -> None:
    store.append("items", tables.ITEMS.empty_table(), tables.ITEMS)
    assert run(store, Mean)[0].done == 0
    assert store.schema("measures_mean").names == ["row", "item_id", "mean"]


def test_a_stage_gives_a_row_for_a_row_in_order(picture_store: MakeStore) -> None:
    store, _ = picture_store(11)
    items = store.read("items", ["row", "item_id", "uri", "status", "text"])
    wanted = pa.array([row % 2 == 0 for row in range(11)])
    stage = RowStage([Mean(Settings()), Threaded(Settings())], Settings(), 2)
    try:
        result = pa.concat_tables(stage.stream(chunks_of([items.append_column("1.wanted", wanted)], 5)))
    finally:
        stage.close()
    assert result.column_names == [
        "row", "item_id", "0.mean", "0.reason", "0.wanted", "1.threaded", "1.reason", "1.wanted"
    ]  # fmt: skip
    assert result.column("row").to_pylist() == list(range(11))
    assert result.column("0.mean").null_count == 0
    assert [value is not None for value in result.column("1.threaded").to_pylist()] == wanted.to_pylist()


def test_chunks_are_cut_to_size() -> None:
    batches = [pa.record_batch({"row": list(range(start, start + 3))}) for start in range(0, 12, 3)]
    assert [chunk.column("row").to_pylist() for chunk in chunks_of(batches, 5)] == [
        [0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11]
    ]  # fmt: skip


def test_commits_end_where_a_chunk_ends() -> None:
    class Nothing:
        def add(self, count: int = 1) -> None:
            return

    def chunks() -> Iterator[pa.Table]:
        for start in range(0, 20, 4):
            yield pa.table({"row": list(range(start, start + 4))})

    commits: list[int] = []
    done = run_local(
        chunks(),
        lambda table: table,
        lambda table: commits.append(table.num_rows),
        commit_rows=6,
        bar=Nothing(),
    )
    assert (done, commits) == (20, [8, 8, 4])
