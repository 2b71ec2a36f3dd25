"""The review log of one store, replayed onto another."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from index.reviews.effective import effective_reviews
from index.reviews.open import open_log
from index.reviews.replay import Replayed, export_reviews, replay_reviews
from index.store import Store
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
        assert replay_reviews(other, tmp_path / "log.jsonl") == Replayed(written=6, missing=1)
        again = replay_reviews(other, tmp_path / "log.jsonl")
        assert again == Replayed(known=6, missing=1), "a second replay changes nothing"
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
        assert replay_reviews(other, tmp_path / "log.jsonl") == Replayed(written=1)
        assert [review.seen for review in open_log(other).scan()] == [seen]


def record(batch: str = "b1", **values: object) -> dict[str, object]:
    return {
        "decision": 1, "batch": batch, "time": "2026-01-02T03:04:05.678901+00:00", "reviewer": "Ann", "row": 3,
        "item_id": "0" * 32, "kind": "label", "attribute": "hair_color", "value": "red", "action": "set",
        "group_id": None, "other": None, "seen": None, **values,
    }  # fmt: skip


BAD: list[tuple[bytes, str]] = [
    (b"{", "no JSON"),
    (b"\xff\xfe{}", "no UTF-8"),
    (b"[]", "no JSON object"),
    (b"1", "no JSON object"),
    (b'{"row": 1}', "it has no decision, batch"),
    (b"[" * 100_000, "no JSON"),
    (b" " + b"x" * (5 * 2**20), "longer than"),
    *(
        (json.dumps(record(**{name: value})).encode(), words)  # type: ignore[arg-type]
        for name, value, words in (
            ("decision", "1", "decision is '1'"),
            ("row", True, "row is True"),
            ("row", 2**70, "not a number of a log"),
            ("row", -1, "not the id of an item"),
            ("value", 7, "value is 7, not a text"),
            ("value", "x" * 5000, "value has 5,000 letters"),
            ("value", "\ud800", "half a character"),
            ("batch", "", "batch is empty"),
            ("time", "yesterday", "not a time"),
            ("reviewer", "\x1b[31mAnn", "not a name"),
            ("reviewer", "A" * 81, "not a name"),
            ("kind", "lable", "there are: label"),
            ("item_id", "' OR 1", "not the id of an item"),
            ("action", "sett", "there are: set"),
            ("attribute", None, "names its attribute"),
        )
    ),
    (json.dumps(record(value=None, action="add")).encode(), "add needs a value"),
    (json.dumps(record(kind="group", value="kept")).encode(), "there are: keep"),
    (json.dumps(record(kind="group", value="keep", other="a b")).encode(), "ids of items"),
    (json.dumps(record(kind="subjects", value="two")).encode(), "there are: several"),
    (json.dumps(record(kind="undo", action="undo")).encode(), "names the batch"),
]


def test_bad_lines_are_told_by_number_and_good_ones_taken(ui_store: Path, tmp_path: Path) -> None:
    with Store.open(ui_store) as store:
        items = store.read("items", ["row", "item_id"]).to_pylist()
        good = [json.dumps(record(item_id=item["item_id"], row=900)).encode() for item in items[:3]]
        lines = [good[0], *(line for line, _ in BAD), good[1], b"", good[2]]
        (tmp_path / "log.jsonl").write_bytes(b"\n".join(lines))
        replayed = replay_reviews(store, tmp_path / "log.jsonl")
        assert replayed.written == 3
        assert [number for number, _ in replayed.problems] == list(range(2, len(BAD) + 2))
        for (_, words), (number, reason) in zip(BAD, replayed.problems, strict=True):
            assert words in reason, (number, reason)
            assert len(reason) < 200
        assert {row for row, _ in effective_reviews(store).labels} == {0, 1, 2}


def test_a_mended_line_is_taken_and_overturns_nothing_later(ui_store: Path, tmp_path: Path) -> None:
    with Store.open(ui_store) as store:
        items = store.read("items", ["row", "item_id"]).to_pylist()
        one, two = items[0]["item_id"], items[1]["item_id"]
        lines = [
            record("b1", item_id=one, value="red"),
            record("b1", item_id=two, value="red"),
            record("b2", item_id=one, value="blue"),
        ]
        broken = [json.dumps(line) for line in lines]
        broken[0] = broken[0].replace('"action"', '"aktion"')
        broken[1] = broken[1].replace('"action"', '"aktion"')
        (tmp_path / "log.jsonl").write_text("\n".join(broken))
        first = replay_reviews(store, tmp_path / "log.jsonl")
        assert (first.written, [number for number, _ in first.problems]) == (1, [1, 2])
        (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, lines)))
        again = replay_reviews(store, tmp_path / "log.jsonl")
        assert (again.written, again.known, again.late, again.problems) == (1, 1, 1, ())
        labels = effective_reviews(store).labels
        assert labels[0, "hair_color"].values == ("blue",)
        assert labels[1, "hair_color"].values == ("red",)


def test_a_value_that_the_vocabulary_does_not_have_is_taken_and_listed(
    ui_store: Path, tmp_path: Path
) -> None:
    from click.testing import CliRunner

    from ui.main import cli

    with Store.open(ui_store) as store:
        items = store.read("items", ["row", "item_id"]).to_pylist()
        lines = [
            record("b1", item_id=items[0]["item_id"], value="golden"),
            record("b2", item_id=items[1]["item_id"], value="golden"),
            record("b3", item_id=items[1]["item_id"], attribute="mood", value="\x1b[31mgay"),
        ]
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n{")
    done = CliRunner().invoke(
        cli, ["review", "--store", str(ui_store), "--replay", str(tmp_path / "log.jsonl")]
    )
    assert done.exit_code == 3
    assert "replayed 3 decisions" in done.output
    assert "line 4: it is no JSON" in done.output
    status = CliRunner().invoke(cli, ["status", "--store", str(ui_store)])
    assert status.exit_code == 0, status.output
    listed = [line.split() for line in status.output.splitlines()]
    assert ["hair_color", "golden", "2"] in listed
    assert ["mood", "?[31mgay", "1"] in listed
