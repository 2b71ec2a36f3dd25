"""The transforms, by name: what is done to the pictures of an export. A new one is a class and a line here."""

from __future__ import annotations

from curate.transforms.base import Transform
from schema.plugins import Seam

TRANSFORMS = {
    "trim": "curate.transforms.frame:Trim",
    "crop": "curate.transforms.crops:Crop",
    "random_crop": "curate.transforms.crops:RandomCrop",
    "resize": "curate.transforms.resize:Resize",
    "bucket": "curate.transforms.resize:Bucket",
    "augment": "curate.transforms.augment:Augment",
    "colour": "curate.transforms.tone:Colour",
    "inpaint": "curate.transforms.tone:Inpaint",
}

SEAM = Seam(TRANSFORMS, "transform", "transform.use", "likeness.transforms", Transform)

__all__ = ["SEAM", "TRANSFORMS", "Transform"]
