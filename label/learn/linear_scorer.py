"""A linear judge: scores of values along fixed directions; what probes and zero-shot prompts come to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from label.learn.knn import Tally
from schema.arrays import Floats32


@dataclass(frozen=True, slots=True)
class Linear:
    """``basis`` [p, v] over plain features and ``bias`` [v]; ``kinds`` names the one kind of evidence."""

    basis: Floats32
    bias: Floats32
    many: bool
    kinds: tuple[str, ...]

    def judge(self, coordinates: Floats32) -> tuple[Floats32, Tally | None]:
        """Return evidence float32 [1, n, v]: log odds of several-of values, log shares of one-of; no tally."""
        scores = coordinates + self.bias
        if not self.many:
            scores = scores - scores.max(axis=1, keepdims=True)
            scores -= np.log(np.exp(scores).sum(axis=1, keepdims=True))
        found: Floats32 = np.clip(scores, -12, 12).astype(np.float32)[None]
        return found, None
