"""Where the joints of the character are, and how much of the body is shown: from a pose model or files of points.

A model looks at the whole picture: on drawn half-body pictures that does better than a detector's box. Files are JSON,
one beside each picture (``picture.png.pose.json`` or ``picture.pose.json``) or all in one folder, by its name:
``{"nose": [x, y, score], ...}`` by COCO's names, or ``{"keypoints": [x, y, v, ...]}`` with 17 triples as COCO has them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from curate.measures.base import Measure
from curate.models.onnx_model import file_digest
from curate.models.pose_model import POINTS, PoseModel
from curate.models.preprocessing import Placement
from index.images.decode import Picture
from index.stages.row_plugin import Batch, Results
from schema.arrays import Floats32
from schema.errors import ModelError
from schema.plugins import Options
from schema.settings import Settings

_AT = {name: at for at, name in enumerate(POINTS)}
_PARTS = {
    "face": ("nose", "left_eye", "right_eye"),
    "shoulders": ("left_shoulder", "right_shoulder"),
    "hips": ("left_hip", "right_hip"),
    "knees": ("left_knee", "right_knee"),
    "ankles": ("left_ankle", "right_ankle"),
}
# The nose between the ears, as a share of their distance, beyond which a head looks aside.
_ASIDE = 0.3


class PoseOptions(Options):
    """``[measure.pose]``."""

    model: str = Field("", description="ONNX of the SimCC kind, file or folder.")
    files: str = Field(
        "", description="beside: a JSON beside each picture; or a folder of them. Instead of a model."
    )
    score: float = Field(0.3, ge=0, le=1, description="Least score of a point that counts as seen.")
    device: str = Field("auto", description="auto, cpu, cuda or cuda:N.")


@dataclass(frozen=True, slots=True)
class _Input:
    given: tuple[Floats32, Placement] | None
    scale: tuple[float, float]
    size: tuple[int, int]


class Pose(Measure):
    """Pose of the character.

    - ``pose_points``: x, y, score of COCO's 17 points in pixels of the file; ``pose_seen``: how many are seen;
    - ``pose_full_body``: face or shoulders, hips, knees and ankles are in the picture; ``pose_upper_body``: shoulders
      are, knees are not; ``pose_hips``: hips are in the picture; ``pose_outside``: points that lie outside of it;
    - ``pose_facing``: front, left, right (as seen in the picture) or back; null where too little is seen.
    """

    name = "pose"
    gives: ClassVar = {
        "pose_points": pa.list_(pa.float32()),
        "pose_seen": pa.int32(),
        **dict.fromkeys(("pose_full_body", "pose_upper_body", "pose_hips"), pa.bool_()),
        "pose_outside": pa.int32(),
        "pose_facing": pa.string(),
    }
    Options = PoseOptions

    @classmethod
    def missing(cls, settings: Settings) -> str:
        """Return that neither model nor files are named."""
        options = cls(settings).options
        return (
            ""
            if options.model or options.files
            else "neither measure.pose.model nor measure.pose.files is set"
        )

    def identity(self) -> dict[str, str]:
        """Return the digest of the model."""
        own = {"model": file_digest(self.options.model)} if self.options.model else {}
        return super().identity() | own

    def load(self) -> None:
        """Open the model. Raises ModelError where neither model nor files are named, or both."""
        if bool(self.options.model) == bool(self.options.files):
            raise ModelError("measure.pose needs a model or files of points, one of them")
        self._model = PoseModel(self.options.model, self.options.device) if self.options.model else None

    def prepare(self, picture: Picture) -> _Input:
        """See RowPlugin."""
        image = picture.image
        scale = picture.width / image.width, picture.height / image.height
        given = self._model.prepare(image) if self._model else None
        return _Input(given, scale, (picture.width, picture.height))

    def compute(self, batch: Batch) -> Results:
        """See RowPlugin."""
        inputs: list[_Input] = list(batch.pictures)
        reasons: list[str | None] = [None] * len(batch)
        if self._model:
            found = list(self._model.find([each.given for each in inputs if each.given]))
            points = [
                each * np.array([*given.scale, 1], np.float32)
                for each, given in zip(found, inputs, strict=True)
            ]
        else:
            points = []
            for at, uri in enumerate(batch.items.column("uri").to_pylist()):
                try:
                    points.append(points_of(self._file(uri)))
                except (OSError, ValueError) as error:
                    points.append(np.zeros((len(POINTS), 3), np.float32))
                    reasons[at] = f"no pose: {error}"[:300]
        rows = [self._row(each, given.size) for each, given in zip(points, inputs, strict=True)]
        columns = {name: [row[name] for row in rows] for name in self.gives}
        return Results(columns, reasons if any(reasons) else ())

    def _file(self, uri: str) -> Any:
        picture = Path(uri)
        names = [f"{picture.name}.pose.json", f"{picture.stem}.pose.json"]
        folder = picture.parent
        if self.options.files != "beside":
            folder = Path(self.options.files).expanduser()
            names += [f"{picture.name}.json", f"{picture.stem}.json"]
        path = next((folder / name for name in names if (folder / name).is_file()), None)
        if path is None:
            raise FileNotFoundError(f"there is no {names[0]} in {folder.name}")
        return json.loads(path.read_text(encoding="utf-8"))

    def _row(self, points: Floats32, size: tuple[int, int]) -> dict[str, Any]:
        inside = (points[:, :2] >= 0).all(axis=1) & (points[:, :2] < np.array(size)).all(axis=1)
        scored = points[:, 2] >= self.options.score
        seen = scored & inside
        shown = {part: any(seen[_AT[name]] for name in names) for part, names in _PARTS.items()}
        above = shown["face"] or shown["shoulders"]
        return {
            "pose_points": points.ravel(),
            "pose_seen": int(seen.sum()),
            "pose_full_body": bool(above and shown["hips"] and shown["knees"] and shown["ankles"]),
            "pose_upper_body": bool(shown["shoulders"] and not shown["knees"]),
            "pose_hips": bool(shown["hips"]),
            "pose_outside": int((scored & ~inside).sum()),
            "pose_facing": facing(points, seen),
        }


def points_of(given: Any) -> Floats32:
    """Return x, y and score of the 17 points, float32 [17, 3], from a JSON's content; raises ValueError for others."""
    if isinstance(given, Mapping) and "keypoints" in given:
        given = given["keypoints"]
    found = np.zeros((len(POINTS), 3), np.float32)
    if isinstance(given, Mapping):
        unknown = sorted(set(given) - set(POINTS))
        if unknown:
            raise ValueError(f"{unknown[0]} is no point of the seventeen")
        for name, values in given.items():
            found[_AT[name]] = [*values, 1.0][:3]
        return found
    values = np.asarray(given, np.float32).ravel()
    if values.size != found.size:
        raise ValueError(f"{values.size} numbers where 51 are needed")
    found = values.reshape(found.shape)
    # COCO's third number is 0 unlabelled, 1 hidden, 2 seen.
    if found[:, 2].max() > 1:
        found[:, 2] = np.where(found[:, 2] >= 1, 1.0, 0.0)
    return found


def facing(points: Floats32, seen: np.ndarray) -> str | None:
    """Return where the character looks, by nose and ears, else by the order of the shoulders."""
    nose, left_ear, right_ear = (_AT[name] for name in ("nose", "left_ear", "right_ear"))
    left, right = _AT["left_shoulder"], _AT["right_shoulder"]
    face = seen[[nose, _AT["left_eye"], _AT["right_eye"]]].any()
    if seen[nose] and seen[left_ear] and seen[right_ear]:
        # From the front the left ear lies to the right in the picture.
        wide = points[left_ear, 0] - points[right_ear, 0]
        if abs(wide) > 1e-3:
            place = (points[nose, 0] - points[right_ear, 0]) / wide
            return "left" if place < _ASIDE else "right" if place > 1 - _ASIDE else "front"
    if seen[nose] and seen[left_ear] != seen[right_ear]:
        ear = left_ear if seen[left_ear] else right_ear
        return "left" if points[nose, 0] < points[ear, 0] else "right"
    if seen[left] and seen[right]:
        turned = points[left, 0] < points[right, 0]
        return "front" if face and not turned else "back" if turned and not face else None
    return "front" if face else None
