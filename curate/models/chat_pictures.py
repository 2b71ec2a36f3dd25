"""Pictures as they are sent to a model: JPEG, RGB, no larger than asked."""

from __future__ import annotations

import io

from PIL import Image

QUALITY = 90


def as_jpeg(image: Image.Image, side: int) -> bytes:
    """Return a picture as JPEG whose long side is at most ``side``; smaller ones keep their size."""
    if max(image.size) > side:
        image = image.copy()
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()
