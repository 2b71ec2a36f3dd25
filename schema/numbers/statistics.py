"""Exact binomial bounds: how good a share is at least, and at most, given how many items were seen.

Reference: C. J. Clopper and E. S. Pearson, 'The use of confidence or fiducial limits illustrated in the case of the
binomial', Biometrika 26 (1934).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from schema.arrays import Floats64

Numbers = npt.NDArray[np.floating] | npt.NDArray[np.integer]


def lower_bound(hits: Numbers, total: Numbers, confidence: float) -> Floats64:
    """Return the one-sided Clopper-Pearson lower bound of hits out of total, float64 [n]; 0 where there are no hits.

    Fractions of items are allowed: the bound is a quantile of the beta distribution.
    """
    from scipy.special import betaincinv

    right = np.asarray(hits, np.float64)
    count = np.asarray(total, np.float64)
    bound = betaincinv(np.maximum(right, 1e-9), count - right + 1, 1 - confidence)
    return np.asarray(np.where(right <= 0, 0.0, bound))


def upper_bound(hits: Numbers, total: Numbers, confidence: float) -> Floats64:
    """Return the one-sided Clopper-Pearson upper bound of hits out of total, float64 [n]."""
    return np.asarray(1 - lower_bound(np.asarray(total) - np.asarray(hits), total, confidence))


def interval(hits: int, total: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the two-sided Clopper-Pearson interval of a share; (0, 1) where nothing was seen."""
    if not total:
        return 0.0, 1.0
    one_sided = (1 + confidence) / 2
    right, count = np.array([hits]), np.array([total])
    return float(lower_bound(right, count, one_sided)[0]), float(upper_bound(right, count, one_sided)[0])
