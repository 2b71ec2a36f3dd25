"""Seventeen keypoints of a person from an ONNX of the SimCC kind, such as RTMPose's exports.

Such a file gives two outputs, [batch, 17, width * k] and [batch, 17, height * k]: for each point a distribution over
the columns and one over the rows of its input, k times as fine. A point lies at their maxima; the smaller one is its
score.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from curate.models.onnx_model import OnnxModel
from curate.models.preprocessing import Placement, Preprocessing
from schema.arrays import Floats32
from schema.errors import ModelError

POINTS = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle",
)  # fmt: skip
"""COCO's names, in COCO's order; left and right are the person's own."""

USUAL = Preprocessing(
    size=(192, 256), scale=1.0, mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375), fit="pad", fill=0
)
"""How RTMPose wants its pictures: RGB by ImageNet's mean and deviation, 192 x 256, the person whole."""


class PoseModel:
    """A SimCC file. Raises ModelError for one that does not answer so."""

    def __init__(self, path: str | Path, device: str = "auto") -> None:
        self._model = OnnxModel(path, USUAL, device=device)

    def prepare(self, image: Image.Image) -> tuple[Floats32, Placement]:
        """Return one input for an RGB picture, and where the picture lies in it."""
        return self._model.prepare(image)

    def find(self, inputs: Sequence[tuple[Floats32, Placement]]) -> Floats32:
        """Return x, y and score of each point in pixels of each picture, float32 [n, 17, 3]."""
        outputs = list(self._model.run([values for values, _ in inputs]).values())
        if len(outputs) != 2 or any(each.ndim != 3 or each.shape[1] != len(POINTS) for each in outputs):
            shapes = [list(each.shape) for each in outputs]
            raise ModelError(f"{self._model.path} does not answer as SimCC does: {shapes}")
        wide, tall = self._model.size
        # Told apart by their lengths, which stand in the ratio of the input's sides.
        across, along = outputs
        if across.shape[2] * tall != along.shape[2] * wide:
            across, along = along, across
        if across.shape[2] * tall != along.shape[2] * wide:
            raise ModelError(
                f"{self._model.path}: {across.shape[2]} and {along.shape[2]} do not fit {wide} x {tall}"
            )
        fine = across.shape[2] / wide
        x, y = across.argmax(axis=2) / fine, along.argmax(axis=2) / fine
        score = np.minimum(across.max(axis=2), along.max(axis=2))
        found = []
        for row, (_, placement) in enumerate(inputs):
            at_x = (x[row] - placement.left) / placement.scale_x
            at_y = (y[row] - placement.top) / placement.scale_y
            found.append(np.stack([at_x, at_y, score[row]], axis=1))
        return np.stack(found).astype(np.float32)
