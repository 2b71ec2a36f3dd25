"""Models of a few hundred bytes pin how pictures reach them: order of channels, layout, padding, numbers, batches."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from curate.models.onnx_model import OnnxModel, file_digest, model_file
from curate.models.preprocessing import Placement, Preprocessing, fitted
from schema.errors import MissingExtra, ModelError

Write = Callable[..., Path]
RED = Image.new("RGB", (16, 12), (200, 100, 50))


def means(model: OnnxModel, *images: Image.Image) -> np.ndarray:
    (found,) = model.run([model.prepare(image)[0] for image in images]).values()
    return found


def beside(path: Path, **fields: object) -> None:
    path.with_suffix(".json").write_text(json.dumps(fields), encoding="utf-8")


def test_channels_scale_mean_and_std_come_from_the_file_beside_it(
    mean_model: Write, tmp_path: Path, engine: str
) -> None:
    path = mean_model(tmp_path / "model.onnx")
    beside(path, size=[8, 6])
    assert means(OnnxModel(path), RED) == pytest.approx(np.array([[200, 100, 50]]) / 255, abs=1e-4)
    beside(path, size=[8, 6], channels="bgr", scale=1.0)
    assert means(OnnxModel(path), RED) == pytest.approx(np.array([[50, 100, 200]]), abs=1e-2)
    beside(path, size=[8, 6], mean=[0.5, 0.25, 0.0], std=[0.5, 0.25, 2.0])
    wanted = [(200 / 255 - 0.5) / 0.5, (100 / 255 - 0.25) / 0.25, 50 / 255 / 2]
    assert means(OnnxModel(path), RED)[0] == pytest.approx(wanted, abs=1e-4)


def test_the_layout_is_told_by_the_shape_or_the_file(mean_model: Write, tmp_path: Path, engine: str) -> None:
    path = mean_model(tmp_path / "model.onnx", layout="nhwc")
    beside(path, size=[8, 6], scale=1.0, layout="nhwc")
    assert means(OnnxModel(path), RED)[0] == pytest.approx([200, 100, 50], abs=1e-2)
    if engine == "onnxruntime":
        path.with_suffix(".json").unlink()
        model = OnnxModel(path)
        assert (model.layout, model.size) == ("nhwc", (8, 6))


def test_tall_pictures_are_padded_cropped_or_stretched(
    mean_model: Write, tmp_path: Path, engine: str
) -> None:
    path = mean_model(tmp_path / "model.onnx")
    tall = Image.new("RGB", (6, 12), (255, 255, 255))
    expected = {"stretch": 1.0, "pad": 0.375, "corner": 0.375, "crop": 1.0}
    for fit, share in expected.items():
        beside(path, size=[8, 6], fit=fit, fill=0)
        assert means(OnnxModel(path), tall)[0] == pytest.approx([share] * 3, abs=1e-3), fit
    stripe = Image.new("RGB", (1, 90), (255, 0, 0))
    beside(path, size=[8, 6], fit="pad", fill=255)
    assert means(OnnxModel(path), stripe)[0] == pytest.approx([1, 7 / 8, 7 / 8], abs=1e-3)


def test_boxes_go_back_to_the_pixels_of_the_picture() -> None:
    image = Image.new("RGB", (100, 50))
    for fit, left, top in (("pad", 0, 10), ("corner", 0, 0)):
        _, placement = fitted(image, Preprocessing(fit=fit), (40, 40))
        box = np.float32([[left + 4, top + 4, left + 8, top + 8], [-9, -9, 99, 99]])
        assert placement.back(box).tolist() == [[10, 10, 20, 20], [0, 0, 100, 50]]
    assert isinstance(placement, Placement)


def test_any_number_of_pictures_through_a_file_for_batches_of_a_fixed_size(
    mean_model: Write, tmp_path: Path, engine: str
) -> None:
    path = mean_model(tmp_path / "model.onnx", batch=2 if engine == "onnxruntime" else 1)
    beside(path, size=[8, 6], scale=1.0)
    images = [Image.new("RGB", (8, 6), (level, 0, 0)) for level in (10, 20, 30)]
    found = means(OnnxModel(path), *images)
    assert found[:, 0] == pytest.approx([10, 20, 30])
    for image, row in zip(images, found, strict=True):
        assert means(OnnxModel(path), image)[0] == pytest.approx(row)


def test_what_transformers_writes_is_read(mean_model: Write, tmp_path: Path, engine: str) -> None:
    mean_model(tmp_path / "model.onnx")
    config = {
        "do_rescale": True, "rescale_factor": 1 / 255, "image_mean": [0.5] * 3, "image_std": [0.5] * 3,
        "size": {"height": 6, "width": 8}, "resample": 2,
    }  # fmt: skip
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(config), encoding="utf-8")
    (tmp_path / "config.json").write_text('{"id2label": {"1": "b", "0": "a", "2": "c"}}', encoding="utf-8")
    model = OnnxModel(tmp_path)
    assert means(model, RED)[0] == pytest.approx(np.array([200, 100, 50]) / 127.5 - 1, abs=1e-4)
    assert model.labels(3) == ["a", "b", "c"]
    with pytest.raises(ModelError, match="gives 2 numbers, and 3 names"):
        model.labels(2)


def test_names_in_the_metadata_of_the_file(write_onnx: Write, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    nodes = [("ReduceMean", ["input"], ["output"], {"axes": [2, 3], "keepdims": 0})]
    path = write_onnx(
        tmp_path / "m.onnx",
        [1, 3, 4, 4],
        nodes,
        {},
        {"output": [1, 3]},
        {"names": "{0: 'face', 1: 'head', 2: 'x'}"},
    )
    assert OnnxModel(path).labels(3) == ["face", "head", "x"]


def test_what_cannot_be_run_is_said(
    mean_model: Write, write_onnx: Write, tmp_path: Path, engine: str
) -> None:
    with pytest.raises(ModelError, match="there is no model"):
        model_file(tmp_path / "missing.onnx")
    (tmp_path / "two").mkdir()
    for name in ("a.onnx", "b.onnx"):
        mean_model(tmp_path / "two" / name)
    with pytest.raises(ModelError, match="holds 2 ONNX files"):
        model_file(tmp_path / "two")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    with pytest.raises((ModelError, MissingExtra), match=r"broken\.onnx"):
        OnnxModel(broken)
    free = mean_model(tmp_path / "free.onnx", free=True)
    with pytest.raises(ModelError, match="pictures of any size"):
        OnnxModel(free)
    beside(free, size=[8, 6], colour="grey")
    with pytest.raises(ModelError, match=r"unknown setting free\.colour"):
        OnnxModel(free)
    beside(free, stages=[])
    with pytest.raises(ModelError, match="in stages"):
        OnnxModel(free)
    if engine == "onnxruntime":
        nodes = [("ReduceMean", ["input"], ["output"], {"axes": [1], "keepdims": 0})]
        flat = write_onnx(tmp_path / "flat.onnx", ["batch", 512], nodes, {}, {"output": ["batch"]})
        with pytest.raises(ModelError, match="does not take pictures"):
            OnnxModel(flat)
        beside(mean_model(tmp_path / "sized.onnx"), size=[9, 9])
        with pytest.raises(ModelError, match="takes pictures of 8 x 6"):
            OnnxModel(tmp_path / "sized.onnx")
        with pytest.raises(ModelError, match="has no CUDA"):
            OnnxModel(mean_model(tmp_path / "cuda.onnx"), device="cuda:0")


def test_the_digest_follows_the_file_and_what_lies_beside_it(mean_model: Write, tmp_path: Path) -> None:
    path = mean_model(tmp_path / "model.onnx")
    first = file_digest(path)
    assert file_digest(tmp_path) == first
    beside(path, size=[8, 6])
    assert file_digest(path) != first
