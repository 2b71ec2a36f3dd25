"""The recipe of the bundled detector: figures, scenes with true boxes, what the network is asked, what is exported."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from embed.detector.export import SIDE, export
from embed.detector.figures import draw_figure
from embed.detector.network import STRIDE, Detector, corners, loss, targets
from embed.detector.scenes import CLASSES, draw_scene
from embed.detector.train import Plan, train


def test_a_figure_is_the_same_for_ever_and_its_boxes_lie_in_it() -> None:
    for seed in (3, 4):
        one, other = draw_figure(seed), draw_figure(seed)
        assert np.array_equal(one.pixels, other.pixels) and one.head == other.head
        tall, wide = one.pixels.shape[:2]
        x0, y0, x1, y1 = one.head
        assert -wide * 0.2 < x0 < x1 < wide * 1.2 and y0 + 5 >= -5 and y1 <= tall * 1.1


def test_scenes_have_boxes_of_what_can_be_seen() -> None:
    figures = [draw_figure(seed) for seed in range(6)]
    counts = set()
    for number in range(30):
        scene = draw_scene(figures, random.Random(number), 128)
        counts.add(scene.count)
        assert scene.pixels.shape == (128, 128, 3)
        assert scene.classes.count(1) == scene.classes.count(2) == scene.count >= scene.classes.count(0)
        assert ((scene.boxes >= 0) & (scene.boxes <= 128)).all()
        assert (scene.boxes[:, 2:] > scene.boxes[:, :2]).all()
    assert counts >= {0, 1, 2}


def test_a_peak_stands_in_the_middle_of_each_box_and_the_loss_wants_it() -> None:
    boxes = torch.tensor([[16.0, 16.0, 48.0, 64.0], [8.0, 8.0, 60.0, 70.0]])
    peaks, wanted = targets(boxes, torch.tensor([0, 1]), 16)
    assert peaks[0, 5, 4] == 1 and peaks[1, 4, 4] == 1 and peaks[2].max() == 0
    assert wanted[0, :, 5, 4].tolist() == boxes[0].tolist() and wanted[2].isnan().all()
    raw = torch.zeros(1, 4 * len(CLASSES), 16, 16)
    raw[0, :4, 5, 4] = torch.tensor([32 / STRIDE - 4.5, 40 / STRIDE - 5.5, np.log(32 / 32), np.log(48 / 32)])
    assert corners(raw)[0, 0, :, 5, 4].tolist() == pytest.approx(boxes[0].tolist())
    right = torch.logit(peaks.clamp(1e-4, 1 - 1e-4))[None]
    assert loss(right, raw, peaks[None], wanted[None]) < loss(-right, raw, peaks[None], wanted[None])


def test_what_is_exported_answers_as_the_network(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    import cv2

    torch.manual_seed(0)
    model = Detector().eval()
    torch.save(model.state_dict(), tmp_path / "weights.pt")
    said = export(tmp_path / "weights.pt", tmp_path / "out.onnx")
    assert "bytes" in said and (tmp_path / "out.json").is_file()
    pixels = torch.rand(1, 3, SIDE, SIDE)
    with torch.no_grad():
        peaks, boxes = model(pixels)
    net = cv2.dnn.readNetFromONNX(str(tmp_path / "out.onnx"))
    net.setInput(pixels.numpy())
    (found,) = net.forward()
    cells = (SIDE // STRIDE) ** 2
    for kind in range(len(CLASSES)):
        mine = slice(kind * cells, (kind + 1) * cells)
        assert found[4 + kind, mine] == pytest.approx(torch.sigmoid(peaks[0, kind]).ravel().numpy(), abs=1e-3)
        box = corners(boxes)[0, kind].reshape(4, -1).numpy()
        assert found[0, mine] == pytest.approx((box[0] + box[2]) / 2, abs=0.1)
        assert found[3, mine] == pytest.approx(box[3] - box[1], abs=0.1)


@pytest.mark.slow
def test_training_goes_on_where_it_was(tmp_path: Path) -> None:
    train(tmp_path, Plan(figures=4, batch=2, steps=3))
    first = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"]
    train(tmp_path, Plan(figures=4, batch=2, steps=5))
    assert (first, torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"]) == (3, 5)
    assert Image.fromarray(draw_figure(0).pixels).mode == "RGBA"
