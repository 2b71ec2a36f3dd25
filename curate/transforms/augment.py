"""Augmentation through torchvision.transforms.v2, which carries boxes along: flips, crops, colours."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from PIL import Image
from pydantic import Field

from curate.transforms.base import Box, Frame, Transform
from index.images.torchvision_ops import import_transforms
from schema.plugins import Options

_GENERATOR = threading.Lock()


class AugmentOptions(Options):
    """``[[transform]] use = "augment"``."""

    flip: float = Field(0.5, ge=0, le=1, description="Probability of a mirror image.")
    crop: float = Field(
        0.0, ge=0, lt=1, description="Most of the area that a random crop takes off; 0: no crop."
    )
    size: int = Field(256, ge=8, le=4096, description="Side of the square that a random crop is resized to.")
    colour: float = Field(
        0.0, ge=0, le=1, description="Strength of changes of brightness, contrast and saturation."
    )
    seed: int = Field(0, description="Another number draws other changes.")


class Augment(Transform):
    """Random changes, the same for the same item and seed."""

    name = "augment"
    Options: ClassVar[type[Options]] = AugmentOptions
    options: AugmentOptions

    def apply(self, frame: Frame) -> Frame:
        """See Transform."""
        v2, tv_tensors = import_transforms()
        import torch

        options = self.options
        steps: list[Any] = []
        if options.flip:
            steps.append(v2.RandomHorizontalFlip(options.flip))
        if options.crop:
            steps.append(
                v2.RandomResizedCrop(
                    options.size, scale=(1 - options.crop, 1.0), ratio=(3 / 4, 4 / 3), antialias=True
                )
            )
        if options.colour:
            steps.append(v2.ColorJitter(*[options.colour] * 3))
        pixels = torch.from_numpy(np.array(frame.image).transpose(2, 0, 1))
        sides = [[box.x0, box.y0, box.x1, box.y1] for box in frame.boxes] or [[0.0, 0.0, 0.0, 0.0]]
        boxes = tv_tensors.BoundingBoxes(
            torch.tensor(sides), format="XYXY", canvas_size=(frame.image.height, frame.image.width)
        )
        seed = frame.draw(str(options.seed)).getrandbits(63)
        # torch has one generator for all threads.
        with _GENERATOR, torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            changed, moved = v2.Compose([*steps, v2.ClampBoundingBoxes()])(tv_tensors.Image(pixels), boxes)
        image = Image.fromarray(np.ascontiguousarray(changed.numpy().transpose(1, 2, 0)))
        found = [
            Box(box.label, *map(float, place))
            for box, place in zip(frame.boxes, moved.tolist(), strict=False)
        ]
        after = frame.after(image, use=self.name, seed=seed)
        return replace(after, boxes=tuple(box for box in found if box.area > 0))
