"""Trimming the border of one colour that scans, screenshots and letterboxes have."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from curate.transforms.base import Frame, Transform
from schema.plugins import Options


class TrimOptions(Options):
    """``[[transform]] use = "trim"``."""

    tolerance: int = Field(
        12, ge=0, le=255, description="Most that a pixel of the border may differ from its corner."
    )
    margin: int = Field(0, ge=0, description="Pixels of the border that stay.")
    least: float = Field(
        0.2, gt=0, le=1, description="Share of each side that is left at least; else nothing is cut."
    )


class Trim(Transform):
    """Cut off rows and columns at the edges that have the colour of their corner all along."""

    name = "trim"
    Options: ClassVar[type[Options]] = TrimOptions
    options: TrimOptions

    def apply(self, frame: Frame) -> Frame:
        """See Transform."""
        pixels = np.asarray(frame.image, dtype=np.int16)
        high, wide = pixels.shape[:2]
        top, bottom = self._inside(pixels)
        left, right = self._inside(pixels[top:bottom].transpose(1, 0, 2)) if bottom > top else (0, wide)
        margin = self.options.margin
        box = (
            max(0, left - margin), max(0, top - margin), min(wide, right + margin), min(high, bottom + margin),
        )  # fmt: skip
        kept = (box[2] - box[0]) / wide, (box[3] - box[1]) / high
        if min(kept) < self.options.least or box == (0, 0, wide, high):
            return frame.after(frame.image, use=self.name, box=[0, 0, wide, high])
        return frame.cropped(box, use=self.name)

    def _inside(self, pixels: np.ndarray) -> tuple[int, int]:
        """Return the first row that is no border, and the one behind the last."""
        first, last = (
            np.abs(pixels - pixels[place, 0]).max(axis=(1, 2)) > self.options.tolerance for place in (0, -1)
        )
        ahead, behind = np.flatnonzero(first), np.flatnonzero(last)
        if not len(ahead) or not len(behind):
            return 0, len(pixels)
        return int(ahead[0]), int(behind[-1]) + 1
