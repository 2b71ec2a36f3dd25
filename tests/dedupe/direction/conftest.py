"""Drawings with soft edges, and copies of them as files, made ready to be measured."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from dedupe.compare.image import load
from dedupe.direction.files import FullPicture, Subject
from dedupe.direction.findings import UNDECIDED, Facts, Finding, findings
from dedupe.direction.measure import measure_direction
from dedupe.direction.subjects import header
from index.images.facts import thumbnail

Side = tuple[Subject, Facts]


def subject(image: Image.Image, kind: str = "PNG", **options: object) -> Side:
    """Return a picture as dedupe would see it after it was written in this format and taken in."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    with Image.open(io.BytesIO(buffer.getvalue())) as opened:
        alpha = "A" in opened.getbands()
        whole = Image.alpha_composite(Image.new("RGBA", opened.size, "white"), opened.convert("RGBA"))
    pixels = np.asarray(whole.convert("RGB"))
    small = load(thumbnail(whole.convert("RGB"), 256))
    facts = Facts(kind == "PNG", alpha, *image.size)
    return Subject(image.size, small, lambda: FullPicture(pixels, *header(buffer.getvalue()))), facts


def compared(original: Side, copy: Side, swapped: bool = False) -> tuple[float, list[Finding]]:
    """Return how much more speaks against the copy than against the original, and what (``of`` 1 is the copy)."""
    first, second = (copy, original) if swapped else (original, copy)
    found = findings(measure_direction(first[0], second[0]), (first[1], second[1]))
    if swapped:
        found = [each.turned() for each in found]
    return sum(each.weight if each.of else -each.weight for each in found), found


def made_from(original: Side, copy: Side, swapped: bool = False) -> bool:
    """Tell whether the copy is seen to be made from the original."""
    return compared(original, copy, swapped)[0] > UNDECIDED


@pytest.fixture(scope="session")
def drawing(face: Callable[..., Image.Image]) -> Callable[..., Image.Image]:
    """Draws a face with soft edges, 320 pixels."""

    def draw(seed: int = 0, **options: object) -> Image.Image:
        return face(seed, size=960, **options).resize((320, 320), Image.Resampling.LANCZOS)

    return draw
