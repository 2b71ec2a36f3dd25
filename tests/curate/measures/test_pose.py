"""Keypoints from a SimCC file and from JSON, and what they say of the body."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from curate.measures import conformance
from curate.measures.conformance import CHECKS, Check, make_store
from curate.measures.pose import Pose, facing, points_of
from curate.models.pose_model import POINTS, PoseModel
from curate.stage import run_measure
from index.images.decode import Picture
from index.stages.row_plugin import Batch
from index.store import Store
from schema.errors import ModelError
from schema.settings import Settings, load_settings

Write = Callable[..., Path]
FRONT = {
    "nose": (50, 20), "left_eye": (55, 16), "right_eye": (45, 16), "left_ear": (60, 18), "right_ear": (40, 18),
    "left_shoulder": (70, 40), "right_shoulder": (30, 40), "left_hip": (62, 90), "right_hip": (38, 90),
    "left_knee": (62, 130), "right_knee": (38, 130), "left_ankle": (62, 170), "right_ankle": (38, 170),
}  # fmt: skip


@pytest.fixture
def simcc(write_onnx: Write) -> Callable[..., Path]:
    """Writes a SimCC file for 192 x 256 whose point k lies at x = 10 k + 1, y = 12 k + 2 of any input."""

    def write(folder: Path) -> Path:
        across, along = np.zeros((1, 17, 384), np.float32), np.zeros((1, 17, 512), np.float32)
        for at in range(17):
            across[0, at, 2 * (10 * at + 1)], along[0, at, 2 * (12 * at + 2)] = 0.9, 0.8
        nodes = [
            ("ReduceMean", ["input"], ["mean"], {"axes": [1, 2, 3], "keepdims": 0}),
            ("Reshape", ["mean", "shape"], ["one"], {}),
            ("Mul", ["one", "zero"], ["nothing"], {}),
            ("Add", ["nothing", "across"], ["simcc_x"], {}),
            ("Add", ["nothing", "along"], ["simcc_y"], {}),
        ]
        weights = {
            "shape": np.array([-1, 1, 1], np.int64),
            "zero": np.float32(0),
            "across": across,
            "along": along,
        }
        outputs = {"simcc_x": ["batch", 17, 384], "simcc_y": ["batch", 17, 512]}
        return write_onnx(folder / "pose.onnx", ["batch", 3, 256, 192], nodes, weights, outputs)

    return write


def test_points_come_back_in_pixels_of_the_file(simcc: Write, tmp_path: Path, engine: str) -> None:
    pose = Pose(load_settings(None, [f"measure.pose.model={simcc(tmp_path)}"]))
    pose.load()
    # 96 x 192 becomes 128 x 256 with 32 pixels left and right; the file is twice as large as what was decoded.
    image = Image.new("RGB", (96, 192))
    prepared = pose.prepare(Picture(image, 192, 384, "png", 1, True, False, ""))
    assert prepared.given is not None
    assert prepared.given[0][:, 128, 100] == pytest.approx(
        [-123.675 / 58.395, -116.28 / 57.12, -103.53 / 57.375], abs=1e-3
    )
    columns = pose.compute(Batch(pa.table({"uri": [""]}), [prepared])).columns
    points = np.array(columns["pose_points"][0]).reshape(17, 3)
    number = np.arange(17)
    assert points[:, 0] == pytest.approx((10 * number + 1 - 32) / (256 / 192) * 2, abs=0.01)
    assert points[:, 1] == pytest.approx((12 * number + 2) / (256 / 192) * 2, abs=0.01)
    assert points[:, 2] == pytest.approx(0.8)
    inside = ((points[:, 0] >= 0) & (points[:, 0] < 192)).sum()
    assert (columns["pose_seen"], columns["pose_outside"]) == ([inside], [17 - inside])


def seen(**changed: tuple[float, float] | None) -> tuple[np.ndarray, np.ndarray]:
    given = {**FRONT, **changed}
    points = points_of({name: value for name, value in given.items() if value})
    return points, points[:, 2] > 0


def test_where_a_character_looks() -> None:
    assert facing(*seen()) == "front"
    assert facing(*seen(nose=(41, 20))) == "left"
    assert facing(*seen(nose=(59, 20))) == "right"
    assert facing(*seen(left_ear=None, nose=(52, 20))) == "right"
    back = dict.fromkeys(("nose", "left_eye", "right_eye", "left_ear", "right_ear"))
    assert facing(*seen(**back, left_shoulder=(30, 40), right_shoulder=(70, 40))) == "back"
    assert facing(*seen(**dict.fromkeys(FRONT))) is None


def test_files_of_points_beside_the_pictures(tmp_path: Path) -> None:
    settings = load_settings(None, ["measure.pose.files=beside"])
    with make_store(tmp_path) as store:
        folder = tmp_path / "pictures"
        whole = {name: [x / 4, y / 4, 1.0] for name, (x, y) in FRONT.items()}
        half = {name: value for name, value in whole.items() if value[1] < 15}
        (folder / "0.png.pose.json").write_text(json.dumps(whole))
        (folder / "1.pose.json").write_text(json.dumps(half))
        coco = [0.0] * 51
        coco[:3] = [3, 4, 2]
        (folder / "2.pose.json").write_text(json.dumps({"keypoints": coco}))
        (folder / "3.pose.json").write_text('{"tail": [1, 2]}')
        run_measure(store, settings, ["pose"])
        rows = {row["row"]: row for row in store.read("measures_pose").to_pylist()}
        assert sorted(rows) == [0, 1, 2]
        assert [rows[at]["pose_full_body"] for at in (0, 1, 2)] == [True, False, False]
        assert [rows[at]["pose_upper_body"] for at in (0, 1, 2)] == [False, True, False]
        assert [rows[at]["pose_facing"] for at in (0, 1, 2)] == ["front"] * 3
        assert rows[2]["pose_seen"] == 1 and rows[0]["pose_hips"]
        reasons = {row["row"]: row["reason"] for row in store.read("failures").to_pylist()}
        assert "tail is no point" in reasons[3] and "there is no 4.png.pose.json" in reasons[4]


def test_other_answers_and_settings_are_refused(write_onnx: Write, tmp_path: Path) -> None:
    nodes = [("ReduceMean", ["input"], ["output"], {"axes": [2], "keepdims": 0})]
    path = write_onnx(tmp_path / "odd.onnx", ["batch", 3, 256, 192], nodes, {}, {"output": ["batch", 3, 192]})
    model = PoseModel(path)
    with pytest.raises(ModelError, match="does not answer as SimCC"):
        model.find([model.prepare(Image.new("RGB", (9, 9)))])
    assert "neither measure.pose.model" in Pose.missing(Settings())
    with pytest.raises(ModelError, match="one of them"):
        Pose(Settings()).load()
    with pytest.raises(ValueError, match="3 numbers where 51"):
        points_of([1, 2, 3])
    assert len(POINTS) == 17


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_it_keeps_what_measures_keep(check: Check, simcc: Write, tmp_path: Path) -> None:
    check("pose", load_settings(None, [f"measure.pose.model={simcc(tmp_path / 'model')}"]), tmp_path)


def test_files_keep_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def make(folder: Path) -> Store:
        store = make_store(folder)
        for row in range(conformance.COUNT):
            (folder / "pictures" / f"{row}.pose.json").write_text(json.dumps({"nose": [row, 2]}))
        return store

    monkeypatch.setattr(conformance, "make_store", make)
    conformance.batches_and_order_do_not_change_it(
        "pose", load_settings(None, ["measure.pose.files=beside"]), tmp_path
    )
