"""What the labels are worth, on held-out items that no pool, calibrator or threshold was fitted on.

The right answer is what the taggers state, weighted as in the calibration: a contradiction that is probably a false
tag counts for less than a whole miss, an item without a value as far as it has probably nothing to state.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt

from label.data.task import AttributeTask
from label.learn.calibration import NEVER, expected_calibration_error
from label.learn.fit_all import AttributeFit
from label.learn.held_out import HeldOut, calibrate, held_out_probabilities
from label.learn.model import AttributeModel
from schema.arrays import Bools, Floats64, Ints

BINS = 15
POINTS = 50
"""Points of the curve of precision over coverage."""
CONFUSIONS = 30
"""Pairs of values that are listed at most, the most frequent first."""
LEAST_SPOKEN = 0.1
"""Probability from which a multi-label value counts as said at all."""


@dataclass(frozen=True, slots=True)
class _CrossFitted:
    """Cross-fitted predictions on the labelled items [m]: ``probabilities``, ``accepted`` and ``hits`` [m, v],
    ``weights`` [m, v], and the ``best`` value [m]."""

    probabilities: Floats64
    accepted: Bools
    hits: npt.NDArray[np.floating]
    weights: Floats64
    best: Ints


def evaluate(fit: AttributeFit) -> dict[str, Any]:
    """Return precision, coverage, support, calibration and confusion of one attribute, cross-fitted by fold."""
    task, model, held_out = fit.task, fit.model, fit.held_out
    if task is None or model is None or held_out is None:
        return {"attribute": fit.attribute.name, "reason": fit.reason, "items_needed": fit.items_needed}
    predicted, recall = _cross_fitted(task, model, held_out)
    m = len(task.rows)
    if task.multi_label:
        spoken = (predicted.probabilities >= LEAST_SPOKEN) | predicted.accepted
    else:
        spoken = np.zeros_like(predicted.accepted)
        spoken[np.arange(m), predicted.best] = predicted.probabilities[np.arange(m), predicted.best] > 0
    counted = spoken & (predicted.weights > 0)
    given = predicted.accepted & counted
    labelled = task.labelled

    def part(chosen: Bools) -> _Part:
        return _Part(predicted.probabilities[chosen], predicted.hits[chosen], predicted.weights[chosen])

    return {
        "attribute": task.name,
        "multi_label": task.multi_label,
        "target_precision": model.target_precision,
        "labelled_items": int(labelled.sum()),
        "items_without_value": int((~labelled).sum()),
        "tagging_recall": recall,
        "evidence": dict(zip(model.kinds, model.pool.weights.tolist(), strict=True)),
        "precision": part(given).precision(),
        "coverage": float(np.asarray(predicted.accepted.any(axis=1))[labelled].mean()),
        "calibration_error": part(counted).calibration_error(),
        "calibration_error_accepted": part(given).calibration_error(),
        "calibration_items": int(given.sum()),
        "reliability": part(counted).reliability(),
        "curve": part(counted).curve(),
        "values": [_of_value(task, model, predicted, counted, value) for value in range(len(task.values))],
        "confusion": [] if task.multi_label else _confusion(task, predicted),
    }


def _cross_fitted(
    task: AttributeTask, model: AttributeModel, held_out: HeldOut
) -> tuple[_CrossFitted, float]:
    """Return predictions on each fold by what was calibrated on the others, and the recall of the taggers."""
    m, v = task.targets.shape
    probabilities, accepted, mass = np.zeros((m, v)), np.zeros((m, v), bool), np.ones(m)
    recall, by_value = 1.0, np.ones(v)
    for fold in np.unique(task.folds).tolist():
        test = task.folds == fold
        fitted = calibrate(task, model.folds, held_out, model.target_precision, model.options, ~test)
        contested = held_out.contested is not None
        found, weight = held_out_probabilities(fitted, task, held_out.usual, contested)
        probabilities[test], mass[test] = found[test], weight[test]
        accepted[test] = fitted.accept(held_out.usual, found)[test]
        recall, by_value = fitted.recall, fitted.value_recall
    weights = np.repeat(mass[:, None], v, axis=1) * task.weights[:, None]
    # What taggers leave out would pass for a miss: the share of hits is read against the recall of the taggers.
    hits = task.targets / by_value if task.multi_label else task.targets
    return _CrossFitted(probabilities, accepted, hits, weights, probabilities.argmax(axis=1)), recall


def _of_value(
    task: AttributeTask, model: AttributeModel, predicted: _CrossFitted, counted: Bools, value: int
) -> dict[str, Any]:
    """Return the figures of one value."""
    accepted = predicted.accepted[:, value]
    own = accepted & (predicted.weights[:, value] > 0)
    right = task.targets[:, value] > 0
    threshold = model.thresholds[value]

    def part(chosen: Bools) -> _Part:
        return _Part(
            predicted.probabilities[chosen, value],
            predicted.hits[chosen, value],
            predicted.weights[chosen, value],
        )

    return {
        "value": task.values[value],
        "labelled_items": int(right.sum()),
        "accepted": int(own.sum()),
        "precision": part(own).precision(),
        "coverage": float(accepted[right].mean()) if right.any() else 0.0,
        "threshold": None if threshold.at >= NEVER else threshold.at,
        "reason": threshold.reason,
        "items_needed": max(0, ceil(model.options.min_support - threshold.hits)) if threshold.reason else 0,
        "false_tag_rate": float(model.false_tags[value]),
        "calibration_error": part(counted[:, value]).calibration_error(),
    }


@dataclass(frozen=True, slots=True)
class _Part:
    """Some predictions: ``probabilities`` [n], whether they are right ``hits`` [n], and ``weights`` [n]."""

    probabilities: Floats64
    hits: npt.NDArray[np.floating]
    weights: Floats64

    def precision(self) -> float | None:
        total = self.weights.sum()
        return float(min((self.hits * self.weights).sum() / total, 1.0)) if total > 0 else None

    def calibration_error(self) -> float | None:
        if not len(self.probabilities):
            return None
        return expected_calibration_error(self.probabilities, self.hits, BINS, self.weights)

    def reliability(self) -> list[dict[str, float]]:
        """Return mean probability and precision in bins of equal size."""
        bins = []
        order = np.argsort(self.probabilities, kind="stable")
        for places in np.array_split(order, min(BINS, max(len(order), 1))):
            if len(places):
                weights = self.weights[places]
                precision = min(np.average(self.hits[places], weights=weights), 1.0)
                bins.append(
                    {
                        "probability": float(np.average(self.probabilities[places], weights=weights)),
                        "precision": float(precision),
                        "items": len(places),
                    }
                )
        return bins

    def curve(self) -> list[list[float]]:
        """Return points (coverage, precision) from the most certain item to all, POINTS of them."""
        n = len(self.probabilities)
        if not n:
            return []
        order = np.argsort(-self.probabilities, kind="stable")
        right = np.cumsum((self.hits * self.weights)[order])
        total = np.cumsum(self.weights[order])
        ends = np.unique(np.linspace(min(10, n - 1), n - 1, POINTS).astype(int)).tolist()
        return [[float(total[end] / total[-1]), float(min(right[end] / total[end], 1.0))] for end in ends]


def _confusion(task: AttributeTask, predicted: _CrossFitted) -> list[dict[str, Any]]:
    """Return the pairs of an observed and another predicted value, the most frequent first."""
    labelled = task.labelled
    observed = task.targets.argmax(axis=1)
    any_accepted = predicted.accepted.any(axis=1)
    counted = predicted.weights[:, 0] > 0
    pairs = []
    for value, name in enumerate(task.values):
        for other, other_name in enumerate(task.values):
            chosen = labelled & (observed == value) & (predicted.best == other) & counted
            if value != other and chosen.any():
                pairs.append(
                    {
                        "observed": name,
                        "predicted": other_name,
                        "items": int(chosen.sum()),
                        "accepted": int((chosen & any_accepted).sum()),
                    }
                )
    return sorted(pairs, key=lambda pair: (-int(str(pair["items"])), str(pair["observed"])))[:CONFUSIONS]
