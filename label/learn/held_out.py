"""From held-out scores to a model: the pool, the calibrators, what is known of the taggers, the thresholds.

Held-out items count as their tags deserve. A contradiction that is probably a false tag counts for less than one miss;
an item without a value counts as a miss as far as it probably has nothing to state.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from label.data.task import AttributeTask
from label.learn.calibration import (
    IDENTITY,
    HeldOutPredictions,
    Threshold,
    choose_thresholds,
    fit_calibrator,
)
from label.learn.combine import OpinionPool, fit_pool
from label.learn.label_noise import (
    false_tag_probability,
    false_tag_rates,
    recall_by_value,
    tagging_recall,
)
from label.learn.model import APPLICABLE, AttributeModel
from label.learn.options import FitOptions
from label.learn.scorer import FoldScorers, Scores
from schema.arrays import Bools, Floats32, Floats64

LOWEST_FALSE_TAG_RATE = 0.001
"""No value is never tagged wrongly."""
FAINT = 0.01
"""Shares of a multi-label value below this say nothing about how far a clear one can be believed."""
UNLIKELY = 0.05
"""A multi-label value that is tagged where it is less probable than this is a false tag."""
USUAL = 0.5
"""Held-out items with a higher out-of-distribution score do not set the usual thresholds."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Held-out scores of the labelled items of a task: ``usual`` with leakage groups held out, ``new_styles`` with
    whole style clusters held out (None where there are none).

    ``contested`` are the value codes of items whose tags contradict each other, ``contested_evidence`` [s, c, v] the
    evidence on them; ``noise_shares`` [m, v] what the noise scorers give the labelled items.
    """

    usual: Scores
    new_styles: Scores | None = None
    contested: tuple[tuple[int, ...], ...] | None = None
    contested_evidence: Floats32 | None = None
    noise_shares: Floats64 | None = None


def calibrate(
    task: AttributeTask,
    scorers: tuple[FoldScorers, ...],
    held_out: HeldOut,
    target_precision: float,
    options: FitOptions,
    fit: Bools,
) -> AttributeModel:
    """Return the model whose pool, calibrators and thresholds are fitted on the held-out items ``fit`` [m]."""
    pool = _pool(task, held_out.usual, fit)
    model = AttributeModel(
        task.name,
        task.multi_label,
        task.values,
        target_precision,
        options,
        scorers,
        pool,
        None,
        (IDENTITY,) * (len(task.values) if task.multi_label else 1),
        None,
        (),
        task.may_be_absent,
        1.0,
        np.full(len(task.values), LOWEST_FALSE_TAG_RATE),
        value_recall=np.ones(len(task.values)),
    )
    if task.multi_label:
        model = _calibrate_values(model, task, held_out.usual, fit)
    else:
        model = _calibrate_best(model, task, held_out, fit)
    contested = held_out.contested is not None
    if held_out.new_styles is not None:
        model = _calibrate_new_styles(model, task, held_out.new_styles, contested, fit)
    probabilities, mass = held_out_probabilities(model, task, held_out.usual, contested)
    if task.multi_label:
        unlikely = (probabilities < UNLIKELY) & fit[:, None]
        rates = (task.targets * unlikely).sum(axis=0) / np.maximum(unlikely.sum(axis=0), 1)
        model = replace(model, false_tags=np.maximum(rates, LOWEST_FALSE_TAG_RATE))
    usual = fit & (1 - held_out.usual.ood > USUAL)
    return replace(model, thresholds=_thresholds(model, task, probabilities, mass, usual))


def _pool(task: AttributeTask, scores: Scores, fit: Bools) -> OpinionPool:
    chosen = fit if task.multi_label else task.labelled & fit
    return fit_pool(scores.evidence[:, chosen], task.targets[chosen], task.weights[chosen], task.multi_label)


def _calibrate_values(
    model: AttributeModel, task: AttributeTask, scores: Scores, fit: Bools
) -> AttributeModel:
    """Return a multi-label model with a calibrator for each value, and with the recall of the taggers."""
    shares = model.pool(scores.evidence)
    options = model.options
    recall, by_value = 1.0, np.ones(len(task.values))
    if options.tagging_recall:
        stated = task.targets[fit] > 0
        recall = tagging_recall(shares[fit].ravel(), stated.ravel(), options.lowest_recall)
        by_value = recall_by_value(shares[fit], stated, recall)
    weights = (task.weights * (1 - scores.ood))[fit]
    calibrators = tuple(
        fit_calibrator(shares[fit, value], task.targets[fit, value], weights).divided(float(by_value[value]))
        for value in range(len(task.values))
    )
    return replace(model, calibrators=calibrators, recall=recall, value_recall=by_value)


def _calibrate_best(
    model: AttributeModel, task: AttributeTask, held_out: HeldOut, fit: Bools
) -> AttributeModel:
    """Return a single-label model with the calibrator of its best value, and with what is known of the taggers."""
    scores, options, labelled = held_out.usual, model.options, task.labelled
    if len(scores.applicability):
        pool = fit_pool(
            scores.applicability[:, fit, None],
            labelled[fit, None].astype(np.float32),
            task.weights[fit],
            True,
        )
        raw = pool(scores.applicability[:, :, None])[:, 0]
        recall = 1.0
        if options.tagging_recall:
            recall = tagging_recall(raw[fit], labelled[fit], options.lowest_recall)
        calibrator = fit_calibrator(raw[fit], labelled[fit].astype(np.float64), task.weights[fit])
        model = replace(
            model, applicability_pool=pool, applicability_calibrator=calibrator.divided(recall), recall=recall
        )
    if options.false_tags and held_out.contested and held_out.contested_evidence is not None:
        shares = model.pool(held_out.contested_evidence)
        rates = false_tag_rates(shares, held_out.contested, task.targets.sum(axis=0))
        model = replace(model, false_tags=np.maximum(rates, LOWEST_FALSE_TAG_RATE))
    near = 1 - scores.ood
    score, hits, mass = _best_value(model, task, scores, held_out.contested is not None)
    counted = fit & (mass * near > 0)
    weights = (task.weights * mass * near)[counted]
    return replace(model, calibrators=(fit_calibrator(score[counted], hits[counted], weights),))


def _best_value(
    model: AttributeModel, task: AttributeTask, scores: Scores, contested: bool
) -> tuple[Floats64, Floats64, Floats64]:
    """Return for each item the raw score of its best value [m], whether it is right [m], and how much it counts."""
    shares, applicability = model.pool(scores.evidence), model.applicability(scores)
    score = shares.max(axis=1) * (applicability if task.may_be_absent else 1.0)
    return score, _hits(task, shares), _mass(model, task, shares, applicability, contested)


def _calibrate_new_styles(
    model: AttributeModel, task: AttributeTask, scores: Scores, contested: bool, fit: Bools
) -> AttributeModel:
    """Return the model with a calibrator and thresholds for pictures of a new style."""
    if task.multi_label:
        shares = model.pool(scores.evidence)
        chosen = fit[:, None] & (shares > FAINT)
        weights = np.repeat(task.weights[:, None], shares.shape[1], axis=1)
        calibrator = fit_calibrator(shares[chosen], task.targets[chosen], weights[chosen]).divided(
            model.recall
        )
        mass = np.ones(len(shares))
    else:
        score, hits, mass = _best_value(model, task, scores, contested)
        counted = fit & (mass > 0)
        calibrator = fit_calibrator(score[counted], hits[counted], (task.weights * mass)[counted])
    model = replace(model, ood_calibrator=calibrator)
    probabilities = model.probabilities(scores)
    return replace(model, ood_thresholds=_thresholds(model, task, probabilities, mass, fit))


def at_precision(
    model: AttributeModel, task: AttributeTask, held_out: HeldOut, target_precision: float
) -> AttributeModel:
    """Return the model with thresholds for another target precision; nothing else depends on it."""
    model = replace(model, target_precision=target_precision)
    everyone = np.ones(len(task.rows), bool)
    contested = held_out.contested is not None
    probabilities, mass = held_out_probabilities(model, task, held_out.usual, contested)
    usual = everyone & (held_out.usual.ood < USUAL)
    thresholds = _thresholds(model, task, probabilities, mass, usual)
    ood_thresholds = model.ood_thresholds
    if held_out.new_styles is not None and model.ood_calibrator is not None:
        probabilities, mass = held_out_probabilities(model, task, held_out.new_styles, contested)
        ood_thresholds = _thresholds(model, task, probabilities, mass, everyone)
    return replace(model, thresholds=thresholds, ood_thresholds=ood_thresholds)


def _thresholds(
    model: AttributeModel, task: AttributeTask, probabilities: Floats64, mass: Floats64, fit: Bools
) -> tuple[Threshold, ...]:
    best = probabilities.argmax(axis=1)
    weights = mass * task.duplicate_weights
    predictions = []
    for value in range(len(task.values)):
        own = fit & (probabilities[:, value] > 0) & (mass > 0) & (task.multi_label | (best == value))
        predictions.append(
            HeldOutPredictions(probabilities[own, value], task.targets[own, value], weights[own])
        )
    options = model.options
    by_value = model.value_recall if task.multi_label else np.ones(len(predictions))
    return choose_thresholds(
        predictions,
        model.target_precision * by_value,
        options.confidence,
        options.min_support,
        options.pooled_thresholds,
    )


def held_out_probabilities(
    model: AttributeModel, task: AttributeTask, scores: Scores, contested: bool
) -> tuple[Floats64, Floats64]:
    """Return calibrated probabilities [m, v] of the labelled items, and how much each counts as held out [m].

    ``contested`` tells whether there were items whose tags contradict each other, so that false tags are known.
    """
    probabilities = model.probabilities(scores)
    if task.multi_label:
        return probabilities, np.ones(len(probabilities))
    shares = model.pool(scores.evidence)
    return probabilities, _mass(model, task, shares, model.applicability(scores), contested)


def _hits(task: AttributeTask, shares: Floats64) -> Floats64:
    best = shares.argmax(axis=1)
    return np.asarray(task.targets[np.arange(len(best)), best], np.float64)


def _mass(
    model: AttributeModel, task: AttributeTask, shares: Floats64, applicability: Floats64, contested: bool
) -> Floats64:
    """Return how much each held-out item of a single-label attribute counts, float64 [m]."""
    labelled = task.labelled
    if model.applicability_calibrator is None:
        mass = labelled.astype(np.float64)
    else:
        missing = applicability * (1 - model.recall) / np.maximum(1 - applicability * model.recall, 1e-9)
        mass = np.where(labelled, 1.0, 1 - missing if task.may_be_absent else 0.0)
        if not task.may_be_absent:
            mass = mass * (applicability >= APPLICABLE)
    if model.options.false_tags and contested:
        given = task.targets.argmax(axis=1)
        items = np.arange(len(given))
        false_tag = false_tag_probability(
            shares[items, given], applicability, model.false_tags[given], model.recall
        )
        mass = np.where(labelled & (_hits(task, shares) == 0), mass * (1 - false_tag), mass)
    return np.asarray(mass)
