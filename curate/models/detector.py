"""Boxes from ONNX detectors of the usual signatures, in pixels of the picture.

- YOLO: [batch, 4 + classes, boxes] (or its transpose), middle, width and height in pixels of the input; overlapping
  boxes of a class are suppressed by OpenCV;
- end-to-end YOLO: [batch, boxes, 6], corners in pixels, score, class;
- RT-DETR and its kin: [batch, boxes, 4 + classes] or two outputs, middle and size as shares of the input.

Class names come from the metadata ``names`` or from files beside the model (curate/models/preprocessing.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from curate.models.onnx_model import OnnxModel
from curate.models.preprocessing import Placement, Preprocessing
from schema.arrays import Bools, Floats32, Ints
from schema.errors import ModelError

USUAL = Preprocessing(size=None, scale=1 / 255, fit="pad", fill=114)
"""RGB in 0..1, the picture in the middle of a grey square, as Ultralytics' exports take it."""

# Boxes that are looked at before suppression, by falling score; more is noise and costs the square of it.
_MOST = 2000


@dataclass(frozen=True, slots=True)
class Boxes:
    """Corners float32 [n, 4] as x0, y0, x1, y1, scores [n], classes [n], by falling score."""

    corners: Floats32
    scores: Floats32
    classes: Ints

    def __len__(self) -> int:
        return len(self.scores)

    def chosen(self, which: Bools | Ints) -> Boxes:
        """Return some of the boxes, by a mask or places."""
        return Boxes(self.corners[which], self.scores[which], self.classes[which])


class Detector:
    """An ONNX detector. Making it loads it; raises ModelError for one whose classes have no names."""

    def __init__(self, path: str | Path, *, device: str = "auto", threads: int = 0) -> None:
        self._model = OnnxModel(path, USUAL, device=device, threads=threads)
        self.labels = self._model.labels()
        if not self.labels:
            raise ModelError(
                f"{self._model.path} does not name its classes",
                f'Name them in {self._model.path.stem}.json beside it: {{"labels": ["face", "person"]}}',
            )

    @property
    def device(self) -> str:
        """What it runs on."""
        return self._model.device

    def prepare(self, image: Image.Image) -> tuple[Floats32, Placement]:
        """Return one input for an RGB picture, and where the picture lies in it."""
        return self._model.prepare(image)

    def find(self, inputs: Sequence[tuple[Floats32, Placement]], least: float, overlap: float) -> list[Boxes]:
        """Return the boxes of prepared pictures with a score of at least ``least``, in pixels of each picture.

        Of boxes of one class that overlap by more than ``overlap`` (IoU) the best stays.
        """
        outputs = self._model.run([values for values, _ in inputs])
        found = []
        for row, (_, placement) in enumerate(inputs):
            answer = {name: value[row] for name, value in outputs.items()}
            boxes, suppressed = decoded(answer, self._model.size, len(self.labels), least)
            if not suppressed:
                boxes = best_of(boxes, overlap)
            found.append(Boxes(placement.back(boxes.corners), boxes.scores, boxes.classes))
        return found


def decoded(
    answer: Mapping[str, Floats32], size: tuple[int, int], classes: int, least: float
) -> tuple[Boxes, bool]:
    """Return the boxes in one picture's outputs, in pixels of the input, and whether they were suppressed already.

    Raises ModelError for outputs of no known form.
    """
    whole = np.array([size[0], size[1]] * 2, np.float32)
    arrays = list(answer.values())
    if len(arrays) == 2 and {array.shape[-1] for array in arrays} >= {4}:
        boxes, scores = sorted(arrays, key=lambda array: array.shape[-1] != 4)
        return _kept(_corners(boxes) * whole, _probabilities(scores), least), True
    if len(arrays) == 3 and sorted(array.ndim for array in arrays) == [1, 1, 2]:
        # RT-DETR with its own post-processing: labels, boxes and scores.
        boxes = next(array for array in arrays if array.ndim == 2)
        first, second = (array for array in arrays if array.ndim == 1)
        numbers, scores = (first, second) if _whole(first) and not _whole(second) else (second, first)
        return _listed(boxes, scores, numbers, least), True
    (array, *rest) = arrays
    if rest or array.ndim != 2:
        shapes = ", ".join(f"{name} {list(value.shape)}" for name, value in answer.items())
        raise ModelError(f"a detector with these outputs is not known: {shapes}")
    rows, columns = array.shape
    if columns == 6 and rows != 4 + classes and (classes != 2 or _whole(array[:, 5])):
        return _listed(array[:, :4], array[:, 4], array[:, 5], least), True
    if rows == 4 + classes and columns != 4 + classes:
        array = array.T
    if array.shape[1] != 4 + classes:
        raise ModelError(f"the detector gives {[rows, columns]} numbers a picture, and has {classes} classes")
    # Shares of the input are at most about 1; pixels are not, unless every box is a speck.
    if array[:, :4].max(initial=0.0) <= 2.0:
        return _kept(_corners(array[:, :4]) * whole, _probabilities(array[:, 4:]), least), True
    return _kept(_corners(array[:, :4]), array[:, 4:], least), False


def best_of(boxes: Boxes, overlap: float) -> Boxes:
    """Return the boxes without those that overlap a better one of their class by more than ``overlap``."""
    if not len(boxes):
        return boxes
    import cv2

    corners = boxes.corners
    rectangles = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
    kept = cv2.dnn.NMSBoxesBatched(
        rectangles.astype(np.float64).tolist(),
        boxes.scores.tolist(),
        boxes.classes.astype(int).tolist(),
        0.0,
        overlap,
    )
    return boxes.chosen(np.sort(np.asarray(kept, np.int64).ravel()))


def _corners(boxes: Floats32) -> Floats32:
    half = boxes[:, 2:] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)


def _probabilities(scores: Floats32) -> Floats32:
    if scores.min(initial=0.0) >= 0 and scores.max(initial=0.0) <= 1:
        return scores
    found: Floats32 = (1 / (1 + np.exp(-scores))).astype(np.float32)
    return found


def _whole(values: Floats32) -> bool:
    return bool((values == np.round(values)).all())


def _listed(corners: Floats32, scores: Floats32, classes: Floats32, least: float) -> Boxes:
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] >= least][:_MOST]
    return Boxes(
        corners[order].astype(np.float32), scores[order].astype(np.float32), classes[order].astype(np.int64)
    )


def _kept(corners: Floats32, scores: Floats32, least: float) -> Boxes:
    best = scores.argmax(axis=1)
    return _listed(corners, scores[np.arange(len(scores)), best], best.astype(np.float32), least)
