"""The review log of one store, replayed onto another."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from index.reviews.effective import effective_reviews
from index.reviews.open import open_log
from index.reviews.replay import export_reviews, replay_reviews
from index.store import Store
from schema.errors import ReviewError
from schema.records import Decision


def test_export_and_replay_onto_another_store(ui_store: Path, tmp_path: Path, store_template: Path) -> None:
    shutil.copytree(store_template, tmp_path / "other")
    with Store.open(ui_store) as store, Store.open(tmp_path / "other") as other:
        ids = store.column("items", "row")
        assert len(ids)
        items = store.read("items", ["row", "item_id"]).to_pylist()
        log = open_log(store)
        batch = log.append(
            [Decision(i["row"], i["item_id"], "label", "hair_color", "red") for i in items[:5]], "Ann"
        )
        log.append([Decision(99, "f" * 32, "label", "hair_color", "red")], "Ann")
        log.undo(batch, "Bob")
        assert export_reviews(store, tmp_path / "log.jsonl") == 7
        assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 7
        assert replay_reviews(other, tmp_path / "log.jsonl") == (6, 1)
        assert replay_reviews(other, tmp_path / "log.jsonl") == (0, 1), "a second replay changes nothing"
        assert effective_reviews(other).labels == {}
        found = list(open_log(other).scan())
        assert [r.reviewer for r in found] == ["Ann"] * 5 + ["Bob"]


def test_any_character_may_stand_in_a_record(ui_store: Path, tmp_path: Path, store_template: Path) -> None:
    shutil.copytree(store_template, tmp_path / "other")
    with Store.open(ui_store) as store, Store.open(tmp_path / "other") as other:
        item = store.read("items", ["row", "item_id"]).to_pylist()[0]
        seen = "a\u2028b\u0085c\n d"
        open_log(store).append(
            [Decision(item["row"], item["item_id"], "label", "hair_color", "red", seen=seen)], "Ann"
        )
        export_reviews(store, tmp_path / "log.jsonl")
        assert replay_reviews(other, tmp_path / "log.jsonl") == (1, 0)
        assert [review.seen for review in open_log(other).scan()] == [seen]


def test_replay_names_the_bad_line(ui_store: Path, tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(json.dumps({"row": 1}) + "\n")
    with Store.open(ui_store) as store, pytest.raises(ReviewError, match="line 1"):
        replay_reviews(store, tmp_path / "log.jsonl")
