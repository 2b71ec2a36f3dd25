"""Zero-shot prompts as scorers: closeness of a picture to sentences, through the encoder's text tower.

The embed stage writes the vectors of the vocabulary's sentences into the table ``prompts_KEY``; an encoder without a
text tower writes none, and there is no such scorer. A prompt alone is never believed: like all evidence it is weighed
and calibrated on held-out items, and an attribute without labelled items gets no labels.
"""

from __future__ import annotations

import numpy as np

from label.learn.scorer import Scorer
from label.learn.sources.base import FoldData, ScorerSource
from label.learn.sources.linear_scorer import LinearScorer

PROMPTS = "prompts"
"""The kind of evidence."""


class ZeroShotSource(ScorerSource):
    """Directions of the prompts of each value, scaled by how far apart the pictures lie along them."""

    def fit(self, data: FoldData) -> Scorer | None:
        """Return the directions of the prompts; no observed label has a say in them."""
        task, plain = data.data.task, data.data.plain
        prompts = self.dataset.prompts.get(task.name)
        if prompts is None:
            return None
        d = len(data.data.features.mean)
        v = len(task.values)
        basis = np.zeros((plain.shape[1], v), np.float32)
        known = np.array([value in prompts for value in task.values])
        if known.sum() < (1 if task.multi_label else 2):
            return None
        for value in np.flatnonzero(known).tolist():
            basis[:d, value] = prompts[task.values[value]]
        # What all sentences of an attribute share says nothing of its values.
        basis[:, known] -= basis[:, known].mean(axis=1, keepdims=True) if known.sum() > 1 else 0
        scores = plain[data.train] @ basis
        if not len(scores):
            # One fold may hold every labelled item; then there is nothing to measure a mean and a spread on.
            scores = np.array([[-1.0], [1.0]], np.float32).repeat(v, axis=1)
        spread = np.maximum(scores.std(axis=0), 1e-6)
        basis /= spread
        bias = -(scores.mean(axis=0) / spread)
        basis[:, ~known], bias[~known] = 0, 0
        return LinearScorer(basis, bias.astype(np.float32), task.multi_label, (PROMPTS,))
