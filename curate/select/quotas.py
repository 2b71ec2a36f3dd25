"""How many items each class gets of a total: equally or by weight, between floors and caps, all of it shared out."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from schema.arrays import Floats64, Ints
from schema.errors import SettingsError
from schema.sections.curation import Band, SelectSettings

ROUNDS = 200
"""Halvings of the bisection; far more than a float64 has bits."""


@dataclass(frozen=True, slots=True)
class Quotas:
    """Items by class, int64 [c]: ``wanted`` by share alone, and ``granted`` after what others could not fill."""

    wanted: Ints
    granted: Ints

    def shortfalls(self, available: Ints) -> Ints:
        """Return how many items each class lacks of what it should have had, int64 [c]."""
        missing: Ints = np.maximum(self.wanted - available, 0)
        return missing


def quotas(settings: SelectSettings, available: Ints, popularity: Floats64) -> Quotas:
    """Return what each class gets, of ``available`` candidates each, int64 [c]; no class gets more than it has."""
    weights = np.ones(len(available)) if settings.budget == "equal" else popularity
    total: float = settings.top
    if settings.bands:
        weights = banded(popularity, settings.bands)
        total = min(total or np.inf, float(_limited(weights, settings).sum()))
    most = np.minimum(available, settings.cap) if settings.cap else available
    least = np.minimum(settings.floor, most)
    total = int(min(total or np.inf, most.sum()))
    share = total * weights / weights.sum() if weights.sum() else np.zeros(len(weights))
    if settings.bands:
        asked = float(_limited(weights, settings).sum())
        share = weights * min(1.0, (settings.top or asked) / max(asked, 1.0))
    wanted = np.rint(_limited(share, settings)).astype(np.int64)
    if least.sum() > total:
        granted = _shared_out(total, np.ones(len(least)), np.zeros_like(least), least)
    elif settings.redistribute:
        granted = _shared_out(total, weights, least, most)
    else:
        granted = np.clip(wanted, least, most)
    return Quotas(wanted, granted)


def _limited(share: Floats64, settings: SelectSettings) -> Floats64:
    limited = np.maximum(share, settings.floor)
    return np.minimum(limited, settings.cap) if settings.cap else limited


def _shared_out(total: int, weights: Floats64, least: Ints, most: Ints) -> Ints:
    """Return whole numbers between ``least`` and ``most`` in proportion to weights that add up to ``total``.

    Where the weighted classes cannot hold so many, the sum is less.
    """
    low, high = 0.0, 1.0
    ceiling = np.where(weights > 0, most, least).sum()
    total = int(min(total, ceiling))
    while np.clip(high * weights, least, most).sum() < total:
        high *= 2
    for _ in range(ROUNDS):
        middle = (low + high) / 2
        if np.clip(middle * weights, least, most).sum() < total:
            low = middle
        else:
            high = middle
    exact = np.clip(high * weights, least, most)
    # What is within rounding of a whole number is that number.
    found = np.floor(exact + 1e-9).astype(np.int64)
    rest = total - int(found.sum())
    if rest > 0:
        open_ = np.flatnonzero((found < most) & (weights > 0))
        order = open_[np.argsort(-(exact - found)[open_], kind="stable")]
        found[order[:rest]] += 1
    return found


def banded(popularity: Floats64, bands: Sequence[Band]) -> Floats64:
    """Return the items of the band that each class is in, 0 for one below all bands, float64 [c]."""
    ordered = sorted(bands, key=lambda band: band.least)
    place = np.searchsorted([band.least for band in ordered], popularity, side="right")
    return np.array([0.0, *(float(band.items) for band in ordered)])[place]


def read_popularity(path: str) -> dict[str, float]:
    """Return popularity by class from a CSV of two columns, with or without a line of headings.

    Raises SettingsError that names the line where it is not that.
    """
    found: dict[str, float] = {}
    try:
        with Path(path).expanduser().open(encoding="utf-8-sig", newline="") as file:
            for number, line in enumerate(csv.reader(file), 1):
                if not line:
                    continue
                value = _number(line[1]) if len(line) >= 2 else None
                if value is None and number == 1:
                    continue
                if value is None:
                    raise SettingsError(
                        f"{path}, line {number}: a class and a number of 0 or more are expected",
                        "Such as: hatsune_miku,103245",
                    )
                found[line[0].strip()] = value
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(f"cannot read select.popularity {path}: {error}") from error
    if not found:
        raise SettingsError(f"select.popularity {path} names no class")
    return found


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < np.inf else None
