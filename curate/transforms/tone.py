"""Pixels in their places: colours brought to those of a reference, text painted over."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
from PIL import Image
from pydantic import Field

from curate.transforms.base import Frame, Transform
from schema.arrays import Floats32
from schema.errors import SettingsError
from schema.plugins import Options


class ColourOptions(Options):
    """``[[transform]] use = "colour"``."""

    reference: str = Field(min_length=1, description="Picture whose colours the others get.")
    strength: float = Field(1.0, ge=0, le=1, description="How far towards it.")


class Colour(Transform):
    """Mean and spread of each channel in Lab as in a reference picture (Reinhard and others, 2001)."""

    name = "colour"
    Options: ClassVar[type[Options]] = ColourOptions
    options: ColourOptions

    @cached_property
    def _reference(self) -> tuple[Floats32, Floats32]:
        path = Path(self.options.reference).expanduser()
        try:
            with Image.open(path) as image:
                return _spread(_lab(image.convert("RGB")))
        except OSError as error:
            raise SettingsError(f"cannot read the reference of transform colour, {path}: {error}") from error

    def apply(self, frame: Frame) -> Frame:
        """See Transform."""
        wanted_mean, wanted_spread = self._reference
        lab = _lab(frame.image)
        mean, spread = _spread(lab)
        matched = (lab - mean) * (wanted_spread / np.maximum(spread, 1e-3)) + wanted_mean
        mixed = lab + np.float32(self.options.strength) * (matched - lab)
        rgb = cv2.cvtColor(mixed.astype(np.float32), cv2.COLOR_LAB2RGB)
        pixels = np.clip(np.rint(rgb * 255), 0, 255).astype(np.uint8)
        return frame.after(
            Image.fromarray(pixels), use=self.name, mean=[round(float(value), 3) for value in mean],
            spread=[round(float(value), 3) for value in spread],
        )  # fmt: skip


def _lab(image: Image.Image) -> Floats32:
    found: Floats32 = cv2.cvtColor(np.asarray(image, dtype=np.float32) / 255, cv2.COLOR_RGB2LAB)
    return found


def _spread(lab: Floats32) -> tuple[Floats32, Floats32]:
    flat = lab.reshape(-1, 3)
    return flat.mean(axis=0), flat.std(axis=0)


class InpaintOptions(Options):
    """``[[transform]] use = "inpaint"``."""

    labels: tuple[str, ...] = Field(("text",), description="Labels of the boxes that are painted over.")
    grow: int = Field(3, ge=0, le=200, description="Pixels around each box that go with it.")
    radius: float = Field(5.0, gt=0, le=100, description="Radius in which the algorithm looks for colours.")
    most: float = Field(
        0.25, gt=0, le=1, description="Share of the picture above which nothing is painted over."
    )


class Inpaint(Transform):
    """Paint over boxes by OpenCV's Telea: fine on plain ground, smeared where lines run through. Sources stay."""

    name = "inpaint"
    boxes = ("text",)
    Options: ClassVar[type[Options]] = InpaintOptions
    options: InpaintOptions

    def apply(self, frame: Frame) -> Frame:
        """See Transform."""
        options = self.options
        mask = np.zeros((frame.image.height, frame.image.width), np.uint8)
        painted = [box for box in frame.boxes if box.label in options.labels]
        for box in painted:
            left, top = max(0, int(box.x0) - options.grow), max(0, int(box.y0) - options.grow)
            mask[top : int(np.ceil(box.y1)) + options.grow, left : int(np.ceil(box.x1)) + options.grow] = 255
        share = float((mask > 0).mean())
        if not painted or share > options.most:
            return frame.after(frame.image, use=self.name, boxes=0, share=round(share, 4))
        rgb = cv2.inpaint(np.asarray(frame.image), mask, options.radius, cv2.INPAINT_TELEA)
        return frame.after(Image.fromarray(rgb), use=self.name, boxes=len(painted), share=round(share, 4))
