"""The preview of corrections is what the next incremental run writes, whatever the corrections are."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from index.reviews.effective import effective_reviews
from index.reviews.log import Review
from index.reviews.open import open_log
from index.store import Store
from index.store.runs import Runs
from label.data.load import ItemLoader
from label.predict.predict import PredictedLabel
from label.stage import run_label
from label.update.preview import Corrections, preview
from label.update.stored import load_stored
from schema.records import Decision
from schema.settings import load_settings
from schema.vocabulary import load_vocabulary

N = 1300
COLORS = ("black", "blonde", "red", "blue", "green")
SETTINGS = load_settings(None, ["label.refit=1", "label.precision=0.9", "label.threads=1"])
VOCABULARY = load_vocabulary()
WORN = {0: ("glasses", "baseball_cap"), 1: ("glasses",), 2: ("baseball_cap",), 3: ()}
BEARDS = {0: "beard", 1: "mustache"}
"""By kind of character: what its taggers may state of attributes that can be absent."""


@pytest.fixture(scope="module")
def mixed(
    tmp_path_factory: pytest.TempPathFactory,
    planted_vectors: Callable[..., Any],
    planter: Callable[..., None],
) -> str:
    """A labelled store of tags that leave things out, contradict themselves, and name several characters."""
    x, kinds = planted_vectors(N, seed=7)
    rng = np.random.default_rng(8)
    tagged = rng.random(N) < 0.75
    several = np.sort(rng.choice(np.flatnonzero(tagged), 15, replace=False))
    uri = str(tmp_path_factory.mktemp("mixed") / "store")
    with Store.open(uri, create=True, write=True) as store:
        planter(store, np.arange(N), x, kinds, tagged, several)
        items = store.read("items").to_pylist()
        for row in np.flatnonzero(tagged).tolist():
            kind = int(kinds[row])
            items[row]["tags"] += [tag for tag in WORN[kind] if rng.random() < 0.85]
            items[row]["tags"] += [BEARDS[kind]] if kind in BEARDS and rng.random() < 0.8 else []
            items[row]["tags"] += ["red_hair"] if rng.random() < 0.04 else []
        for row in np.flatnonzero(~tagged)[:60].tolist():
            items[row]["text"] = "a girl with blue eyes and glasses"
        schema = store.schema("items")
        store.replace("items", pa.Table.from_pylist(items, schema), schema)
        run_label(store, SETTINGS)
    return uri


def correct(uri: str, rng: np.random.Generator, count: int) -> None:
    """Write random decisions of all kinds, several to a batch, and take some batches back."""
    log = open_log(uri)
    batches: list[str] = []
    with Store.open(uri) as store:
        labels = store.read("labels").to_pylist()

    def decision(row: int) -> Decision:
        choice, item_id = rng.random(), f"{row:032x}"
        label = labels[row]
        if choice < 0.12:
            return Decision(row, item_id, "subjects", None, ("several", "one")[int(rng.integers(2))])
        if choice < 0.5:
            value = str(rng.choice(COLORS))
            if rng.random() < 0.3:
                return Decision(row, item_id, "label", "hair_color", label["hair_color"] or value, "reject")
            return Decision(row, item_id, "label", "hair_color", None if rng.random() < 0.2 else value)
        if choice < 0.65:
            return Decision(
                row, item_id, "label", "facial_hair", ("beard", "none", None)[int(rng.integers(3))]
            )
        worn = str(rng.choice(["glasses", "cap", "scarf", "hat"]))
        action = ("add", "remove", "set", "reject")[int(rng.integers(4))]
        return Decision(row, item_id, "label", "accessories", worn, action)

    for _ in range(count):
        if batches and rng.random() < 0.2:
            batch = batches.pop(int(rng.integers(len(batches))))
            log.undo(batch, "tester")
            continue
        rows = rng.choice(N, int(rng.integers(1, 5)), replace=False).tolist()
        batches.append(log.append([decision(row) for row in rows], "tester"))
    log.close()


def decided_since(uri: str, position: int) -> set[int]:
    """Return the items of the decisions after a position of the log, and of those that were taken back after it."""
    log = open_log(uri, readonly=True)
    reviews: list[Review] = list(log.scan())
    log.close()
    undone = {review.other for review in reviews if review.kind == "undo" and review.decision > position}
    return {
        review.row
        for review in reviews
        if review.kind != "undo" and (review.decision > position or review.batch in undone)
    }


def table_label(record: dict[str, Any], name: str) -> PredictedLabel:
    value = record[name]
    values = tuple(value) if isinstance(value, list) else (value,) if value else ()
    if not values:
        return PredictedLabel()
    parts = record[f"{name}_confidence"], record[f"{name}_source"], record[f"{name}_support"]
    return PredictedLabel(values, *parts)


@pytest.mark.parametrize("seed", range(6))
def test_it_is_what_the_next_incremental_run_writes(mixed: str, tmp_path: Path, seed: int) -> None:
    uri = str(tmp_path / "store")
    shutil.copytree(mixed, uri)
    rng = np.random.default_rng(seed)
    changed_labels = 0
    for _ in range(2):
        correct(uri, rng, 12)
        with Store.open(uri, write=True) as store:
            position = int(Runs(store).last("label")["facts"]["reviews"])
            before = store.read("labels").to_pylist()
            decided = np.array(sorted(decided_since(uri, position)), np.int64)
            rows = np.union1d(rng.choice(N, 400, replace=False), decided)
            corrections = Corrections(effective_reviews(store), decided)
            loader = ItemLoader(store, VOCABULARY, SETTINGS)
            names = [name for name in VOCABULARY.names if rng.random() < 0.5 or name == "hair_color"]
            found = preview(loader, load_stored(store), corrections, rows, names)
            run_label(store, SETTINGS)
            assert Runs(store).last("label")["facts"]["full"] is False
            after = store.read("labels").to_pylist()
        assert found.unseen == 0
        assert set(found.labels) == set(names)
        for name in names:
            assert sorted(found.labels[name]) == rows.tolist()
            for row, label in found.labels[name].items():
                written = table_label(after[row], name)
                assert (label.values, label.source) == (written.values, written.source), (name, row)
                # A matrix product of fewer rows may round otherwise in the last bits.
                assert label.confidence == pytest.approx(written.confidence, abs=1e-4), (name, row)
                assert abs(label.support - written.support) <= 1
                changed_labels += written.values != table_label(before[row], name).values
    assert changed_labels >= 10, "the corrections are felt"


def test_items_that_no_run_has_seen_are_counted(
    mixed: str, planter: Callable[..., None], tmp_path: Path
) -> None:
    uri = str(tmp_path / "store")
    shutil.copytree(mixed, uri)
    rows = np.arange(N, N + 3)
    with Store.open(uri, write=True) as store:
        planter(store, rows, np.eye(24, dtype=np.float32)[:3], np.zeros(3, int), np.ones(3, bool), rows[:0])
        loader = ItemLoader(store, VOCABULARY, SETTINGS)
        corrections = Corrections(effective_reviews(store), np.empty(0, np.int64))
        found = preview(loader, load_stored(store), corrections, np.array([0, N, N + 1]), ["hair_color"])
        assert (list(found.labels["hair_color"]), found.unseen) == ([0], 2)
        assert preview(loader, load_stored(store), corrections, rows, ["gender"]).unseen == 3


def test_without_corrections_nothing_changes(mixed: str) -> None:
    with Store.open(mixed) as store:
        loader = ItemLoader(store, VOCABULARY, SETTINGS)
        corrections = Corrections(effective_reviews(store), np.empty(0, np.int64))
        rows = np.arange(0, N, 3)
        found = preview(loader, load_stored(store), corrections, rows, VOCABULARY.names)
        labels = store.take("labels", rows).to_pylist()
    for name in VOCABULARY.names:
        for record in labels:
            assert found.labels[name][record["row"]].values == table_label(record, name).values
