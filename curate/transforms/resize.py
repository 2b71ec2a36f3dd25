"""Sizes: one long or short side for all, or the buckets of kohya's trainers. Nothing is enlarged unless asked.

Shrinking to less than half averages areas, which neither rings nor aliases; less than that, Lanczos keeps lines sharp.
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from PIL import Image
from pydantic import Field

from curate.transforms.base import Frame, Transform
from schema.plugins import Options

AREA_BELOW = 0.5
FILTERS = {
    "area": Image.Resampling.BOX,
    "lanczos": Image.Resampling.LANCZOS,
    "bicubic": Image.Resampling.BICUBIC,
}


class ResizeOptions(Options):
    """``[[transform]] use = "resize"``."""

    side: int = Field(1024, ge=1, le=16_384, description="Length of the side in pixels.")
    fit: Literal["long", "short", "square"] = Field(
        "long", description="Which side gets it; square: the short one, and the middle is cut out."
    )
    upscale: bool = Field(False, description="Enlarge pictures that are smaller.")


class Resize(Transform):
    """Make the long or the short side so many pixels long."""

    name = "resize"
    Options: ClassVar[type[Options]] = ResizeOptions
    options: ResizeOptions

    def apply(self, frame: Frame) -> Frame:
        """See Transform."""
        options = self.options
        side = max(frame.image.size) if options.fit == "long" else min(frame.image.size)
        scale = options.side / side
        if scale > 1 and not options.upscale:
            scale = 1.0
        size = (max(1, round(frame.image.width * scale)), max(1, round(frame.image.height * scale)))
        frame = resized(frame, size, self.name)
        if options.fit != "square":
            return frame
        length = min(options.side, *frame.image.size)
        return frame.cropped(_middle(frame.image.size, (length, length)), use=self.name)


class BucketOptions(Options):
    """``[[transform]] use = "bucket"``; the numbers are kohya's."""

    resolution: int = Field(1024, ge=64, le=8192, description="Side of the square of the same area.")
    smallest: int = Field(256, ge=8, description="Shortest side of a bucket.")
    largest: int = Field(2048, ge=8, description="Longest side of a bucket.")
    step: int = Field(64, ge=8, description="Sides are multiples of this.")
    upscale: bool = Field(
        False, description="Enlarge small pictures into a bucket; else they keep their size."
    )


class Bucket(Transform):
    """Resize and crop into one of the sizes of one area that kohya's trainers sort pictures into.

    The sizes are those of sd-scripts' ``make_bucket_resolutions``; the one whose sides are most alike is taken, the
    picture is resized to cover it, and the middle is cut out. Without ``upscale``, small pictures are only cut to
    multiples of the step, as ``bucket_no_upscale`` does.
    """

    name = "bucket"
    Options: ClassVar[type[Options]] = BucketOptions
    options: BucketOptions

    def apply(self, frame: Frame) -> Frame:
        """See Transform."""
        options = self.options
        wide, high = frame.image.size
        area = options.resolution**2
        if not options.upscale and wide * high <= area:
            step = options.step
            size = (max(min(wide, step), wide - wide % step), max(min(high, step), high - high % step))
            return frame.cropped(_middle((wide, high), size), use=self.name, bucket=list(size))
        sizes = bucket_sizes(options.resolution, options.smallest, options.largest, options.step)
        bucket = nearest_bucket(wide / high, sizes)
        scale = bucket[1] / high if wide / high > bucket[0] / bucket[1] else bucket[0] / wide
        size = (max(bucket[0], int(wide * scale + 0.5)), max(bucket[1], int(high * scale + 0.5)))
        frame = resized(frame, size, self.name)
        return frame.cropped(_middle(size, bucket), use=self.name, bucket=list(bucket))


def bucket_sizes(resolution: int, smallest: int, largest: int, step: int) -> list[tuple[int, int]]:
    """Return the sizes of sd-scripts' ``make_bucket_resolutions``, sorted."""
    area = resolution * resolution
    side = int(math.sqrt(area) // step) * step
    sizes = {(side, side)}
    for wide in range(smallest, largest + 1, step):
        high = min(largest, int((area // wide) // step) * step)
        if high >= smallest:
            sizes |= {(wide, high), (high, wide)}
    return sorted(sizes)


def nearest_bucket(ratio: float, sizes: list[tuple[int, int]]) -> tuple[int, int]:
    """Return the size whose ratio of width to height is nearest."""
    return min(sizes, key=lambda size: abs(size[0] / size[1] - ratio))


def resized(frame: Frame, size: tuple[int, int], use: str) -> Frame:
    """Return the frame in another size by the filter that fits, which is recorded."""
    old = frame.image.size
    scale = (size[0] / old[0], size[1] / old[1])
    if size == old:
        return frame.moved(frame.image, (1.0, 1.0), (0.0, 0.0), use=use, size=list(size), filter=None)
    name = "bicubic" if max(scale) > 1 else "area" if min(scale) < AREA_BELOW else "lanczos"
    image = frame.image.resize(size, FILTERS[name])
    return frame.moved(image, scale, (0.0, 0.0), use=use, size=list(size), filter=name)


def _middle(size: tuple[int, int], kept: tuple[int, int]) -> tuple[int, int, int, int]:
    left, top = (size[0] - kept[0]) // 2, (size[1] - kept[1]) // 2
    return left, top, left + kept[0], top + kept[1]
