"""What is measured of a pair of copies to tell which was made from which: numbers, never the decision."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

NAN = float("nan")
VERSION = 1
"""Raised when what is measured changes: pairs of an older version are measured again."""


@dataclass(frozen=True, slots=True)
class Direction:
    """Measures of a pair ``row`` < ``other``; those that end so belong to one of the two.

    ``scale_x``, ``scale_y``: pixels of the other's file per pixel of the row's, ``rotation`` in degrees; ``left`` to
    ``bottom``: the other's frame in that of the row, 0..1 where it lies inside. ``more``: share of the drawing that
    only this one shows; ``border``: share of its area outside the other's frame that shows nothing of the drawing,
    ``edge`` the share of the frame where it begins with an edge. ``chroma``, ``one_tint``, ``paper``: see colour.py.
    ``tone``: mean change of colours, 0..1; ``clipped``: share of the area where this one is at an end of the scale
    and the other still varies. ``ground``: lightness of the plain ground where both have one of different colours,
    else NaN; ``halo``: share of the outline with the rest of a lighter ground. ``added``: kind of what was laid over
    this one (additions.py), on ``added_area`` of it around ``added_x``, ``added_y``. ``detail_x``, ``detail_y``:
    octaves of detail that the row has more; ``noise`` in grey levels; ``grid``, ``ripples``, ``colours``, ``coarse``:
    see compression.py. Whatever needs the full pictures is NaN (0 for colours) where ``read`` is false.
    """

    mirrored: bool = False
    rotation: float = 0.0
    scale_x: float = 1.0
    scale_y: float = 1.0
    fit: float = 0.0
    left: float = 0.0
    top: float = 0.0
    right: float = 1.0
    bottom: float = 1.0
    more_row: float = 0.0
    more_other: float = 0.0
    border_row: float = 0.0
    border_other: float = 0.0
    edge_row: float = 0.0
    edge_other: float = 0.0
    chroma_row: float = 0.0
    chroma_other: float = 0.0
    most_chroma_row: float = 0.0
    most_chroma_other: float = 0.0
    one_tint_row: bool = False
    one_tint_other: bool = False
    paper_row: float = 0.0
    paper_other: float = 0.0
    tone: float = 0.0
    clipped_row: float = 0.0
    clipped_other: float = 0.0
    ground_row: float = NAN
    ground_other: float = NAN
    ground_chroma_row: float = NAN
    ground_chroma_other: float = NAN
    halo_row: float = NAN
    halo_other: float = NAN
    added_row: int = 0
    added_other: int = 0
    added_area_row: float = 0.0
    added_area_other: float = 0.0
    added_x_row: float = NAN
    added_x_other: float = NAN
    added_y_row: float = NAN
    added_y_other: float = NAN
    read: bool = False
    camera_row: bool = False
    camera_other: bool = False
    editor_row: bool = False
    editor_other: bool = False
    taken_row: int = 0
    taken_other: int = 0
    detail_x: float = NAN
    detail_y: float = NAN
    explained: float = NAN
    noise_row: float = NAN
    noise_other: float = NAN
    grid_row: float = NAN
    grid_other: float = NAN
    ripples_row: float = NAN
    ripples_other: float = NAN
    colours_row: int = 0
    colours_other: int = 0
    colours_both: int = 0
    differ: float = NAN
    change: float = NAN
    spread: float = NAN
    coarse_row: float = NAN
    coarse_other: float = NAN

    def rounded(self) -> Direction:
        """Return the measures as they will be read back from float32."""
        values: dict[str, Any] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            values[each.name] = float(np.float32(value)) if isinstance(value, float) else value
        return Direction(**values)

    def of(self, other: bool) -> dict[str, Any]:
        """Return the measures that belong to one of the two, by their names without the ending."""
        ending = "_other" if other else "_row"
        return {
            each.name.removesuffix(ending): getattr(self, each.name)
            for each in fields(self)
            if each.name.endswith(ending)
        }
