"""The verdict on what was measured of a pair: the same artwork, a variant of it, or neither; and its thresholds."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import isnan
from typing import Any

import numpy as np
import numpy.typing as npt

from schema.settings import DedupeSettings

SAME = "same artwork"
VARIANT = "variant"
DIFFERENT = "different"
# Names of tones (dedupe/compare/tone.py), in the order of their numbers in memory.
TONES = ("none", "brightness", "gamma", "offset", "contrast", "saturation", "grey")

# A mouth of a few pixels is small and faint; between two clean copies nothing else stands out like it.
OUTLIER = 0.08


@dataclass(frozen=True, slots=True)
class Limits:
    """Thresholds of the verdict: agreement and share of lines for one drawing, agreement at the least for the same
    artwork, shares of the content's area, pixels of SIDE for ``detail``, and how far the strongest detail may stand
    out. Those without a value here are settings, which have their defaults."""

    drawing: float
    shared: float
    area: float
    tint: float
    detail: float
    toned_area: float
    sketchy: float = 0.70
    outlier: float = 7.0
    toned_tint: float = 0.12

    @classmethod
    def of(cls, options: DedupeSettings) -> Limits:
        """Return the thresholds that the settings name."""
        named = (each.name for each in fields(cls) if each.name in DedupeSettings.model_fields)
        return cls(**{name: getattr(options, name) for name in named})

    @property
    def firm(self) -> float:
        """Agreement of lines, half the way from the threshold to full, at which versions are never parted again."""
        return (1 + self.drawing) / 2

    @property
    def lowest(self) -> float:
        """Agreement of lines below which nothing is measured: not even a bar hides so much."""
        return self.sketchy - 0.1


# How much larger than the allowed area the share of cells may be that differ between two copies, without a tone and
# under one: the cells of thin drawings are mixed colours. Of copies in twenty kinds of edit one in 200 has more.
CELL_SLACK = 0.10
TONED_CELL_SLACK = 0.064


@dataclass(frozen=True, slots=True)
class Difference:
    """What is left between two aligned pictures under one tone.

    ``agreement`` of lines and the share of them that both have (``shared``); ``area``, ``tint`` shares of the
    content where colours differ clearly and at all; ``detail`` the largest patch of lines that only one has, in
    pixels of SIDE; ``peak`` how strong it is and ``usual`` how strong such things are elsewhere (JPEG); ``overlay`` 1
    or 2 when a bar lies on the reference or on the other; ``ground`` when their plain grounds differ; ``seen`` the
    share of the reference that both show.

    NaN is what was not measured, as it could not change the verdict. Where ``detail`` was not, ``area`` and ``tint``
    are shares of cells (cells.py), without a tone and under the best one.
    """

    agreement: float
    mirrored: bool = False
    tone: str = "none"
    area: float = 1.0
    tint: float = 1.0
    detail: float = 0.0
    peak: float = 0.0
    usual: float = 0.0
    overlay: int = 0
    ground: bool = False
    seen: float = 0.0
    shared: float = 0.0

    def rounded(self) -> Difference:
        """Return the measures as they will be read back: a resumed run judges as the first one did."""
        values: dict[str, Any] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            values[each.name] = float(np.float32(value)) if isinstance(value, float) else value
        return Difference(**values)


def may_be_copy(glance: Difference, limits: Limits) -> bool:
    """Tell whether so few cells differ that the pictures may be the same artwork without a change of tone."""
    return glance.area <= limits.area + CELL_SLACK


def may_be_same(glance: Difference, limits: Limits) -> bool:
    """Tell whether so few cells differ, as they are or under a tone, that the pictures may be the same artwork."""
    toned = glance.agreement >= limits.drawing and glance.tint <= limits.toned_area + TONED_CELL_SLACK
    return may_be_copy(glance, limits) or toned


def settles(found: Difference, limits: Limits) -> bool:
    """Tell whether what was measured of a pair, maybe under other limits, is enough for a verdict under these."""
    if not isnan(found.detail) or found.agreement < limits.lowest:
        return True
    if may_be_same(found, limits):
        return False
    return found.agreement < limits.drawing or not (isnan(found.shared) or isnan(found.tint))


def judge(difference: Difference, limits: Limits) -> str:
    """Return the kind of copy that these measures speak for."""
    if passes(difference, limits):
        return SAME
    return VARIANT if _one_drawing(difference, limits) else DIFFERENT


def judge_all(measures: npt.NDArray[np.void], limits: Limits) -> npt.NDArray[np.str_]:
    """Return the kind of copy of each record of measures (dedupe/verify/pair_cache.py)."""
    records = measures.view(np.recarray)
    toned = records.tone != TONES.index("none")
    same = np.where(toned, _within(records, True, limits), _within(records, False, limits))
    found: npt.NDArray[np.str_] = np.where(
        same, SAME, np.where(_one_drawing(records, limits), VARIANT, DIFFERENT)
    )
    return found


def passes(difference: Difference, limits: Limits) -> bool:
    """Tell whether two pictures are the same artwork under the measured tone."""
    return bool(_within(difference, difference.tone != "none", limits))


def _within(found: Any, toned: bool, limits: Limits) -> Any:
    """Whether a Difference, or which of arrays of its fields, is within the limits with or without a tone."""
    usual = limits.outlier * found.usual
    return (
        (found.agreement >= (limits.drawing if toned else limits.sketchy))
        & (found.area <= (limits.toned_area if toned else limits.area))
        & (found.tint <= (limits.toned_tint if toned else limits.tint))
        & (found.detail <= limits.detail)
        & (
            found.ground
            | (found.peak <= OUTLIER)
            | (found.peak <= limits.outlier * 0.01)
            | (found.peak <= usual)
        )
    )


def _one_drawing(found: Any, limits: Limits) -> Any:
    return (found.agreement >= limits.drawing) & (found.shared >= limits.shared)
