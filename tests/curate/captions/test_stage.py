"""The caption stage: resumed after any kill, done again when labels change, edits stand, recurring captions flagged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from curate.captions.base import Caption, Captioner
from curate.captions.stage import run_caption
from index.filters import matching_rows
from index.reviews.open import open_log
from index.stages.row_plugin import Batch
from index.store import Store
from schema.errors import SettingsError
from schema.ids import content_id
from schema.records import Decision
from schema.settings import Settings, load_settings


class Echo(Captioner):
    """Says the same of every third picture, as a model does that has failed."""

    name = "echo"
    reads_labels = False
    needs_model = True
    flags_recurring = True
    calls: ClassVar[list[int]] = []

    def captions(self, batch: Batch) -> list[Caption]:
        rows = batch.items.column("row").to_pylist()
        self.calls.extend(rows)
        return [Caption("A cat." if row % 3 == 0 else f"Picture {row}.", "raw") for row in rows]


ECHO = f"{__name__}:Echo"


def texts(store: Store, name: str) -> dict[int, str]:
    records = store.read(f"captions_{name}", ["row", f"caption_{name}"]).to_pylist()
    return {record["row"]: record[f"caption_{name}"] for record in records}


@pytest.fixture
def labelled(store: Store, add_items: Callable[..., None], write_labels: Callable[..., None]) -> Store:
    add_items(store, 10)
    add_items(store, 1, first=10, tags=["1girl", "smile"])
    write_labels(
        store,
        {
            row: {"hair_color": "blonde", "expression": "smile", "gender": "female", "subjects": "one"}
            for row in range(11)
            if row != 4
        },
    )
    return store


def test_every_captioner_without_a_model_runs_and_a_second_run_does_nothing(labelled: Store) -> None:
    summary = run_caption(labelled, Settings())
    assert summary.counts == {"captioned": 32, "already": 0, "failed": 1}
    assert summary.failures == {"nothing is known of it that could be said": 1}
    assert texts(labelled, "tags")[10] == "1girl, smile, blonde hair"
    assert "blonde hair" in texts(labelled, "from_labels")[0]
    assert texts(labelled, "tags")[4] == "t1"
    assert run_caption(labelled, Settings()).skipped
    assert matching_rows(labelled, "caption_tags = 't1'").tolist() == [4]


def test_other_labels_write_other_captions_and_edits_stand(
    labelled: Store, write_labels: Callable[..., None]
) -> None:
    run_caption(labelled, Settings(), ["tags", "hybrid"])
    log = open_log(labelled)
    log.append([Decision(0, content_id(b"0"), "caption", "tags", "my own words")], "ann")
    log.close()
    assert run_caption(labelled, Settings(), ["tags", "hybrid"]).skipped
    write_labels(
        labelled, {row: {"hair_color": "red", "gender": "female", "subjects": "one"} for row in range(11)}
    )
    assert run_caption(labelled, Settings(), ["tags"]).counts["captioned"] == 11
    assert texts(labelled, "tags")[10] == "1girl, red hair"


def test_a_kill_at_any_commit_gives_the_same_tables(
    tmp_path: Path, add_items: Callable[..., None], write_labels: Callable[..., None],
    kill_at_every_commit: Callable[..., None], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("index.stages.rowwise.CHUNK_ROWS", 4)
    monkeypatch.setattr("index.stages.row_stage.BATCH", 4)
    opened: list[Store] = []

    def make(name: str) -> Store:
        opened.append(Store.open(tmp_path / name, create=True, write=True))
        add_items(opened[-1], 12)
        write_labels(opened[-1], {row: {"hair_color": "blonde"} for row in range(0, 12, 2)})
        return opened[-1]

    settings = load_settings(None, ["caption.commit_rows=4"])
    try:
        kill_at_every_commit(
            make,
            lambda store: run_caption(store, settings, ["tags"]),
            lambda store: texts(store, "tags"),
        )
    finally:
        for store in opened:
            store.close()


def test_captions_that_recur_are_flagged_and_written_again_on_request(labelled: Store) -> None:
    settings = load_settings(None, ["caption.recurring=3"])
    summary = run_caption(labelled, settings, [ECHO])
    assert summary.counts["captioned"] == 11
    assert "4 captions recur" in summary.notes[0]
    where = "has(caption_echo_flags, 'recurring')"
    assert matching_rows(labelled, where).tolist() == [0, 3, 6, 9]
    Echo.calls.clear()
    again = run_caption(labelled, settings, [ECHO], where=where, again=True)
    assert (again.counts["captioned"], sorted(Echo.calls)) == (4, [0, 3, 6, 9])
    assert sorted(texts(labelled, "echo")) == list(range(11))
    raw: list[Any] = labelled.read("captions_echo", ["caption_echo_raw"]).column(0).to_pylist()
    assert set(raw) == {"raw"}


def test_mistakes_are_told(labelled: Store) -> None:
    with pytest.raises(SettingsError, match="no captioner 'tag'; did you mean tags"):
        run_caption(labelled, Settings(), ["tag"])
    with pytest.raises(SettingsError, match="--again needs --where"):
        run_caption(labelled, Settings(), ["tags"], again=True)
