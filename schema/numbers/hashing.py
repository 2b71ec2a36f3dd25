"""One hash of whole numbers for everything that is drawn by row: folds, digests, samples that must not change."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from schema.arrays import Hashes


def mix64(numbers: npt.NDArray[np.integer]) -> Hashes:
    """Return well-mixed 64-bit words, uint64 [n]: a multiplication and two rounds of the finaliser of SplitMix64.

    The same number gives the same word on every machine; negative numbers are read as two's complement.
    """
    with np.errstate(over="ignore"):
        words = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        words ^= words >> np.uint64(29)
        words *= np.uint64(0xBF58476D1CE4E5B9)
        words ^= words >> np.uint64(32)
    return words
