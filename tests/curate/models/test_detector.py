"""Boxes out of every usual form of answer, and back in the pixels of the picture."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from curate.models.detector import Boxes, Detector, best_of, decoded
from schema.errors import ModelError

SIZE = (64, 32)
# Two boxes: the first of class 1, the second of class 0.
CORNERS = np.array([[8, 4, 24, 20], [40, 10, 60, 30]], np.float32)
SCORES = np.array([[0.1, 0.9, 0.0], [0.6, 0.2, 0.1]], np.float32)
MIDDLES = np.concatenate([(CORNERS[:, :2] + CORNERS[:, 2:]) / 2, CORNERS[:, 2:] - CORNERS[:, :2]], axis=1)


def filled(rows: int) -> np.ndarray:
    """The two boxes among many without a score, as YOLO gives them, transposed."""
    found = np.zeros((rows, 7), np.float32)
    found[:, :4] = 5.0
    found[[3, 11]] = np.concatenate([MIDDLES, SCORES], axis=1)
    return found


def check(boxes: Boxes) -> None:
    assert boxes.corners == pytest.approx(CORNERS, abs=1e-4)
    assert boxes.scores == pytest.approx([0.9, 0.6])
    assert boxes.classes.tolist() == [1, 0]


def test_yolo_with_the_boxes_last_or_first() -> None:
    for array in (filled(40).T, filled(40)):
        boxes, suppressed = decoded({"output0": array}, SIZE, 3, 0.5)
        check(boxes)
        assert not suppressed


def test_end_to_end_with_corners_score_and_class() -> None:
    rows = np.zeros((300, 6), np.float32)
    rows[0], rows[1] = [*CORNERS[0], 0.9, 1], [*CORNERS[1], 0.6, 0]
    for classes in (3, 2, 80):
        boxes, suppressed = decoded({"output0": rows}, SIZE, classes, 0.5)
        check(boxes)
        assert suppressed


def test_shares_of_the_input_as_rt_detr_gives_them() -> None:
    shares = MIDDLES / np.array([*SIZE, *SIZE], np.float32)
    logits = np.log(np.clip(SCORES, 1e-4, None) / (1 - np.clip(SCORES, 1e-4, None))).astype(np.float32)
    for answer in (
        {"output0": np.concatenate([shares, SCORES], axis=1)},
        {"logits": logits, "pred_boxes": shares},
        {"pred_boxes": shares, "logits": logits},
    ):
        boxes, suppressed = decoded(answer, SIZE, 3, 0.5)
        check(boxes)
        assert suppressed
    own = {
        "labels": np.array([1, 0], np.float32),
        "boxes": CORNERS,
        "scores": np.array([0.9, 0.6], np.float32),
    }
    check(decoded(own, SIZE, 3, 0.5)[0])


def test_other_forms_are_refused_with_their_shapes() -> None:
    with pytest.raises(ModelError, match=r"is not known: a \[3, 4, 5\]"):
        decoded({"a": np.zeros((3, 4, 5), np.float32)}, SIZE, 3, 0.5)
    with pytest.raises(ModelError, match=r"\[20, 30\] numbers a picture, and has 3 classes"):
        decoded({"a": np.zeros((20, 30), np.float32)}, SIZE, 3, 0.5)


def test_of_boxes_that_overlap_the_best_of_a_class_stays() -> None:
    near = CORNERS[[0, 0, 0, 1]] + np.array([[0], [1], [2], [0]], np.float32)
    boxes = Boxes(near, np.array([0.9, 0.8, 0.7, 0.6], np.float32), np.array([0, 0, 1, 0]))
    assert best_of(boxes, 0.5).scores == pytest.approx([0.9, 0.7, 0.6])
    assert len(best_of(boxes.chosen(boxes.scores > 2), 0.5)) == 0


def test_a_file_of_that_form_finds_boxes_in_pixels_of_the_picture(
    write_onnx: Callable[..., Path], tmp_path: Path, engine: str
) -> None:
    answer = filled(20).T[None]
    answer[:, 4:] *= 1
    nodes = [
        ("ReduceMean", ["input"], ["mean"], {"axes": [1, 2, 3], "keepdims": 0}),
        ("Reshape", ["mean", "shape"], ["one"], {}),
        ("Mul", ["one", "zero"], ["nothing"], {}),
        ("Add", ["nothing", "answer"], ["output0"], {}),
    ]
    weights = {"shape": np.array([-1, 1, 1], np.int64), "zero": np.float32(0), "answer": answer}
    path = write_onnx(
        tmp_path / "yolo.onnx", ["batch", 3, 32, 64], nodes, weights, {"output0": ["batch", 7, 20]}
    )
    path.with_suffix(".json").write_text(
        json.dumps({"size": [64, 32], "fit": "pad", "fill": 114, "labels": ["face", "head", "person"]})
    )
    detector = Detector(path)
    image = Image.new("RGB", (320, 80), "white")  # scaled by 1 / 5, padded above and below by 8
    given = detector.prepare(image)
    assert given[0][:, 0, 0] == pytest.approx([114 / 255] * 3)
    assert given[0][:, 16, 30] == pytest.approx([1.0] * 3)
    for boxes in detector.find([given, given], 0.5, 0.5):
        assert boxes.corners == pytest.approx(np.array([[40, 0, 120, 60], [200, 10, 300, 80]]), abs=0.1)
        assert boxes.classes.tolist() == [1, 0]


def test_classes_need_names(write_onnx: Callable[..., Path], tmp_path: Path) -> None:
    nodes = [("ReduceMean", ["input"], ["output0"], {"axes": [2], "keepdims": 0})]
    path = write_onnx(tmp_path / "m.onnx", [1, 3, 32, 64], nodes, {}, {"output0": [1, 3, 64]})
    path.with_suffix(".json").write_text('{"size": [64, 32]}')
    with pytest.raises(ModelError, match="does not name its classes"):
        Detector(path)
