"""The detector of faces, heads and persons: average precision and right counts on drawings that it never saw.

    python -m benchmarks.bench_people [--scenes 600] [--figures 300] [--pictures FOLDER --truth CSV] [--count 600]

Figures come from seeds that training leaves out. Average precision is that of PASCAL VOC at an overlap (IoU) of 0.5,
over all points of the curve. With a folder of pictures and a CSV with ``file_name`` and ``n_people`` the counts are
compared with these, by the folder that a picture lies in.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
from collections import defaultdict
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image

from curate.measures.people import People
from curate.models.detector import Boxes
from embed.detector.figures import draw_figure
from embed.detector.scenes import CLASSES, Drawn, draw_scene
from embed.detector.train import HELD_OUT_FIGURES
from index.images.decode import Picture, decode
from index.stages.row_plugin import Batch
from schema.settings import load_settings


def main() -> None:
    """Print a table and a line of JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenes", type=int, default=600)
    parser.add_argument("--figures", type=int, default=300)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--truth", type=Path)
    parser.add_argument("--count", type=int, default=600, help="most pictures of the folder")
    parser.add_argument("--detector", default="bundled")
    chosen = parser.parse_args()
    settings = load_settings(None, [f"measure.people.detector={chosen.detector}"])
    people = People(settings)
    people.load()
    result: dict[str, object] = {}
    if chosen.scenes:
        figures = [draw_figure(HELD_OUT_FIGURES + number) for number in range(chosen.figures)]
        scenes = [draw_scene(figures, random.Random(f"held out {n}")) for n in range(chosen.scenes)]
        result["drawn"] = drawn(people, scenes)
        print(result["drawn"])
    if chosen.pictures and chosen.truth:
        result["pictures"] = agreement(people, chosen.pictures, chosen.truth, chosen.count)
        for style, row in result["pictures"].items():
            print(style, row)
    print(json.dumps(result))


def drawn(people: People, scenes: list[Drawn]) -> dict[str, float]:
    """Return AP50 of each class, and shares of right counts, over all and by the number that is right."""
    found = [_boxes(people, scene.pixels) for scene in scenes]
    result = {
        f"ap50_{name}": average_precision(
            found, [scene.boxes[np.array(scene.classes) == kind] for scene in scenes], kind
        )
        for kind, name in enumerate(CLASSES)
    }
    counts = [_count(people, scene.pixels) for scene in scenes]
    right = [count == scene.count for count, scene in zip(counts, scenes, strict=True)]
    result["count_right"] = float(np.mean(right))
    for number in range(5):
        mine = [hit for hit, scene in zip(right, scenes, strict=True) if scene.count == number]
        result[f"count_right_{number}"] = float(np.mean(mine)) if mine else float("nan")
    return {name: round(value, 4) for name, value in result.items()}


def _of(scene: Drawn, kind: int) -> np.ndarray:
    return scene.boxes[np.array(scene.classes, int) == kind]


def average_precision(found: list[Boxes], wanted: list[np.ndarray], kind: int) -> float:
    """Return the area under precision over recall of one class; a box is right at an IoU of 0.5, once."""
    rows = [
        (float(score), picture, corners)
        for picture, boxes in enumerate(found)
        for corners, score, number in zip(boxes.corners, boxes.scores, boxes.classes, strict=True)
        if number == kind
    ]
    rows.sort(key=lambda row: -row[0])
    taken: dict[int, set[int]] = defaultdict(set)
    hits = np.zeros(len(rows))
    for at, (_, picture, corners) in enumerate(rows):
        overlaps = [iou(corners, box) for box in wanted[picture]]
        best = int(np.argmax(overlaps)) if overlaps else -1
        if best >= 0 and overlaps[best] >= 0.5 and best not in taken[picture]:
            hits[at] = 1
            taken[picture].add(best)
    total = sum(len(boxes) for boxes in wanted)
    recall = np.cumsum(hits) / max(total, 1)
    precision = np.cumsum(hits) / np.arange(1, len(rows) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Return intersection over union of two boxes."""
    shared = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None).prod()
    return float(shared / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - shared))


def agreement(people: People, folder: Path, truth: Path, most: int) -> dict[str, dict[str, float]]:
    """Return by style how often the count is that of the truth, and how often 'one' and 'several' are told apart."""
    with truth.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["n_people"].strip()]
    random.Random(0).shuffle(rows)
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for row in rows[:most]:
        picture = decode((folder / row["file_name"]).read_bytes())
        found[Path(row["file_name"]).parent.name].append(
            (int(float(row["n_people"])), _measured(people, picture))
        )
    table = {}
    everything = [pair for mine in found.values() for pair in mine]
    for style, pairs in [*sorted(found.items()), ("all", everything)]:
        right, several = np.array(pairs).T
        table[style] = {
            "pictures": len(pairs),
            "count_right": round(float((right == several).mean()), 3),
            "none_found": round(float((several[right > 0] == 0).mean()), 3) if (right > 0).any() else 0.0,
            "several_flagged": round(float((several[right > 1] > 1).mean()), 3)
            if (right > 1).any()
            else None,
            "one_flagged_as_several": round(float((several[right == 1] > 1).mean()), 3)
            if (right == 1).any()
            else None,
        }
    return table


def _picture(pixels: np.ndarray) -> Picture:
    image = Image.fromarray(pixels)
    return Picture(image, *image.size, "png", 1, True, False, "")


def _count(people: People, pixels: np.ndarray) -> int:
    return _measured(people, _picture(pixels))


def _measured(people: People, picture: Picture) -> int:
    items = pa.table({"tags": pa.array([None], pa.list_(pa.string()))})
    return int(people.compute(Batch(items, [people.prepare(picture)])).columns["people"][0])


def _boxes(people: People, pixels: np.ndarray) -> Boxes:
    given = people.prepare(_picture(pixels))
    detector = people._detector
    return detector.find([(given.values, given.placement)], 0.02, people.options.overlap)[0]


if __name__ == "__main__":
    main()
