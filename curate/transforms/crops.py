"""Crops: around a box that a detector found, and at random."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from curate.transforms.base import CannotTransform, Frame, Transform
from schema.plugins import Options


class CropOptions(Options):
    """``[[transform]] use = "crop"``."""

    around: str = Field(
        "face", description="Label of the box: face, head, person, as measure people has them."
    )
    scale: float = Field(1.5, gt=0, le=20, description="Sides of the crop by those of the box.")
    square: bool = Field(True, description="A square, whose side is the longer one of the box.")
    missing: Literal["keep", "drop"] = Field(
        "drop", description="Pictures without such a box: whole, or left out."
    )


class Crop(Transform):
    """Cut to the largest box of a kind, with some of what is around it; the crop ends where the picture ends."""

    name = "crop"
    boxes = ("people",)
    Options: ClassVar[type[Options]] = CropOptions
    options: CropOptions

    def apply(self, frame: Frame) -> Frame:
        """See Transform."""
        options = self.options
        found = [box for box in frame.boxes if box.label == options.around]
        if not found:
            if options.missing == "keep":
                return frame.after(frame.image, use=self.name, around=None)
            raise CannotTransform(f"there is no {options.around} to crop to")
        box = max(found, key=lambda each: each.area)
        wide, high = (box.x1 - box.x0) * options.scale, (box.y1 - box.y0) * options.scale
        if options.square:
            wide = high = max(wide, high)
        middle = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
        left, right = _within(middle[0], wide, frame.image.width)
        top, bottom = _within(middle[1], high, frame.image.height)
        return frame.cropped((left, top, right, bottom), use=self.name, around=options.around)


class RandomCropOptions(Options):
    """``[[transform]] use = "random_crop"``."""

    side: float = Field(0.2, ge=0, lt=1, description="Most that is cut off each side, as a share of it.")


class RandomCrop(Transform):
    """Cut up to a share off the width and the height, at a place drawn for the item."""

    name = "random_crop"
    Options: ClassVar[type[Options]] = RandomCropOptions
    options: RandomCropOptions

    def apply(self, frame: Frame) -> Frame:
        """See Transform."""
        draw = frame.draw()
        box = []
        for length in frame.image.size:
            kept = max(1, round(length * (1 - draw.random() * self.options.side)))
            start = draw.randint(0, length - kept)
            box.append((start, start + kept))
        return frame.cropped((box[0][0], box[1][0], box[0][1], box[1][1]), use=self.name)


def _within(middle: float, length: float, most: int) -> tuple[int, int]:
    """Return whole pixels of a length around a middle, moved inside 0..most where it can be."""
    size = min(most, max(1, round(length)))
    start = min(max(0, round(middle - size / 2)), most - size)
    return start, start + size
