"""Faces, heads and persons in a picture, how many characters it shows, and signs that one of them is hidden.

The detector that ships was trained on drawn avatars (``python -m embed.detector``) and knows drawings of that kind;
others are named by path (curate/models/detector.py says of which forms). docs/measures.md says how well it does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from curate import models
from curate.measures.base import Measure
from curate.models.detector import Boxes, Detector
from curate.models.onnx_model import file_digest
from curate.models.preprocessing import Placement
from index.images.decode import Picture
from index.stages.row_plugin import Batch, Results
from schema.arrays import Floats32, Ints
from schema.plugins import Options

BUNDLED = Path(models.__file__).parent / "likeness-people.onnx"
"""The project's own detector."""

KINDS = {
    "face": {"face", "faces", "anime_face", "face_female", "face_male", "human_face"},
    "head": {"head", "heads", "human_head"},
    "person": {"person", "people", "character", "human", "figure", "woman", "man", "girl", "boy"},
}
"""What is counted, and what detectors call it."""

BOX = pa.struct(
    [
        pa.field("label", pa.string()),
        pa.field("score", pa.float32()),
        *(pa.field(side, pa.float32()) for side in ("x0", "y0", "x1", "y1")),
    ]
)
"""A box in pixels of the file, upright."""

HIDING = frozenset(
    """covering_face covering_own_face covered_face face_mask mask masked surgical_mask gas_mask hair_over_eyes
    hair_over_one_eye head_out_of_frame faceless hand_over_face covered_eyes blindfold facing_away from_behind
    covering_own_eyes eyepatch helmet face_in_pillow""".split()
)
"""Tags that say that a face cannot be seen, or not all of it."""


class PeopleOptions(Options):
    """``[measure.people]``."""

    detector: str = Field("bundled", description="ONNX detector, file or folder; bundled: the project's own.")
    score: float = Field(0.4, gt=0, lt=1, description="Least score of a box that counts.")
    doubt: float = Field(
        0.25, gt=0, lt=1, description="Boxes between this score and the other make a count doubtful."
    )
    overlap: float = Field(
        0.45, gt=0, lt=1, description="Overlap (IoU) beyond which two boxes of a class are one."
    )
    smallest: float = Field(
        0.02, ge=0, lt=1, description="Least height of a box, as a share of the long side."
    )
    device: str = Field("auto", description="auto, cpu, cuda or cuda:N.")


@dataclass(frozen=True, slots=True)
class _Input:
    values: Floats32
    placement: Placement
    scale: tuple[float, float]
    size: tuple[int, int]


