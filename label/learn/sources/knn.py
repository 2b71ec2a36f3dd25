"""Reference items as scorers: their votes, and the closeness of an item to the centre of each value."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from label.learn.knn import LabelledPoints
from label.learn.knn_scorer import CENTROIDS, NEIGHBOURS, KnnScorer, fit_knn
from label.learn.scorer import Scorer
from label.learn.sources.base import FitData, FoldData, ScorerSource
from label.learn.subspace import Moments, discriminant
from schema.arrays import Bools, Floats32


class KnnSource(ScorerSource):
    """Places the labelled items of the other folds in the attribute's own subspace."""

    def fit(self, data: FoldData) -> Scorer | None:
        """Return the reference items of one fold as a scorer."""
        options, task = data.data.options, data.data.task
        switched_on = ((NEIGHBOURS, options.neighbours), (CENTROIDS, options.centroids))
        kinds = tuple(kind for kind, on in switched_on if on)
        if not kinds:
            return None
        return replace(
            fit_knn_in_subspace(data.data, task.targets, data.moments(), data.train_with_values), kinds=kinds
        )


def fit_knn_in_subspace(data: FitData, targets: Floats32, moments: Moments, chosen: Bools) -> KnnScorer:
    """Return the scorer of the ``chosen`` labelled items [m] in the subspace that ``moments`` give.

    ``targets`` may hold one more column than the task has values: 'no value is stated'.
    """
    task, options = data.task, data.options
    basis = discriminant(moments, options.shrinkage, options.dimensions)
    places = np.flatnonzero(chosen)
    coordinates = (data.white[places] @ basis).astype(np.float32)
    points = LabelledPoints(task.rows[places], coordinates, targets[places], task.weights[places])
    scorer = fit_knn(basis, points, task.multi_label, options)
    return replace(scorer, basis=data.features.unfold(basis))
