"""A linear scorer: values along fixed directions of the features; what probes and zero-shot prompts come to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from label.learn.knn import VoteResult
from label.learn.knn_scorer import LARGEST_EVIDENCE
from schema.arrays import Floats32


@dataclass(frozen=True, slots=True)
class LinearScorer:
    """``basis`` [p, v] over plain features and ``bias`` [v]; ``kinds`` names its one kind of evidence."""

    basis: Floats32
    bias: Floats32
    multi_label: bool
    kinds: tuple[str, ...]

    def projection(self) -> Floats32:
        """Return the directions of the values [p, v]."""
        return self.basis

    def score(self, coordinates: Floats32) -> tuple[Floats32, VoteResult | None]:
        """Return evidence float32 [1, n, v] on items at coordinates [n, v]; nobody votes."""
        scores = coordinates + self.bias
        if not self.multi_label:
            scores = scores - scores.max(axis=1, keepdims=True)
            scores -= np.log(np.exp(scores).sum(axis=1, keepdims=True))
        clipped: Floats32 = np.clip(scores, -LARGEST_EVIDENCE, LARGEST_EVIDENCE).astype(np.float32)
        return clipped[None], None
