"""Two placed copies made comparable: one tone, one sharpness, so that what still differs was added or taken away."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from dedupe.compare.overlap import equally_sharp
from dedupe.direction.colour import lightness
from schema.arrays import Bools, Floats32, Floats64

# Places that a tone is fitted to, and rounds of reweighting by the inverse of the error.
SAMPLE, ROUNDS = 1200, 5
# What is clipped in either copy says nothing of the tone.
CLEAR_OF_ENDS = 0.015
# A tone that moves a tenth of the colours by this much is a change of tone.
MOVED = 0.03


@dataclass(frozen=True, slots=True)
class Tone:
    """Curves that take the first copy's channels to the second's: ``curves`` float64 [c, 3], constant, linear and
    square parts; ``moved`` is how far they move a tenth of the first's colours at least, 0..1."""

    curves: Floats64
    moved: float

    def apply(self, image: Floats32) -> Floats32:
        """Return an image [h, w, c] of the first copy in the tone of the second."""
        planes = []
        for channel, (constant, linear, square) in enumerate(self.curves):
            x = image[..., channel]
            planes.append(np.clip(constant + linear * x + square * x * x, 0, 1))
        return np.stack(planes, axis=-1).astype(np.float32)


def fit_tone(first: Floats32, second: Floats32, valid: Bools) -> Tone:
    """Return the tone between two aligned pictures [h, w, c]; what was laid over either does not bend it."""
    places = np.flatnonzero(valid.ravel())
    places = places[:: max(1, len(places) // SAMPLE)]
    channels = first.shape[2]
    own, its = first.reshape(-1, channels)[places], second.reshape(-1, channels)[places]
    curves = np.asarray([_curve(own[:, c], its[:, c]) for c in range(channels)])
    mapped = Tone(curves, 0.0).apply(own[None])[0]
    return Tone(curves, float(np.quantile(np.abs(mapped - own).max(axis=1), 0.9)))


def _curve(x: Floats32, y: Floats32) -> Floats64:
    """Least absolute error of a parabola, held to the identity where there is nothing to learn it from."""
    inner = (np.minimum(x, y) > CLEAR_OF_ENDS) & (np.maximum(x, y) < 1 - CLEAR_OF_ENDS)
    if int(inner.sum()) >= 60:
        x, y = x[inner], y[inner]
    x, y = x.astype(np.float64), y.astype(np.float64)
    basis = np.column_stack([np.ones_like(x), x, x * x])
    identity = np.asarray([0.0, 1.0, 0.0])
    weight = 1 / np.maximum(np.abs(y - x), 0.02)
    found = identity
    for _ in range(ROUNDS):
        held = np.asarray([1e-3, 1e-3, 0.02]) * weight.sum()
        heavy = basis * weight[:, None]
        found = np.linalg.solve(heavy.T @ basis + np.diag(held), heavy.T @ y + held * identity)
        weight = 1 / np.maximum(np.abs(y - basis @ found), 0.02)
    return found


def equalised(first: Floats32, second: Floats32, valid: Bools, grey: bool) -> tuple[Floats32, Floats32, Tone]:
    """Return both pictures [h, w, c] equally sharp and in the tone of the second, lightness alone where ``grey``."""
    own, its = equally_sharp(first, second, valid)
    if grey:
        own, its = (lightness(image)[..., None] for image in (own, its))
    own, its = np.asarray(own, np.float32), np.asarray(its, np.float32)
    tone = fit_tone(own, its, valid)
    return tone.apply(own), its, tone


def away_from(ground: Bools, reach: int = 5) -> Bools:
    """Return what is not within ``reach`` pixels of a ground."""
    return np.asarray(cv2.dilate(ground.astype(np.uint8), np.ones((reach, reach), np.uint8)) == 0)
