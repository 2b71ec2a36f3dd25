"""What kind of copy a picture is of another, by their pixels: the same artwork, a variant of it, or neither."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

SAME = "same artwork"
VARIANT = "variant"
DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Verdict:
    """``kind`` of copy; ``score`` of sameness and ``structure`` of shared drawing, both in [0, 1]; ``note``
    in words.
    """

    kind: str
    score: float
    structure: float
    note: str = ""
    overlay: int = 0


def load(data: bytes) -> npt.NDArray[np.uint8]:
    """Return the pixels of a stored thumbnail, uint8 [h, w, 3]."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def compare(
    a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8], same: float = 0.5, variant: float = 0.5
) -> Verdict:
    """Return what kind of copy ``b`` is of ``a``, both uint8 [h, w, 3]."""
    small_a = _small(a)
    best = Verdict(DIFFERENT, 0.0, 0.0)
    for mirrored in (False, True):
        small_b = _small(b[:, ::-1] if mirrored else b)
        difference = np.abs(small_a - small_b).max(axis=2)
        edges_a, edges_b = _edges(small_a), _edges(small_b)
        structure = float(
            (edges_a * edges_b).sum() / (np.linalg.norm(edges_a) * np.linalg.norm(edges_b) + 1e-6)
        )
        changed = float((difference > 0.15).mean())
        score = float(np.clip(1.0 - changed * 20, 0.0, 1.0))
        kind = (
            SAME if score >= same and structure >= variant else VARIANT if structure >= variant else DIFFERENT
        )
        found = Verdict(kind, score, structure, "mirrored" if mirrored else "")
        if (kind == SAME, structure) > (best.kind == SAME, best.structure):
            best = found
    return best


def _small(image: npt.NDArray[np.uint8], side: int = 48) -> npt.NDArray[np.float32]:
    resized = Image.fromarray(np.ascontiguousarray(image)).resize((side, side), Image.Resampling.BOX)
    return np.asarray(resized, dtype=np.float32) / 255.0


def _edges(image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    grey = image.mean(axis=2)
    across, down = np.gradient(grey)
    found: npt.NDArray[np.float32] = np.hypot(across, down)
    return found
