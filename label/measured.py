"""What the last full label run measured on held-out items, read without loading anything of what measured it.

``likeness status`` needs no more of the label folder, and starts as fast as the store opens.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from index.store import Store

MODELS, REPORT = "label_models", "report"
"""The table of models, and its record that holds the held-out figures."""
CALIBRATION_ITEMS = 200
"""Held-out labels below which a calibration error is mostly noise, and is not told."""


def load_report(store: Store) -> dict[str, Any]:
    """Return the held-out figures of the last full run by attribute; {} before it."""
    if not store.has(MODELS):
        return {}
    for record in store.read(MODELS, ["blob"], f"name = '{REPORT}'").to_pylist():
        figures: dict[str, Any] = json.loads(record["blob"])
        return figures
    return {}


def told_calibration_error(figures: Mapping[str, Any]) -> float | None:
    """Return the calibration error of accepted labels, or None where too few held-out labels are behind it."""
    error: float | None = figures.get("calibration_error_accepted")
    return error if figures.get("calibration_items", 0) >= CALIBRATION_ITEMS else None
