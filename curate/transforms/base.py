"""What a transform is: it takes a picture with the boxes on it, and gives one back with what was done.

Boxes move with the pixels. What is drawn at random is drawn from the item's id and the place in the order of
transforms, so the same item gets the same picture on every machine.
"""

from __future__ import annotations

import hashlib
import random
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from PIL import Image

from schema.errors import LikenessError
from schema.plugins import Options, options_of


class CannotTransform(LikenessError):
    """Raised when a picture cannot be transformed as asked; the item is left out with this as its reason."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on a picture, in its pixels, right and lower edges outside; ``label`` says of what: face, text."""

    label: str
    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def area(self) -> float:
        """Its area in square pixels; 0 for one that is empty."""
        return max(0.0, self.x1 - self.x0) * max(0.0, self.y1 - self.y0)


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture (RGB) under way: its item, the boxes on it, and what was done to it so far."""

    item_id: str
    image: Image.Image
    boxes: tuple[Box, ...] = ()
    done: tuple[Mapping[str, Any], ...] = ()

    def draw(self, salt: str = "") -> random.Random:
        """Return what this item draws from at this place; ``salt`` gives another draw."""
        text = f"{self.item_id}:{len(self.done)}:{salt}"
        return random.Random(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big"))

    def after(self, image: Image.Image, **parameters: Any) -> Frame:
        """Return the frame with another picture of the same geometry."""
        return replace(self, image=image, done=(*self.done, parameters))

    def moved(
        self, image: Image.Image, scale: tuple[float, float], offset: tuple[float, float], **parameters: Any
    ) -> Frame:
        """Return the frame with a picture in which x is at ``x * scale + offset``; boxes go along, and are cut to it.

        A box of which nothing is left is gone.
        """
        boxes = []
        for box in self.boxes:
            xs = sorted((box.x0 * scale[0] + offset[0], box.x1 * scale[0] + offset[0]))
            ys = sorted((box.y0 * scale[1] + offset[1], box.y1 * scale[1] + offset[1]))
            inside = Box(
                box.label, max(0.0, xs[0]), max(0.0, ys[0]), min(image.width, xs[1]), min(image.height, ys[1])
            )
            if inside.area > 0:
                boxes.append(inside)
        return replace(self, image=image, boxes=tuple(boxes), done=(*self.done, parameters))

    def cropped(self, box: tuple[int, int, int, int], **parameters: Any) -> Frame:
        """Return the frame cut to a rectangle of whole pixels."""
        image = self.image.crop(box)
        return self.moved(image, (1.0, 1.0), (-box[0], -box[1]), box=list(box), **parameters)


class Transform(ABC):
    """One step. ``Options`` are the keys of its ``[[transform]]`` besides ``use``; ``boxes`` names measures."""

    name: ClassVar[str]
    version: ClassVar[int] = 1
    boxes: ClassVar[tuple[str, ...]] = ()
    Options: ClassVar[type[Options]] = Options

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.options = options_of(type(self), {self.name: dict(given)}, self.name, "transform")

    @abstractmethod
    def apply(self, frame: Frame) -> Frame:
        """Return the frame after this step. Raises CannotTransform with the reason."""
