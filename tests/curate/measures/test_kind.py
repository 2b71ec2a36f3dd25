"""Kinds of pictures by classifier, tags and pixels, and generated ones by tags, prompts and classifier."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image, ImageDraw

from curate.measures.conformance import CHECKS, Check
from curate.measures.kind import Kind
from embed.avatars import draw, random_avatar
from index.images.decode import Picture
from index.stages.row_plugin import Batch
from schema.errors import ModelError
from schema.settings import Settings, load_settings

Write = Callable[..., Path]


@pytest.fixture
def channels(write_onnx: Write) -> Callable[..., Path]:
    """Writes a classifier of three classes, the softmax of the means of red, green and blue."""

    def write(path: Path, labels: Sequence[str]) -> Path:
        nodes = [
            ("ReduceMean", ["input"], ["mean"], {"axes": [2, 3], "keepdims": 0}),
            ("Softmax", ["mean"], ["output"], {"axis": 1}),
        ]
        write_onnx(path, ["batch", 3, 8, 8], nodes, {}, {"output": ["batch", 3]})
        path.with_suffix(".json").write_text(
            json.dumps({"size": [8, 8], "scale": 0.05, "labels": list(labels)})
        )
        return path

    return write


def measured(
    settings: Settings, images: Sequence[Image.Image], items: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    kind = Kind(settings)
    kind.load()
    table = pa.table(
        {
            "tags": pa.array([item.get("tags") for item in items], pa.list_(pa.string())),
            "has_prompt": pa.array([item.get("has_prompt") for item in items], pa.bool_()),
        }
    )
    pictures = [kind.prepare(Picture(image, *image.size, "png", 1, True, False, "")) for image in images]
    columns = kind.compute(Batch(table, pictures)).columns
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def test_tags_and_pixels_say_what_they_can() -> None:
    lines = Image.new("RGB", (200, 200), "white")
    for at in range(0, 200, 40):
        ImageDraw.Draw(lines).ellipse((at, 20, at + 90, 150), outline="black", width=2)
    grain = Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 90, 3), dtype=np.uint8))
    images = [grain, grain, lines, draw(*random_avatar(3)), grain]
    items: list[dict[str, Any]] = [
        {"tags": ["Photo (medium)"]}, {"tags": ["comic", "photo"]}, {}, {"tags": ["ai-generated"]},
        {"has_prompt": True},
    ]  # fmt: skip
    found = measured(Settings(), images, items)
    assert [(row["kind"], row["kind_source"]) for row in found] == [
        ("photo", "tags"), ("comic page", "tags"), ("line art", "pixels"), ("drawing", "pixels"), (None, None),
    ]  # fmt: skip
    assert [row["kind_generated"] for row in found] == [None, None, None, True, True]
    assert [row["kind_generated_source"] for row in found][3:] == ["tags", "prompt"]


def test_classifiers_stand_above_tags_and_add_up(channels: Write, tmp_path: Path, engine: str) -> None:
    kinds = channels(tmp_path / "kinds.onnx", ["illustration", "bangumi", "not_painting"])
    made = channels(tmp_path / "made.onnx", ["ai", "human", "human_made"])
    settings = load_settings(None, [f"measure.kind.classifier={kinds}", f"measure.kind.generated={made}"])
    images = [Image.new("RGB", (9, 9), colour) for colour in ("red", "orange", "blue")]
    found = measured(settings, images, [{"tags": ["photo"]}, {}, {}])
    assert [row["kind"] for row in found] == ["drawing", "drawing", "photo"]
    assert found[1]["kind_score"] == pytest.approx(1, abs=1e-3)
    assert [row["kind_generated"] for row in found] == [True, True, False]
    assert found[2]["kind_generated_score"] == pytest.approx(0, abs=1e-3)


def test_classes_of_other_things_are_refused(channels: Write, tmp_path: Path) -> None:
    path = channels(tmp_path / "odd.onnx", ["cat", "dog", "cow"])
    with pytest.raises(ModelError, match="no class of"):
        Kind(load_settings(None, [f"measure.kind.classifier={path}"])).load()


@pytest.mark.parametrize("check", CHECKS[1:4], ids=lambda check: check.__name__)
def test_with_a_model_it_keeps_what_measures_keep(check: Check, channels: Write, tmp_path: Path) -> None:
    path = channels(tmp_path / "kinds.onnx", ["illustration", "3d", "photo"])
    check("kind", load_settings(None, [f"measure.kind.classifier={path}"]), tmp_path)
