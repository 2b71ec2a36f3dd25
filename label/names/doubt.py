"""How likely a stated name is wrong, learned without knowing of any that it is.

Names drawn at random stand for wrong ones. Stated names are a mixture of right and wrong ones, so they are never as
rare as right names alone would be where wrong names lie: how rare they are there tells the share that is wrong, and
with it the probability elsewhere.

Reference: C. Elkan and K. Noto, 'Learning classifiers from only positive and unlabeled data', KDD 2008.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from label.names.confidence import Calibrated, fit_calibrated
from schema.arrays import Floats32, Floats64

TYPICAL = 0.25
"""Where drawn names mostly lie begins at this quantile of them."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Probability that a stated name is wrong: its odds of being a drawn one, against those where drawn names mostly
    lie, ``most``."""

    drawn: Calibrated
    most: float

    def __call__(self, features: Floats32) -> Floats64:
        """Return the probability float64 [n] that each stated name with these features [n, 2] is wrong."""
        return np.minimum(self.odds(features) / self.most, 1.0)

    def odds(self, features: Floats32) -> Floats64:
        """Return the odds of being a drawn name rather than a stated one, float64 [n]."""
        drawn = self.drawn(features)
        return np.asarray(drawn / np.maximum(1 - drawn, 1e-6))


def fit_doubt(stated: Floats32, drawn: Floats32) -> Doubt:
    """Return what the features of stated names [n, 2] and of names drawn at random [m, 2] tell."""
    features = np.concatenate([stated, drawn])
    is_drawn = np.arange(len(features)) >= len(stated)
    mass = np.where(is_drawn, len(features) / 2 / max(len(drawn), 1), len(features) / 2 / max(len(stated), 1))
    is_one = fit_calibrated(features, is_drawn, mass)
    most = float(np.quantile(Doubt(is_one, 1.0).odds(drawn), TYPICAL)) if len(drawn) else 1.0
    return Doubt(is_one, max(most, 1.0))
