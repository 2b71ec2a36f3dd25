"""People in drawn pictures whose boxes are known, what tags say of their number, and signs of hiding."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from curate.measures.people import People, kind_of, tagged_count
from embed.avatars import draw_pair, random_avatar
from embed.detector.figures import draw_figure
from embed.detector.scenes import Drawn, draw_scene
from embed.detector.train import HELD_OUT_FIGURES
from index.images.decode import Picture
from index.stages.row_plugin import Batch
from schema.settings import Settings, load_settings


@pytest.fixture(scope="module")
def people() -> People:
    """The measure with the bundled detector."""
    made = People(Settings())
    made.load()
    return made


@pytest.fixture(scope="module")
def scenes() -> list[Drawn]:
    """Pictures that the detector was not trained on."""
    figures = [draw_figure(HELD_OUT_FIGURES + 1000 + number) for number in range(16)]
    return [draw_scene(figures, random.Random(f"test {number}")) for number in range(24)]


def measured(
    people: People, image: Image.Image, tags: Sequence[str] | None = None, scale: int = 1
) -> dict[str, Any]:
    picture = Picture(image, image.width * scale, image.height * scale, "png", 1, True, False, "")
    items = pa.table({"tags": pa.array([tags], pa.list_(pa.string()))})
    columns = people.compute(Batch(items, [people.prepare(picture)])).columns
    return {name: values[0] for name, values in columns.items()}


def test_drawn_characters_are_counted_and_their_heads_boxed(
    people: People, scenes: list[Drawn], engine: str
) -> None:
    people.load()  # with this engine
    counts = []
    for scene in scenes:
        found = measured(people, Image.fromarray(scene.pixels), scale=2)
        counts.append(found["people"] == scene.count)
        heads = [box for box in found["people_boxes"] if box["label"] == "head"]
        for wanted, kind in zip(scene.boxes, scene.classes, strict=True):
            if kind != 1 or not counts[-1]:
                continue
            overlap = max(_iou([box[side] / 2 for side in ("x0", "y0", "x1", "y1")], wanted) for box in heads)
            assert overlap > 0.4
    assert np.mean(counts) >= 0.9


def _iou(a: Sequence[float], b: np.ndarray) -> float:
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    shared = np.clip(high - low, 0, None).prod()
    return float(shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2:] - b[:2]).prod() - shared))


def test_two_characters_of_the_demo_are_two_and_tags_that_say_one_contradict(people: People) -> None:
    pair = draw_pair(random_avatar(9_000_001), random_avatar(9_000_002))
    found = measured(people, pair, ["1girl", "solo", "covering_face", "smile"])
    assert (found["people"], found["people_tagged"], found["people_conflict"]) == (2, 1, True)
    assert found["people_by"] == "head" and found["people_hidden"] == ["covering_face"]
    agreeing = measured(people, pair, ["1girl", "1boy"])
    assert (agreeing["people_tagged"], agreeing["people_conflict"]) == (2, False)
    blank = measured(people, Image.new("RGB", (80, 60), "white"))
    assert (blank["people"], blank["people_boxes"], blank["people_score"]) == (0, [], None)
    assert blank["people_tagged"] is None and not blank["people_conflict"]


@pytest.mark.parametrize(
    ("tags", "count"),
    [
        (["1girl", "solo"], (1, 1)),
        (["2girls", "1boy"], (3, 3)),
        (["6+girls", "1boy"], (7, 10_000)),
        (["multiple_girls"], (2, 10_000)),
        (["Solo"], (1, 1)),
        (["no humans", "scenery"], (0, 0)),
        (["smile"], None),
        ([], None),
    ],
)
def test_numbers_in_tags(tags: list[str], count: tuple[int, int] | None) -> None:
    assert tagged_count(tags) == count


def test_what_detectors_call_their_classes() -> None:
    names = ["Face", "FACE_FEMALE", "head", "person", "Anime Face", "car"]
    assert [kind_of(name) for name in names] == ["face", "face", "head", "person", "face", ""]


def test_another_detector_is_another_key() -> None:
    keys = {
        People(load_settings(None, [f"measure.people.{option}"])).key for option in ("score=0.5", "score=0.6")
    }
    assert len(keys) == 2
