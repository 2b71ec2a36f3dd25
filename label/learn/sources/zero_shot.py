"""Zero-shot prompts as a source: closeness of a picture to sentences, through the encoder's text tower.

The embed stage writes the vectors of the vocabulary's sentences into the table ``prompts_KEY``; an encoder without a
text tower writes none, and the source is silent. A prompt alone is never believed: like all evidence it is weighed and
calibrated on held-out donors, and where an attribute has none, nothing is said.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from label.learn.linear_scorer import Linear
from label.learn.sources.base import Drill, Judge, LearnedSource


class PromptSource(LearnedSource):
    """Directions of the prompts of each value, as far apart as the donors' pictures lie along them."""

    word: ClassVar[str] = "prompt"

    def train(self, drill: Drill) -> Judge | None:
        """Return the directions; no statement of a donor has a say in them."""
        prompts = self.collection.prompts.get(drill.question.name)
        if prompts is None:
            return None
        d = len(drill.features.mean)
        v = len(drill.question.values)
        basis = np.zeros((drill.plain.shape[1], v), np.float32)
        known = np.array([value in prompts for value in drill.question.values])
        if known.sum() < (1 if drill.many else 2):
            return None
        for at in np.flatnonzero(known).tolist():
            basis[:d, at] = prompts[drill.question.values[at]]
        # What all sentences of an attribute share says nothing of its values.
        basis[:, known] -= basis[:, known].mean(axis=1, keepdims=True) if known.sum() > 1 else 0
        scores = drill.plain[drill.train] @ basis
        if not len(scores):
            # A fold may hold every donor there is; no mean and no spread can be measured without the others.
            scores = np.array([[-1.0], [1.0]], np.float32).repeat(v, axis=1)
        spread = np.maximum(scores.std(axis=0), 1e-6)
        basis /= spread
        bias = -(scores.mean(axis=0) / spread)
        basis[:, ~known], bias[~known] = 0, 0
        return Linear(basis, bias.astype(np.float32), drill.many, ("prompts",))
