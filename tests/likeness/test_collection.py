"""An open collection answers as the command line does: same tables, same functions, errors in sentences."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import likeness
from index.filters import matching_rows
from index.store import Store
from schema.errors import (
    EncoderError,
    ExportError,
    FilterError,
    InputError,
    ReviewConflict,
    SettingsError,
    StoreBusy,
    StoreError,
    VocabularyError,
)

# The first test of a worker makes the demo, which takes half a minute on two idle cores.
pytestmark = pytest.mark.timeout(600)


def test_items_are_those_of_the_store(collection: likeness.Collection) -> None:
    items = collection.items()
    assert len(items) == len(collection)
    assert not {"row", "commit", "ordinal"} & set(items.columns)
    assert {"item_id", "keys", "uri", "width", "tags", "source_rating"} <= set(items.columns)
    assert Counter(items["status"])["failed"] == 2
    wide = collection.items("width >= 200 and status = 'ok'")
    assert 0 < len(wide) < len(items)
    assert min(wide["width"]) >= 200
    assert [each["item_id"] for each in wide] == wide["item_id"]


def test_labels_and_their_filter(collection: likeness.Collection) -> None:
    blonde = collection.labels("hair_color = 'blonde'")
    assert blonde["hair_color"] == ["blonde"] * len(blonde)
    every = collection.labels()
    assert Counter(every["hair_color"])["blonde"] == len(blonde)
    for name in ("hair_color", "hair_color_confidence", "hair_color_source", "dress"):
        assert name in every.columns


def test_groups_have_their_kept_one_first(collection: likeness.Collection) -> None:
    groups = collection.groups().to_pylist()
    assert groups
    first = {}
    for member in groups:
        first.setdefault(member["group_id"], member)
        assert member["reason"]
    assert all(member["verdict"] == "kept" for member in first.values())
    set_aside = collection.groups("not keep")
    assert set(set_aside["keep"]) == {False}


def test_vectors_come_with_their_ids(collection: likeness.Collection) -> None:
    vectors = collection.vectors()
    assert vectors.data.shape == (len(vectors), 256)
    some = collection.vectors("hair_color = 'blonde'")
    assert some.item_ids == collection.labels("hair_color = 'blonde'")["item_id"]
    place = vectors.item_ids.index(some.item_ids[0])
    assert np.array_equal(vectors.data[place], some.data[0])
    nothing = collection.vectors("width > 100000")
    assert nothing.data.shape == (0, 256)


def test_similar_to_an_item_a_picture_and_a_text(collection: likeness.Collection) -> None:
    item = collection.items("status = 'ok'").to_pylist()[0]
    by_id = collection.similar(id=item["item_id"], k=5)
    assert len(by_id) == 5
    assert item["item_id"] not in by_id["item_id"]
    assert by_id["similarity"] == sorted(by_id["similarity"], reverse=True)
    vectors = collection.vectors()
    own = vectors.data[vectors.item_ids.index(item["item_id"])].astype(np.float32)
    exact = np.sort(vectors.data.astype(np.float32) @ own)[::-1][1:6]
    assert by_id["similarity"] == pytest.approx(exact.tolist(), abs=1e-3)
    assert collection.similar(id=item["keys"][0], k=5)["item_id"] == by_id["item_id"]
    by_picture = collection.similar(image=item["uri"], k=1)
    assert by_picture["item_id"] == [item["item_id"]]
    assert by_picture["similarity"][0] == pytest.approx(1, abs=1e-3)
    changed = np.asarray(Image.open(item["uri"]).convert("RGB"))
    assert item["item_id"] in collection.similar(image=changed, k=3)["item_id"]
    by_text = collection.similar(text="a man with a beard", k=4, where="gender = 'male'")
    assert by_text["gender"] == ["male"] * 4


@pytest.mark.parametrize("asked", [{}, {"text": "a", "id": "b"}, {"text": "a", "k": 0}])
def test_one_thing_is_asked_for(collection: likeness.Collection, asked: dict[str, object]) -> None:
    with pytest.raises(InputError):
        collection.similar(**asked)  # type: ignore[arg-type]


def test_what_is_no_picture_is_said(collection: likeness.Collection, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the picture"):
        collection.similar(image=tmp_path / "none.png")
    with pytest.raises(EncoderError):
        collection.similar(image=b"not a picture")
    with pytest.raises(InputError, match="uint8"):
        collection.duplicates(np.zeros((4, 4)))
    with pytest.raises(FilterError):
        collection.items("hair_colour = 'blonde'").to_arrow()
    with pytest.raises(StoreError, match="no item"):
        collection.similar(id="nobody")


def test_duplicates_of_a_picture(collection: likeness.Collection) -> None:
    group = collection.groups("verdict = 'same artwork'").to_pylist()[0]
    uri = collection.items(f"item_id = '{group['item_id']}'")["uri"][0]
    found = collection.duplicates(uri).to_pylist()
    assert found[0]["item_id"] == group["item_id"]
    assert found[0]["verdict"] == "same file"
    assert len(found) > 1


def test_why_a_label_stands(collection: likeness.Collection) -> None:
    item = collection.labels("hair_color is not null")["item_id"][0]
    why = collection.explain(item, "hair_color")
    assert why.item_id == item
    assert str(why).startswith("hair_color of item")
    with pytest.raises(VocabularyError):
        collection.explain(item, "hair_colour")


def test_a_correction_counts_after_the_next_run_and_can_be_undone(writable: likeness.Collection) -> None:
    before = writable.labels("hair_color_source = 'tag' and hair_color = 'black'").to_pylist()[0]
    item = before["item_id"]
    made = writable.correct(item, "hair_color", "purple", reviewer="Ann")
    assert made.items == 1
    (summary,) = writable.run("label")
    assert not summary.skipped
    assert writable.run("label")[0].skipped
    (after,) = writable.labels(f"item_id = '{item}'").to_pylist()
    assert (after["hair_color"], after["hair_color_source"]) == ("purple", "review")
    writable.undo(made, reviewer="Ann")
    writable.run("label")
    assert writable.labels(f"item_id = '{item}'")["hair_color"] == ["black"]
    with pytest.raises(ReviewConflict):
        writable.undo(made, reviewer="Ann")


def test_many_items_and_many_values_at_once(writable: likeness.Collection) -> None:
    items = writable.items("status = 'ok'")["item_id"][:3]
    made = writable.correct(items, "accessories", ["hat", "glasses"], reviewer="Ann")
    assert made.items == 3
    writable.correct(items[0], "accessories", "glasses", action="remove", reviewer="Ann")
    writable.correct(items[1], "hair_color", None, reviewer="Ann")
    writable.run("label")
    labels = {row["item_id"]: row for row in writable.labels()}
    assert labels[items[0]]["accessories"] == ["hat"]
    assert set(labels[items[1]]["accessories"]) == {"hat", "glasses"}
    assert labels[items[1]]["hair_color"] is None


@pytest.mark.parametrize(
    ("attribute", "value", "action", "error"),
    [
        ("hair_colour", "blonde", "set", VocabularyError),
        ("hair_color", "blnde", "set", VocabularyError),
        ("hair_color", "blonde", "paint", InputError),
        ("hair_color", ["blonde", "black"], "set", InputError),
        ("hair_color", "blonde", "add", InputError),
        ("hair_color", None, "reject", InputError),
        ("accessories", [], "set", InputError),
    ],
)
def test_decisions_that_cannot_be_taken(
    writable: likeness.Collection, attribute: str, value: str, action: str, error: type[Exception]
) -> None:
    item = writable.items()["item_id"][0]
    with pytest.raises(error):
        writable.correct(item, attribute, value, action=action, reviewer="Ann")


def test_stages_run_by_name_and_in_order(tmp_path: Path, small_images: Path) -> None:
    with likeness.open(tmp_path / "store", create=True) as collection:
        assert len(collection) == 0
        with pytest.raises(StoreError, match="no labels yet"):
            collection.labels()
        (ingested,) = collection.run("ingest", sources=[small_images])
        assert ingested.counts["items"] == 12
        assert len(collection) == 12
        with pytest.raises(likeness.LikenessError, match="no stage"):
            collection.run("embbed")
        with pytest.raises(InputError, match="name the stage"):
            collection.run(full=True)
        with Store.open(tmp_path / "store", write=True), pytest.raises(StoreBusy):
            collection.run("dedupe")
        collection.run("dedupe")
        assert collection.groups().columns


def test_export_is_that_of_the_command_line(collection: likeness.Collection, tmp_path: Path) -> None:
    summary = collection.export(tmp_path / "out", where="hair_color = 'black'")
    table = pq.read_table(tmp_path / "out")
    assert table.num_rows == summary.counts["exported"] > 0
    assert set(table["hair_color"].to_pylist()) == {"black"}
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    with pytest.raises(ExportError):
        collection.export(tmp_path / "mine")


def test_opening(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store"):
        likeness.open(tmp_path / "nothing")
    with pytest.raises(SettingsError, match="did you mean precision"):
        likeness.open(tmp_path, settings={"label.precison": 0.9})
    with likeness.open(tmp_path / "new", create=True, settings={"label.precision": 0.9}) as collection:
        assert collection.settings.label.precision == 0.9
        assert "0 items" in repr(collection)


def test_rows_match_those_of_the_filter(collection: likeness.Collection) -> None:
    where = "dress is not null and not ambiguous"
    assert len(collection.items(where)) == len(matching_rows(collection.store, where))
