"""The label stage on a store with planted labels: what wins, what abstains, what is listed, and that it repeats."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest

from index.reviews.open import open_log
from index.stages.parallel import in_order
from index.store import Store
from label.report import figures
from label.stage import check_sources, run_label
from schema.errors import SettingsError
from schema.records import Decision
from schema.settings import Settings, load_settings

COLORS = ("black", "blonde", "red", "blue")


def labelled(planted: Any) -> list[dict[str, Any]]:
    with Store.open(planted.uri) as store:
        return store.read("labels").to_pylist()


def labelled_again(planted: Any, *overrides: str) -> list[dict[str, Any]]:
    with Store.open(planted.uri, write=True) as store:
        run_label(store, load_settings(None, overrides))
        return store.read("labels").to_pylist()


def test_untagged_items_get_right_labels_or_none(planted: Any) -> None:
    rows = labelled(planted)
    assert [row["row"] for row in rows] == list(range(600))
    voted = [row for row in rows if row["hair_color"] and row["hair_color_source"] == "model"]
    right = [row for row in voted if row["hair_color"] == COLORS[planted.colors[row["row"]]]]
    assert len(voted) > 100
    assert len(right) / len(voted) > 0.95
    assert all(0 < row["hair_color_confidence"] <= 1 for row in voted)
    assert all(row["hair_color_support"] >= 1 for row in voted)


def test_a_tag_stands_and_what_contradicts_it_is_listed(planted: Any) -> None:
    rows = labelled(planted)
    for row in planted.wrong.tolist():
        assert rows[row]["hair_color"] == COLORS[(planted.colors[row] + 1) % 4]
        assert rows[row]["hair_color_source"] == "tag"
    with Store.open(planted.uri) as store:
        noise = store.read("label_noise").to_pylist()
    listed = [r for r in noise if r["kind"] == "contradicted" and r["attribute"] == "hair_color"]
    assert len(set(planted.wrong.tolist()) & {r["row"] for r in listed}) >= 6
    assert [r["rank"] for r in listed] == list(range(1, len(listed) + 1))
    first = listed[0]
    assert first["suggestion"] == COLORS[planted.colors[first["row"]]] and first["probability"] > 0.5


def test_several_characters_are_flagged_and_get_no_predictions(planted: Any) -> None:
    rows = labelled(planted)
    for row in planted.several.tolist():
        assert rows[row]["ambiguous"]
        assert "two" in rows[row]["ambiguous_reason"]
        assert rows[row]["hair_color_source"] != "model"


def test_a_review_outranks_everything(planted_copy: Any) -> None:
    planted = planted_copy
    row, other = int(planted.untagged[0]), int(planted.wrong[0])
    log = open_log(planted.uri)
    for number, value in ((row, "green"), (other, None)):
        log.append([Decision(number, f"{number:032x}", "label", "hair_color", value)], "tester")
    log.close()
    rows = labelled_again(planted)
    assert (rows[row]["hair_color"], rows[row]["hair_color_source"]) == ("green", "review")
    assert rows[row]["hair_color_confidence"] == 1
    assert rows[other]["hair_color"] is None


def test_nothing_is_known_of_what_nobody_states(planted: Any) -> None:
    rows = labelled(planted)
    assert all(row["ethnicity"] is None and row["dress"] is None for row in rows)


def test_twice_is_once_and_the_same_bytes(planted_copy: Any) -> None:
    first = labelled(planted_copy)
    with Store.open(planted_copy.uri, write=True) as store:
        assert run_label(store, Settings()).skipped
        store.drop("labels")
        run_label(store, Settings())
        assert store.read("labels").to_pylist() == first


def test_sources_can_be_switched_off_and_a_higher_precision_says_less(planted_copy: Any) -> None:
    usual = sum(row["hair_color_source"] == "model" for row in labelled(planted_copy))
    rows = labelled_again(planted_copy, "label.sources=tags,votes", "label.precision=0.995")
    assert {row["hair_color_source"] for row in rows if row["hair_color"]} <= {"tag", "model"}
    assert sum(row["hair_color_source"] == "model" for row in rows) < usual
    rows = labelled_again(planted_copy, "label.sources=votes")
    assert all(row["hair_color"] is None for row in rows)


def test_an_unknown_source_is_refused_with_the_nearest_name() -> None:
    check_sources(("tags", "knn", "probe"))
    with pytest.raises(SettingsError, match="did you mean knn"):
        check_sources(("tags", "knnn"))


def test_contradicting_tags_are_records_and_a_certain_model_resolves_them(planted_copy: Any) -> None:
    rows = planted_copy.untagged[:30].tolist()
    with Store.open(planted_copy.uri, write=True) as store:
        items = store.read("items").to_pylist()
        for row in rows:
            true = COLORS[planted_copy.colors[row]]
            other = COLORS[(planted_copy.colors[row] + 1) % 4]
            items[row]["tags"] = ["1girl", "solo", f"{true}_hair", f"{other}_hair"]
        schema = store.schema("items")
        store.replace("items", pa.Table.from_pylist(items, schema), schema)
        run_label(store, Settings())
        labels = store.read("labels").to_pylist()
    resolved = 0
    for row in rows:
        (conflict,) = labels[row]["conflicts"]
        assert (conflict["attribute"], conflict["kind"]) == ("hair_color", "disagree")
        assert set(conflict["values"]) >= {COLORS[planted_copy.colors[row]]}
        assert conflict["resolved"] == labels[row]["hair_color"]
        if conflict["resolved"] is not None:
            resolved += conflict["resolved"] == COLORS[planted_copy.colors[row]]
            assert conflict["confidence"] == pytest.approx(labels[row]["hair_color_confidence"])
            assert labels[row]["hair_color_source"] == "model"
    assert resolved > 10


def test_the_report_has_figures_of_held_out_items(planted: Any) -> None:
    labelled(planted)
    with Store.open(planted.uri) as store:
        found = json.loads(json.dumps(figures(store, Settings())))
    held = found["attributes"]["hair_color"]["held_out"]
    assert held["calibration_items"] > 100
    assert found["attributes"]["dress"]["held_out"]["items_needed"] > 0
    assert held["precision"] > 0.95
    assert {value["value"] for value in held["values"]} == set(COLORS)


def test_several_threads_give_the_same_labels(planted_copy: Any) -> None:
    first = labelled(planted_copy)
    with Store.open(planted_copy.uri, write=True) as store:
        run_label(store, load_settings(None, ["label.threads=3"]), full=True)
        again = store.read("labels").to_pylist()
    for one, other in zip(first, again, strict=True):
        assert (one["hair_color"], one["gender"]) == (other["hair_color"], other["gender"])
        assert one["hair_color_confidence"] == pytest.approx(other["hair_color_confidence"], abs=1e-4)


def test_work_on_several_threads_comes_in_order() -> None:
    assert list(in_order(lambda x: x * x, range(20), 3)) == [x * x for x in range(20)]

    def fail(x: int) -> int:
        if x == 4:
            raise ValueError("four")
        return x

    with pytest.raises(ValueError, match="four"):
        list(in_order(fail, range(20), 3))
