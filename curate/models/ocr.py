"""Reading text in pictures by RapidOCR, whose models (PP-OCR, Apache-2.0) lie in its wheel: the extra ``ocr``.

Detection alone takes faces and ornaments of drawings for text; what counts is what recognition can read.
"""

from __future__ import annotations

import importlib.util
import logging
from dataclasses import dataclass

import numpy as np

from schema.arrays import Bytes, Floats32
from schema.errors import MissingExtra

_HINT = "Install it: pip install 'likeness-curation[ocr]'"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text: corners float32 [4] as x0, y0, x1, y1 in pixels of the picture, what it says, and its score."""

    corners: Floats32
    text: str
    score: float


def missing_ocr() -> str:
    """Return why text cannot be read here, empty where it can; without importing anything."""
    lacking = [name for name in ("rapidocr", "onnxruntime") if importlib.util.find_spec(name) is None]
    return f"{' and '.join(lacking)} not installed: pip install 'likeness-curation[ocr]'" if lacking else ""


class Ocr:
    """Reads lines of text; making it loads three models. Raises MissingExtra where the extra is not installed."""

    def __init__(self, threads: int = 0) -> None:
        if missing_ocr():
            raise MissingExtra("reading text needs rapidocr and onnxruntime, which are not installed", _HINT)
        from rapidocr import RapidOCR

        options = {"Global.log_level": "critical"}
        if threads:
            options["EngineConfig.onnxruntime.intra_op_num_threads"] = str(threads)
        self._engine = RapidOCR(params=options)
        logging.getLogger("RapidOCR").setLevel(logging.CRITICAL)

    def read(self, rgb: Bytes, least: float) -> list[Line]:
        """Return the lines of an RGB picture [h, w, 3] with a score of at least ``least``, from above to below."""
        found = self._engine(np.ascontiguousarray(rgb[..., ::-1]))
        if found is None or found.boxes is None or found.txts is None:
            return []
        tall, wide = rgb.shape[:2]
        lines = []
        for corners, text, score in zip(found.boxes, found.txts, found.scores, strict=True):
            if score < least or not text.strip():
                continue
            points = np.asarray(corners, np.float32)
            box = np.concatenate([points.min(axis=0), points.max(axis=0)])
            limits = np.array([wide, tall, wide, tall], np.float32)
            lines.append(Line(np.clip(box, 0, limits).astype(np.float32), text.strip(), float(score)))
        return sorted(lines, key=lambda line: (float(line.corners[1]), float(line.corners[0])))
