"""Scores of heads on vectors and of ONNX files on pictures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from curate.measures.conformance import CHECKS, Check, make_store
from curate.measures.score import Score
from curate.models.heads import load_head
from curate.stage import run_measure
from schema.errors import ModelError
from schema.settings import Settings, load_settings


def head(folder: Path, beside: dict[str, Any] | None = None, **layers: np.ndarray) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "taste.safetensors"
    rng = np.random.default_rng(2)
    made = layers or {"weight": rng.normal(size=(1, 16)).astype(np.float32), "bias": np.float32([0.5])}
    save_file({name: np.ascontiguousarray(value) for name, value in made.items()}, path)
    path.with_suffix(".json").write_text(json.dumps({"encoder": "test"} if beside is None else beside))
    return path


def named(path: Path) -> Settings:
    return load_settings(None, [f"measure.score.model={path}"])


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_it_keeps_what_measures_keep(check: Check, tmp_path: Path) -> None:
    check("score", named(head(tmp_path / "model")), tmp_path)


def test_a_linear_head_and_its_percentile(tmp_path: Path) -> None:
    path = head(tmp_path / "model")
    layer = load_head(path).layers[0]
    with make_store(tmp_path / "s") as store:
        run_measure(store, named(path), ["score"])
        vectors = store.vectors("test")
        wanted = (np.asarray(vectors.data, np.float32) @ layer[0].T)[:, 0] + 0.5
        rows = store.read("measures_score").to_pylist()
        assert [row["score"] for row in rows] == pytest.approx(wanted.tolist(), abs=1e-3)
        assert max(rows, key=lambda row: row["score"])["score_percentile"] > 90
        assert {row["score_model"] for row in rows} == {"taste"}


def test_layers_in_the_layout_of_the_laion_predictor(tmp_path: Path) -> None:
    import torch

    torch.manual_seed(1)
    network = torch.nn.Sequential(*(torch.nn.Linear(*size) for size in ((16, 12), (12, 8), (8, 1))))
    tensors = {}
    for number, place in enumerate((0, 2, 4)):
        tensors[f"layers.{place}.weight"] = network[number].weight.detach().numpy()
        tensors[f"layers.{place}.bias"] = network[number].bias.detach().numpy()
    vectors = np.random.default_rng(0).normal(size=(5, 16)).astype(np.float32)
    with torch.no_grad():
        plain = network(torch.from_numpy(vectors))[:, 0].numpy()
        bent = torch.nn.Sequential(network[0], torch.nn.GELU(), network[1], torch.nn.GELU(), network[2])
        curved = bent(torch.from_numpy(vectors))[:, 0].numpy()
    assert load_head(head(tmp_path / "a", None, **tensors))(vectors) == pytest.approx(plain, abs=1e-4)
    gelu = {"encoder": "test", "activation": "gelu", "scale": 2.0, "shift": 1.0}
    assert load_head(head(tmp_path / "b", gelu, **tensors))(vectors) == pytest.approx(
        2 * curved + 1, abs=1e-4
    )


@pytest.mark.parametrize(
    ("beside", "layers", "reason"),
    [
        ({"encoder": "other"}, {}, "made for vectors of other"),
        ({"encoder": "test"}, {"weight": np.zeros((1, 8), np.float32)}, "takes 8 numbers, vectors have 16"),
        ({"encoder": "test"}, {"weight": np.zeros((2, 16), np.float32)}, "ends in 2 numbers"),
        ({}, {}, "does not name the encoder"),
        ({"encoder": "test", "activation": "tanh"}, {}, "activation takes"),
        ({"encoder": "test", "colour": 1}, {}, "colour is not known"),
        (
            {"encoder": "test"},
            {"0.weight": np.zeros((4, 16), np.float32), "1.weight": np.zeros((1, 3), np.float32)},
            "takes 3 numbers, the layer before",
        ),
    ],
)
def test_a_head_that_does_not_fit_is_refused(
    beside: dict[str, Any], layers: dict[str, np.ndarray], reason: str, tmp_path: Path
) -> None:
    path = head(tmp_path / "model", beside, **layers)
    with make_store(tmp_path / "s") as store, pytest.raises(ModelError, match=reason):
        run_measure(store, named(path), ["score"])


def test_ordered_classes_of_a_picture_model(
    write_onnx: Callable[..., Path], tmp_path: Path, engine: str
) -> None:
    # Three classes by the mean of the channels: red is best, green normal, blue worst; named in another order.
    nodes = [
        ("ReduceMean", ["input"], ["mean"], {"axes": [2, 3], "keepdims": 0}),
        ("Softmax", ["mean"], ["output"], {"axis": 1}),
    ]
    path = write_onnx(tmp_path / "model.onnx", ["batch", 3, 8, 8], nodes, {}, {"output": ["batch", 3]})
    names = {"size": [8, 8], "scale": 0.1, "labels": ["best", "normal", "worst"]}
    path.with_suffix(".json").write_text(json.dumps(names))
    from PIL import Image

    from index.images.decode import Picture
    from index.stages.row_plugin import Batch

    score = Score(named(path))
    assert score.reads == "pixels"
    score.load()
    images = [Image.new("RGB", (9, 9), colour) for colour in ("red", "lime", "blue")]
    pictures = [score.prepare(Picture(image, 9, 9, "png", 1, True, False, "")) for image in images]
    import pyarrow as pa

    columns = score.compute(Batch(pa.table({"row": [0, 1, 2]}), pictures)).columns
    assert list(columns["score"]) == pytest.approx([2, 1, 0], abs=1e-3)
    assert columns["score_class"] == ["best", "normal", "worst"]


def test_without_a_model_it_says_so(tmp_path: Path) -> None:
    assert "names no model" in Score.missing(Settings())
    with make_store(tmp_path) as store, pytest.raises(ModelError, match="names no model"):
        run_measure(store, Settings(), ["score"])
