"""The demo in small: what it draws, that it draws the same again, and how it compares found with drawn."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from PIL import Image

from index.store import Store
from schema import tables
from schema.errors import LikenessError
from schema.settings import Settings, load_settings
from schema.vocabulary import load_vocabulary
from ui.demo.collection import EDITS, RECORD, Drawn, draw_collection
from ui.demo.run import (
    comparison,
    demo_settings,
    duplicate_findings,
    label_findings,
    said_by,
    write_settings,
)


@pytest.fixture(scope="module")
def small_collection(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Drawn]]:
    folder = tmp_path_factory.mktemp("demo")
    return folder, draw_collection(folder, 44)


def test_the_collection_holds_everything_that_goes_wrong(small_collection: tuple[Path, list[Drawn]]) -> None:
    folder, drawn = small_collection
    kinds = {each.edit for each in drawn}
    assert {"original", "two characters", "broken"} < kinds
    assert {name for name, _ in EDITS} <= kinds
    assert len(drawn) == 44
    assert any(each.given is None for each in drawn)
    for each in drawn:
        path = folder / "pictures" / each.name
        assert path.exists()
        assert path.with_suffix(".txt").exists() == bool(each.given or each.text)
        if each.edit != "broken":
            with Image.open(path) as picture:
                assert picture.width >= 100
    same = next(each for each in drawn if each.edit == "same file")
    original = next(each for each in drawn if each.picture == same.picture and each.edit == "original")
    assert (folder / "pictures" / same.name).read_bytes() == (
        folder / "pictures" / original.name
    ).read_bytes()


def test_a_second_call_reads_what_was_drawn(small_collection: tuple[Path, list[Drawn]]) -> None:
    folder, drawn = small_collection
    stamp = (folder / RECORD).stat().st_mtime_ns
    assert draw_collection(folder, 44) == drawn
    assert (folder / RECORD).stat().st_mtime_ns == stamp
    with pytest.raises(LikenessError, match="another demo collection"):
        draw_collection(folder, 45)


def test_what_complete_tags_say() -> None:
    vocabulary = load_vocabulary()
    assert said_by(vocabulary.attribute("hair_color"), ["1girl", "blonde_hair"]) == ["blonde"]
    assert said_by(vocabulary.attribute("hair_color"), ["1girl"]) == []
    assert "green yukata" in said_by(vocabulary.attribute("dress"), ["yukata", "green_yukata"])


@pytest.fixture
def compared(tmp_path: Path) -> tuple[Store, list[Drawn]]:
    """Four files: two of one picture in one group, a stranger in it too, and one alone."""
    drawn = [
        Drawn("0.png", 0, 0, "original", ["blonde_hair"], ["blonde_hair"]),
        Drawn("1.png", 0, 0, "resized", ["blonde_hair"], None),
        Drawn("2.png", 1, 1, "original", ["red_hair"], None),
        Drawn("3.png", 2, 2, "original", ["red_hair"], None),
    ]
    hair = ["blonde", "blonde", "black", None]
    ids = [f"{n:032x}" for n in range(4)]
    store = Store.open(tmp_path / "store", create=True, write=True)
    items = [
        dict.fromkeys(tables.ITEMS.names)
        | {
            "row": n,
            "item_id": ids[n],
            "source": 0,
            "ordinal": n,
            "keys": [f"{n}.png"],
            "status": "ok",
            "commit": 0,
        }
        for n in range(4)
    ]
    store.append("items", pa.Table.from_pylist(items, tables.ITEMS), tables.ITEMS)
    schema = tables.labels([(a.name, a.kind) for a in load_vocabulary().attributes])
    labels = [
        dict.fromkeys(schema.names)
        | {"row": n, "item_id": ids[n], "ambiguous": False, "hair_color": hair[n]}
        | {"hair_color_source": ("tag" if n == 0 else "model") if hair[n] else None}
        for n in range(4)
    ]
    store.replace("labels", pa.Table.from_pylist(labels, schema), schema)
    groups = [
        dict.fromkeys(tables.GROUPS.names)
        | {
            "row": n,
            "item_id": ids[n],
            "group_id": "g",
            "verdict": "same artwork" if n else "kept",
            "keep": n == 0,
            "reason": "",
        }
        for n in range(3)
    ]
    store.replace("groups", pa.Table.from_pylist(groups, tables.GROUPS), tables.GROUPS)
    yield store, drawn
    store.close()


def test_labels_are_compared_with_the_truth(compared: tuple[Store, list[Drawn]]) -> None:
    store, drawn = compared
    rows = {f"{n}.png": n for n in range(4)}
    found = {f.attribute: f for f in label_findings(store, drawn, rows)}["hair_color"]
    assert (found.known, found.labelled, found.right, found.inferred, found.inferred_right) == (4, 3, 2, 2, 1)


def test_pairs_are_compared_with_the_truth(compared: tuple[Store, list[Drawn]]) -> None:
    store, drawn = compared
    found = duplicate_findings(store, drawn, {f"{n}.png": n for n in range(4)})
    assert (found.drawn, found.found, found.false) == (1, 1, 2)
    assert found.by_kind == {"resized": (1, 1, 1)}
    text = comparison(store, drawn)
    assert "1 of 1 pairs found, 2 false" in text


def test_the_settings_of_the_demo_can_be_read_again(tmp_path: Path) -> None:
    chosen = demo_settings(Settings())
    assert [gate.name for gate in chosen.gate] == ["bars", "hair unknown"]
    write_settings(chosen, tmp_path / "demo.toml")
    assert load_settings(tmp_path / "demo.toml") == chosen
    own = load_settings(None, ["select.top=5"])
    assert demo_settings(own).gate == () and demo_settings(own).measure.names == ()
