"""The label stage on a store with planted labels: who wins, who is silent, what is listed, and that it repeats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index.reviews.open import open_log
from index.stages.parallel import in_order
from index.store import Store
from label.predict.explain import explain
from label.report import write_report
from label.stage import run_label
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
    voted = [row for row in rows if row["hair_color"] and row["hair_color_source"] == "fused"]
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
        noise = [each for each in store.read("label_noise").to_pylist() if each["kind"] == "wrong"]
    listed = [each["row"] for each in noise if each["attribute"] == "hair_color"]
    assert len(set(planted.wrong.tolist()) & set(listed)) >= 6
    assert [each["rank"] for each in noise if each["attribute"] == "hair_color"] == list(
        range(1, len(listed) + 1)
    )


def test_several_characters_are_flagged_and_get_no_votes(planted: Any) -> None:
    rows = labelled(planted)
    for row in planted.several.tolist():
        assert rows[row]["ambiguous"]
        assert "two" in rows[row]["ambiguous_reason"]
    with Store.open(planted.uri) as store:
        explained = explain(store, Settings(), int(planted.untagged[0]), "hair_color")
    assert not {voter.row for voter in explained.voters} & set(planted.several.tolist())


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
    usual = sum(row["hair_color_source"] == "fused" for row in labelled(planted_copy))
    rows = labelled_again(planted_copy, "label.sources=tags,votes", "label.precision=0.995")
    assert {row["hair_color_source"] for row in rows if row["hair_color"]} <= {"tag", "vote"}
    assert sum(row["hair_color_source"] == "vote" for row in rows) < usual
    rows = labelled_again(planted_copy, "label.sources=votes")
    assert all(row["hair_color"] is None for row in rows)


def test_an_explanation_names_voters_weights_and_thresholds(planted: Any) -> None:
    rows = labelled(planted)
    row = next(each["row"] for each in rows if each["hair_color_source"] == "fused")
    with Store.open(planted.uri) as store:
        found = explain(store, Settings(), row, "hair_color")
        silent = explain(store, Settings(), row, "ethnicity")
    assert found.label == (rows[row]["hair_color"],)
    assert found.confidence == pytest.approx(found.chances[0][1], abs=1e-4)
    assert len(found.voters) == 10
    assert np.all(np.diff([voter.weight for voter in found.voters]) <= 0)
    assert row not in {voter.row for voter in found.voters}
    assert "voters" in str(found)
    assert "no label" in str(silent)


def test_the_report_has_figures_of_held_out_items(planted: Any, tmp_path: Path) -> None:
    labelled(planted)
    with Store.open(planted.uri) as store:
        path = write_report(store, Settings(), tmp_path / "report")
    page = path.read_text()
    assert "<svg" in page
    assert "Hair" in page
    figures = json.loads((path.parent / "labels.json").read_text())
    held = figures["attributes"]["hair_color"]["held_out"]
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
