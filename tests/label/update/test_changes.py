"""A label run after reviews and new items: labels what they affect, and gives what labelling everything would give."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from index.reviews.open import open_log
from index.store import Store
from index.store.runs import Runs
from label import stage
from label.data.load import ItemLoader
from label.stage import run_label
from label.update.changes import digests, find_update
from label.update.stored import load_state, load_stored
from schema.records import Decision
from schema.settings import Settings
from schema.vocabulary import load_vocabulary

COLORS = ("black", "blonde", "red", "blue")
OLD, NEW = 1800, 60
VOCABULARY = load_vocabulary()
FIELDS = ("hair_color", "hair_color_source", "gender", "ambiguous", "ambiguous_reason", "conflicts")


@dataclass(frozen=True)
class Grown:
    """A store that was labelled, then got reviews and new items, then was labelled again; and what it was before."""

    uri: str
    before: list[dict[str, Any]]
    after: list[dict[str, Any]]
    relabelled: int
    reviewed: list[int]


@pytest.fixture(scope="module")
def grown(
    tmp_path_factory: pytest.TempPathFactory,
    planted_vectors: Callable[..., Any],
    planter: Callable[..., None],
) -> Grown:
    n = OLD + NEW
    x, colors = planted_vectors(n)
    tagged = np.random.default_rng(2).random(n) < 0.5
    uri = str(tmp_path_factory.mktemp("grown") / "store")
    none = np.empty(0, np.int64)
    with Store.open(uri, create=True, write=True) as store:
        planter(store, np.arange(OLD), x[:OLD], colors[:OLD], tagged[:OLD], none)
        run_label(store, Settings())
        before = store.read("labels").to_pylist()
        fitted = blob(store, "models")
        planter(store, np.arange(OLD, n), x[OLD:], colors[OLD:], tagged[OLD:], none)
        reviewed = [int(np.flatnonzero(tagged)[3]), int(np.flatnonzero(~tagged)[5])]
        correct(uri, reviewed, colors)
        found = run_label(store, Settings())
        after = store.read("labels").to_pylist()
        assert blob(store, "models") == fitted, "thresholds move only on a full run"
        assert Runs(store).last("label")["facts"]["full"] is False
    return Grown(uri, before, after, int(found.counts["labelled again"]), reviewed)


def correct(uri: str, rows: list[int], colors: npt.NDArray[np.int64]) -> None:
    log = open_log(uri)
    for row in rows:
        value = COLORS[(colors[row] + 2) % 4]
        log.append([Decision(row, f"{row:032x}", "label", "hair_color", value)], "tester")
    log.close()


def blob(store: Store, name: str) -> bytes:
    return next(r["blob"] for r in store.read("label_models").to_pylist() if r["name"] == name)


def everything_labelled(uri: str) -> list[dict[str, Any]]:
    """Label all items by the models as they were fitted and the reference items of now."""
    with Store.open(uri, write=True) as store:
        items = ItemLoader(store, VOCABULARY, Settings()).load_all()
        state = load_state(store, len(VOCABULARY.attributes))
        assert state is not None
        update = find_update(VOCABULARY, load_stored(store), state, items, digests(items))
        update.rows = np.arange(len(items.dataset))
        stage._label_some(store, VOCABULARY, Settings(), items, update)
        return store.read("labels").to_pylist()


def same(first: list[dict[str, Any]], second: list[dict[str, Any]]) -> None:
    assert [r["row"] for r in first] == [r["row"] for r in second]
    for one, other in zip(first, second, strict=True):
        assert {name: one[name] for name in FIELDS} == {name: other[name] for name in FIELDS}
        for name in ("hair_color_confidence", "gender_confidence"):
            # A matrix product of fewer rows may round otherwise in the last bits, and log odds make more of them.
            assert one[name] == pytest.approx(other[name], abs=1e-4)


def test_it_gives_what_labelling_everything_gives(grown: Grown, tmp_path: Path) -> None:
    shutil.copytree(grown.uri, tmp_path / "all")
    with Store.open(tmp_path / "all") as store:
        noise = store.read("label_noise").to_pylist()
    same(grown.after, everything_labelled(str(tmp_path / "all")))
    with Store.open(tmp_path / "all") as store:
        again = store.read("label_noise").to_pylist()
    assert [(r["row"], r["value"], r["kind"]) for r in noise] == [
        (r["row"], r["value"], r["kind"]) for r in again
    ]


def test_new_items_are_labelled_and_corrections_felt(grown: Grown) -> None:
    assert NEW < grown.relabelled <= OLD + NEW
    assert len(grown.after) == OLD + NEW
    moved = [
        one["row"]
        for one, other in zip(grown.before, grown.after, strict=False)
        if one["hair_color_confidence"] != pytest.approx(other["hair_color_confidence"], abs=1e-5)
    ]
    assert len(set(moved) - set(grown.reviewed)) > 10, "neighbours of a correction feel it"
    assert all(grown.after[row]["hair_color_source"] == "review" for row in grown.reviewed)
    assert any(row["hair_color_source"] == "model" for row in grown.after[OLD:])


def test_one_review_after_another_gives_the_same(grown: Grown, tmp_path: Path) -> None:
    uri = str(tmp_path / "again")
    shutil.copytree(grown.uri, uri)
    colors = np.zeros(OLD, np.int64)
    for rows in ([40], [41, 40]):
        correct(uri, rows, colors)
        with Store.open(uri, write=True) as store:
            relabelled = int(run_label(store, Settings()).counts["labelled again"])
            assert len(rows) <= relabelled < 0.8 * (OLD + NEW), (
                "far from the correction nothing is labelled again"
            )
            found = store.read("labels").to_pylist()
        shutil.copytree(uri, f"{uri}-{len(rows)}")
        same(found, everything_labelled(f"{uri}-{len(rows)}"))


def test_an_undone_review_leaves_no_trace(grown: Grown, tmp_path: Path) -> None:
    uri = str(tmp_path / "undone")
    shutil.copytree(grown.uri, uri)
    log = open_log(uri)
    batch = log.append([Decision(50, f"{50:032x}", "label", "hair_color", "red")], "tester")
    with Store.open(uri, write=True) as store:
        run_label(store, Settings())
        log.undo(batch, "tester")
        log.close()
        run_label(store, Settings())
        same(store.read("labels").to_pylist(), grown.after)


def test_a_full_run_learns_anew(grown: Grown, tmp_path: Path) -> None:
    shutil.copytree(grown.uri, tmp_path / "full")
    with Store.open(tmp_path / "full", write=True) as store:
        before = store.read("label_models").to_pylist()
        run_label(store, Settings(), full=True)
        after = store.read("label_models").to_pylist()
        assert [record["name"] for record in before] == [record["name"] for record in after]
        assert before[0]["name"] == "models" and before[0]["blob"] != after[0]["blob"]
        assert Runs(store).last("label")["facts"]["full"] is True
        after = store.read("labels").to_pylist()
    both = [
        (one, other)
        for one, other in zip(grown.after, after, strict=True)
        if one["hair_color"] and other["hair_color"]
    ]
    assert len(both) > 1000
    assert np.mean([one["hair_color"] == other["hair_color"] for one, other in both]) > 0.99


def test_many_changes_are_learned(
    grown: Grown, tmp_path: Path, planted_vectors: Callable[..., Any], planter: Callable[..., None]
) -> None:
    shutil.copytree(grown.uri, tmp_path / "many")
    x, colors = planted_vectors(450, seed=9)
    rows = np.arange(OLD + NEW, OLD + NEW + 450)
    with Store.open(tmp_path / "many", write=True) as store:
        planter(store, rows, x, colors, np.ones(450, bool), np.empty(0, np.int64))
        found = run_label(store, Settings())
        assert Runs(store).last("label")["facts"]["full"] is True
        assert store.count("labels") == OLD + NEW + 450
    assert any("learned anew" in note for note in found.notes)


@pytest.mark.parametrize("stop", ["label_noise", "label_models", "label_state"])
def test_a_killed_run_is_made_good_by_the_next(
    grown: Grown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: str
) -> None:
    uri, whole = str(tmp_path / "killed"), str(tmp_path / "whole")
    shutil.copytree(grown.uri, uri)
    correct(uri, [60, 61], np.zeros(OLD, np.int64))
    shutil.copytree(uri, whole)
    with Store.open(whole, write=True) as store:
        run_label(store, Settings())
        expected = store.read("labels").to_pylist()
    replace = Store.replace

    def killed(self: Store, table: str, *rest: Any) -> None:
        if table == stop:
            raise KeyboardInterrupt
        replace(self, table, *rest)

    with Store.open(uri, write=True) as store:
        monkeypatch.setattr(Store, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            run_label(store, Settings())
        monkeypatch.undo()
        run_label(store, Settings())
        same(store.read("labels").to_pylist(), expected)
