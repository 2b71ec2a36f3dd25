"""Taggers: three tiny files with the three signatures give exactly the expected probabilities."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from curate.measures.tagger import Tagger
from curate.stage import run_measure
from index.images.decode import decode
from index.stages.row_plugin import Batch
from index.store import Store
from schema.errors import ModelError
from schema.settings import Settings, load_settings

pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")

SIDE = 8
CSV = "tag_id,name,category,count\n0,general,9,1\n1,explicit,9,1\n2,red_hair,0,9\n3,blue_hair,0,9\n4,hatsune_miku,4,3\n"


@pytest.fixture
def tagger_file(write_onnx: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """Writes a tagger that takes the mean of each channel by a matrix to five outputs."""

    def write(layout: str, weights: Any, bias: Any, sigmoid: bool, name: str = "tagger") -> Path:
        shape = ["batch", SIDE, SIDE, 3] if layout == "nhwc" else ["batch", 3, SIDE, SIDE]
        axes = [1, 2] if layout == "nhwc" else [2, 3]
        nodes: list[Any] = [
            ("ReduceMean", ["input"], ["mean"], {"axes": axes, "keepdims": 0}),
            ("Gemm", ["mean", "w", "b"], ["logits" if sigmoid else "output"], {}),
        ]
        if sigmoid:
            nodes.append(("Sigmoid", ["logits"], ["output"], {}))
        arrays = {"w": np.asarray(weights, np.float32), "b": np.asarray(bias, np.float32)}
        return write_onnx(tmp_path / name / "model.onnx", shape, nodes, arrays, {"output": ["batch", 5]})

    return write


def sigmoid(value: Any) -> Any:
    return 1 / (1 + np.exp(-np.asarray(value, np.float64)))


# Rows are blue, green, red for WD: red_hair hears the last one.
WD_WEIGHTS = np.array([[0, 0, 0, 0.02, 0.01], [0, 0, 0, 0, 0], [0.004, 0, 0.02, 0, 0]])
WD_BIAS = np.array([0, -1, -3, -3, -9])


def pictures(tmp_path: Path) -> dict[str, Path]:
    """Return a red square, a tall red picture, a transparent one, and a stripe of one pixel."""
    made = {
        "square": Image.new("RGB", (32, 32), (255, 0, 0)),
        "tall": Image.new("RGB", (16, 32), (255, 0, 0)),
        "clear": Image.new("RGBA", (32, 32), (255, 0, 0, 0)),
        "stripe": Image.new("RGB", (1, 64), (255, 0, 0)),
    }
    for name, image in made.items():
        image.save(tmp_path / f"{name}.png")
    return {name: tmp_path / f"{name}.png" for name in made}


def measured(folder: Path, paths: dict[str, Path], **options: Any) -> dict[str, dict[str, Any]]:
    given = {"path": str(folder), "floor": 0.0, **options}
    tagger = Tagger(Settings.model_validate({"measure": {"tagger": given}}))
    tagger.load()
    import pyarrow as pa

    inputs = [tagger.prepare(decode(path.read_bytes(), target=tagger.side)) for path in paths.values()]
    results = tagger.compute(Batch(pa.table({"row": range(len(inputs))}), inputs))
    rows = {}
    for at, name in enumerate(paths):
        pairs = zip(
            results.columns["tagger_tags"][at], results.columns["tagger_probabilities"][at], strict=True
        )
        rows[name] = dict(pairs) | {
            "rating": results.columns["tagger_rating"][at],
            "sure": results.columns["tagger_rating_probability"][at],
            "characters": results.columns["tagger_characters"][at],
        }
    return rows


def mean_bgr(share: float) -> np.ndarray:
    """Mean of a red picture that fills so much of a white square."""
    return np.array([255 * (1 - share), 255 * (1 - share), 255.0])


def test_wd_bgr_padded_white(tagger_file: Callable[..., Path], tmp_path: Path) -> None:
    folder = tagger_file("nhwc", WD_WEIGHTS, WD_BIAS, True).parent
    (folder / "selected_tags.csv").write_text(CSV)
    found = measured(folder, pictures(tmp_path))
    # A stripe of one pixel keeps one of eight columns.
    for name, share in {"square": 1.0, "tall": 0.5, "clear": 0.0, "stripe": 1 / SIDE}.items():
        expected = sigmoid(mean_bgr(share) @ WD_WEIGHTS + WD_BIAS)
        row = found[name]
        assert row["red_hair"] == pytest.approx(expected[2], abs=1e-3), name
        assert row["blue_hair"] == pytest.approx(expected[3], abs=1e-3), name
        assert (row["rating"], row["sure"]) == ("g", pytest.approx(expected[0], abs=1e-3))
        assert row["characters"] == ["hatsune_miku"]
    assert found["square"]["red_hair"] > 0.8 > 0.2 > found["square"]["blue_hair"]
    kept = measured(folder, pictures(tmp_path), floor=0.5)["square"]
    assert "red_hair" in kept and "blue_hair" not in kept and kept["characters"] == []


def test_nchw_logits_normalised_by_the_file_beside_it(
    tagger_file: Callable[..., Path], tmp_path: Path
) -> None:
    weights = np.array([[0, 0, 2, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 2, 0]])
    folder = tagger_file("nchw", weights, np.array([1, -1, 0, -4, -4]), False).parent
    (folder / "selected_tags.csv").write_text(CSV)
    paths = {"square": pictures(tmp_path)["square"]}
    row = measured(folder, paths)["square"]
    assert row["red_hair"] == pytest.approx(sigmoid(2.0), abs=1e-3)
    assert row["blue_hair"] == pytest.approx(sigmoid(-2.0 - 4), abs=1e-3)
    beside = {"mean": [0.0, 0.0, 0.0], "std": [0.5, 0.5, 0.5], "fit": "pad"}
    (folder / "preprocess.json").write_text(json.dumps(beside))
    row = measured(folder, paths)["square"]
    assert row["red_hair"] == pytest.approx(sigmoid(4.0), abs=1e-3)


def test_tag_mapping_in_both_forms_and_thresholds(tagger_file: Callable[..., Path], tmp_path: Path) -> None:
    from curate.models.tag_names import tagger_tags

    model = tagger_file("nchw", np.zeros((3, 5)), np.array([3, 0, -1, 1, -9]), True)
    names = ["rating_explicit", "solo", "^_^", "rin (vocaloid)", "wlop"]
    kinds = ["Rating", "General", "General", "Character", "Artist"]
    flat = {
        str(n): {"tag": tag, "category": kind} for n, (tag, kind) in enumerate(zip(names, kinds, strict=True))
    }
    (model.parent / "tag_mapping.json").write_text(json.dumps(flat))
    (model.parent / "threshold.json").write_text(json.dumps({"General": 0.3, "character": 0.6}))
    tags = tagger_tags(model)
    assert [tag.threshold for tag in tags] == [0.0, 0.3, 0.3, 0.6, 0.0]
    row = measured(model.parent, {"square": pictures(tmp_path)["square"]})["square"]
    assert row["characters"] == ["rin_(vocaloid)"]
    assert row["solo"] == pytest.approx(0.5, abs=1e-4)
    assert "^_^" in row
    nested = {"idx_to_tag": dict(enumerate(names)), "tag_to_category": dict(zip(names, kinds, strict=True))}
    (model.parent / "tag_mapping.json").write_text(json.dumps(nested))
    assert [tag.category for tag in tagger_tags(model)] == [kind.lower() for kind in kinds]


def test_files_that_do_not_fit_are_told(tagger_file: Callable[..., Path], tmp_path: Path) -> None:
    model = tagger_file("nhwc", WD_WEIGHTS, WD_BIAS, True)
    paths = {"square": pictures(tmp_path)["square"]}
    with pytest.raises(ModelError, match="does not say what its tags are"):
        measured(model.parent, paths)
    (model.parent / "selected_tags.csv").write_text(CSV + "5,one_more,0,1\n")
    with pytest.raises(ModelError, match="gives 5 numbers, and 6 tags"):
        measured(model.parent, paths)
    (model.parent / "selected_tags.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ModelError, match="no columns name and category"):
        measured(model.parent, paths)
    with pytest.raises(ModelError, match="no tagger is named"):
        Tagger(Settings()).load()


def test_likeness_measure_tagger_fills_a_table_that_filters_read(
    tagger_file: Callable[..., Path], picture_store: Callable[..., tuple[Store, list[Path]]]
) -> None:
    from index.filters import matching_rows

    folder = tagger_file("nhwc", WD_WEIGHTS, WD_BIAS, True).parent
    (folder / "selected_tags.csv").write_text(CSV)
    store, _ = picture_store(5)
    settings = load_settings(None, [f"measure.tagger.path={folder}", "measure.tagger.floor=0"])
    assert run_measure(store, settings, ["tagger"]).counts["measured"] == 5
    assert run_measure(store, settings, ["tagger"]).skipped
    assert len(matching_rows(store, "has(tagger_tags, 'red_hair')")) == 5
    (folder / "selected_tags.csv").write_text(CSV.replace("red_hair", "pink_hair"))
    assert run_measure(store, settings, ["tagger"]).counts["measured"] == 5
    assert len(matching_rows(store, "has(tagger_tags, 'pink_hair')")) == 5