class People(Measure):
    """Characters in a picture.

    - ``people``: how many characters: heads where the detector knows any, else persons or faces (``people_by``);
    - ``people_faces``, ``people_heads``, ``people_persons``: numbers of boxes, null for a kind that it does not know;
    - ``people_score``: score of the least sure box that was counted; ``people_doubt``: another number is likely, too;
    - ``people_tagged``: how many the tags say, null where they do not; ``people_conflict``: it is another number;
    - ``people_cut``: counted boxes that the frame cuts; ``people_overlap``: largest share of a box that another covers;
    - ``people_hidden``: tags that say that a face is covered or turned away;
    - ``people_size``: height of the largest counted box as a share of the picture's;
    - ``people_boxes``: all boxes.
    """

    name = "people"
    needs: ClassVar = ("tags",)
    gives: ClassVar = {
        "people": pa.int32(),
        "people_by": pa.string(),
        **dict.fromkeys(("people_faces", "people_heads", "people_persons"), pa.int32()),
        "people_score": pa.float32(),
        "people_doubt": pa.bool_(),
        "people_tagged": pa.int32(),
        "people_conflict": pa.bool_(),
        "people_cut": pa.int32(),
        "people_overlap": pa.float32(),
        "people_hidden": pa.list_(pa.string()),
        "people_size": pa.float32(),
        "people_boxes": pa.list_(BOX),
    }
    Options = PeopleOptions

    @property
    def _path(self) -> str:
        return str(BUNDLED) if self.options.detector == "bundled" else self.options.detector

    def identity(self) -> dict[str, str]:
        """Return the digest of the detector's file."""
        return super().identity() | {"detector": file_digest(self._path)}

    def load(self) -> None:
        """Open the detector."""
        self._detector = Detector(self._path, device=self.options.device)
        self._kinds = [kind_of(label) for label in self._detector.labels]

    def prepare(self, picture: Picture) -> _Input:
        """See RowPlugin."""
        image = picture.image
        scale = picture.width / image.width, picture.height / image.height
        values, placement = self._detector.prepare(image)
        return _Input(values, placement, scale, (picture.width, picture.height))

    def compute(self, batch: Batch) -> Results:
        """See RowPlugin."""
        inputs: list[_Input] = list(batch.pictures)
        found = self._detector.find(
            [(each.values, each.placement) for each in inputs], self.options.doubt, self.options.overlap
        )
        tags = batch.items.column("tags").to_pylist()
        rows = [self._row(*each) for each in zip(inputs, found, tags, strict=True)]
        return Results({name: [row[name] for row in rows] for name in self.gives})

    def _row(self, given: _Input, found: Boxes, tags: Sequence[str] | None) -> dict[str, Any]:
        wide, tall = given.size
        corners = found.corners * np.array(given.scale * 2, np.float32)
        large = corners[:, 3] - corners[:, 1] >= self.options.smallest * max(wide, tall)
        found = Boxes(corners, found.scores, found.classes).chosen(large)
        sure = found.scores >= self.options.score
        numbers = {kind: self._number(found, sure, kind) for kind in KINDS}
        by = self._counted(numbers)
        mine = np.array([self._kinds[number] == by for number in found.classes], bool)
        counted = found.chosen(mine & sure)
        tagged = tagged_count(tags or ())
        count = len(counted)
        return {
            "people": count,
            "people_by": by,
            "people_faces": numbers["face"],
            "people_heads": numbers["head"],
            "people_persons": numbers["person"],
            "people_score": float(counted.scores.min()) if count else None,
            "people_doubt": bool(
                (mine & ~sure).any() or (count and counted.scores.min() < self.options.score + 0.1)
            ),
            "people_tagged": None if tagged is None else tagged[0],
            "people_conflict": tagged is not None and not tagged[0] <= count <= tagged[1],
            "people_cut": int(_cut(counted.corners, wide, tall).sum()),
            "people_overlap": _overlap(counted.corners),
            "people_hidden": sorted(HIDING & {tag.lower().replace(" ", "_") for tag in tags or ()}),
            "people_size": float(np.ptp(counted.corners[:, [1, 3]], axis=1).max(initial=0.0) / tall),
            "people_boxes": [
                {"label": self._detector.labels[number], "score": float(score)}
                | {side: float(value) for side, value in zip(("x0", "y0", "x1", "y1"), corner, strict=True)}
                for corner, score, number in zip(*_columns(found.chosen(sure)), strict=True)
            ],
        }

    def _number(self, found: Boxes, sure: np.ndarray, kind: str) -> int | None:
        if kind not in self._kinds:
            return None
        return int(sum(self._kinds[number] == kind for number in found.classes[sure]))

    def _counted(self, numbers: dict[str, int | None]) -> str:
        """Heads are steadier than faces, which backs and masks hide, and persons, which run into each other."""
        known = [kind for kind in ("head", "person", "face") if numbers[kind] is not None]
        return next((kind for kind in known if numbers[kind]), known[0] if known else "")


def kind_of(label: str) -> str:
    """Return face, head or person for what a detector calls a class; empty for other things."""
    word = label.strip().lower().replace(" ", "_").replace("-", "_")
    return next((kind for kind, names in KINDS.items() if word in names), "")


_NUMBERED = re.compile(r"(\d+)(\+?)_?(?:girl|boy|other|person|people|woman|women|man|men|character)s?")
_SEVERAL = re.compile(r"multiple_(?:girls|boys|others|people|persons|characters)|crowd|group|couple")
_MOST = 10_000


def tagged_count(tags: Sequence[str]) -> tuple[int, int] | None:
    """Return the least and largest number of characters that tags say, None where they say nothing.

    ``1girl`` and ``1boy`` add up, ``6+girls`` and ``multiple_girls`` are bounds, ``solo`` is one, ``no_humans`` none.
    """
    words = {tag.strip().lower().replace(" ", "_") for tag in tags}
    low, high = 0, 0
    for word in words:
        if match := _NUMBERED.fullmatch(word):
            low += int(match.group(1))
            high = _MOST if match.group(2) else high + int(match.group(1))
        elif _SEVERAL.fullmatch(word):
            low, high = max(low, 2), _MOST
    if low:
        return low, min(max(low, high), _MOST)
    if "solo" in words:
        return 1, 1
    return (0, 0) if words & {"no_humans", "0people", "scenery"} else None


def _cut(corners: Floats32, wide: int, tall: int) -> np.ndarray:
    """Return which boxes end at the frame, to within a hundredth of their own size."""
    slack = 0.02 * np.maximum(corners[:, 2:] - corners[:, :2], 1.0)
    low = (corners[:, :2] <= slack).any(axis=1)
    high = (corners[:, 2:] >= np.array([wide, tall], np.float32) - slack).any(axis=1)
    return np.asarray(low | high)


def _overlap(corners: Floats32) -> float:
    if len(corners) < 2:
        return 0.0
    low = np.maximum(corners[:, None, :2], corners[None, :, :2])
    high = np.minimum(corners[:, None, 2:], corners[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    np.fill_diagonal(shared, 0)
    area = np.maximum((corners[:, 2:] - corners[:, :2]).prod(axis=1), 1e-6)
    return float((shared / area[:, None]).max())


def _columns(boxes: Boxes) -> tuple[Floats32, Floats32, Ints]:
    return boxes.corners, boxes.scores, boxes.classes
