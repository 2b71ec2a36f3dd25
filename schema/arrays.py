"""Array types, one meaning each: what a numpy array holds, said once for all folders."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Ints: TypeAlias = npt.NDArray[np.int64]
Ints32: TypeAlias = npt.NDArray[np.int32]
Ints8: TypeAlias = npt.NDArray[np.int8]
Floats16: TypeAlias = npt.NDArray[np.float16]
Floats32: TypeAlias = npt.NDArray[np.float32]
Floats64: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]
Bytes: TypeAlias = npt.NDArray[np.uint8]

Rows: TypeAlias = npt.NDArray[np.int64]
"""Row numbers of items, int64 [n]."""
Hashes: TypeAlias = npt.NDArray[np.uint64]
"""Bit strings as 64-bit words: perceptual hashes [n] or [n, words]."""
Pixels: TypeAlias = npt.NDArray[np.uint8]
"""Decoded pictures, uint8 [h, w, 3] or [n, h, w, 3], RGB."""
