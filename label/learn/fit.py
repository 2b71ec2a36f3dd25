"""Learning the model of one attribute: scorers by fold, and their scores of the held-out items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from label.learn.combine import fit_pool
from label.learn.held_out import HeldOut, calibrate
from label.learn.label_noise import label_noise_score
from label.learn.model import AttributeModel
from label.learn.scorer import FoldScorers, Scores, score_by_fold
from label.learn.sources.base import FitData, FoldData, ScorerSource, moments_by_fold, moments_without
from label.learn.sources.knn import fit_knn_in_subspace
from label.learn.subspace import Moments
from schema.arrays import Floats32, Floats64, Ints, Rows

CONTRADICTED = float(np.exp(-1.0))
"""A labelled item to whose value the others give as much as to any other keeps 1 / (1 + CONTRADICTED) of its weight."""


@dataclass(frozen=True, slots=True)
class ContestedItems:
    """Items whose tags contradict each other: ``rows`` int64 [c], the value codes of each, plain features, folds."""

    rows: Rows
    codes: tuple[tuple[int, ...], ...]
    plain: Floats32
    folds: Ints


def fit_attribute(
    data: FitData,
    sources: Sequence[ScorerSource],
    target_precision: float,
    contested: ContestedItems | None = None,
    style_folds: Ints | None = None,
) -> tuple[AttributeModel, HeldOut] | None:
    """Return the model of an attribute and the scores of its held-out items; None where no source scores it.

    ``style_folds`` [m] are folds of whole style clusters, None where the collection shows no styles.
    """
    task, options = data.task, data.options
    scorers = fit_fold_scorers(data, sources, options.applicability)
    if not all(fold.scorers for fold in scorers):
        return None
    ood = np.zeros(len(task.rows), np.float32)
    for fold in range(options.folds):
        places = task.folds == fold
        ood[places] = data.features.ood_score(data.plain[places], fold)
    usual = score_held_out(data, scorers, ood)
    new_styles = None
    if style_folds is not None and options.new_styles and len(np.unique(style_folds)) > 1:
        by_style = replace(
            data,
            task=replace(task, folds=style_folds),
            options=replace(options, folds=int(style_folds.max()) + 1),
        )
        style_scorers = fit_fold_scorers(by_style, sources, options.applicability)
        new_styles = score_held_out(by_style, style_scorers, np.ones(len(ood), np.float32))
    held_out = HeldOut(usual, new_styles)
    if contested is not None and len(contested.codes):
        evidence = _evidence_on(contested, scorers, len(task.values), len(usual.evidence))
        held_out = replace(held_out, contested=contested.codes, contested_evidence=evidence)
    everyone = np.ones(len(task.rows), bool)
    model = calibrate(task, scorers, held_out, target_precision, options, everyone)
    if options.noise_models and not task.multi_label:
        model, shares = _with_noise_models(model, data, usual, sources)
        held_out = replace(held_out, noise_shares=shares)
    return model, held_out


def fit_fold_scorers(
    data: FitData, sources: Sequence[ScorerSource], applicability: bool
) -> tuple[FoldScorers, ...]:
    """Return the scorers of each fold, fitted on the labelled items of the other folds.

    With ``applicability`` there are scorers, too, of whether an attribute can be told of an item at all.
    """
    task, options = data.task, data.options
    without_value = ~task.labelled
    applicability = applicability and not task.multi_label and bool(without_value.any())
    extended = np.concatenate([task.targets, without_value[:, None].astype(np.float32)], axis=1)
    everyone = np.ones(len(task.rows), bool)
    by_fold = moments_by_fold(data, extended, everyone) if applicability else []
    shared: list[Moments] = []
    found = []
    for fold in range(options.folds):
        fold_data = FoldData(data, fold, shared)
        fitted = [source.fit(fold_data) for source in sources]
        whether = None
        if applicability:
            sums = moments_without(by_fold, fold)
            whether = fit_knn_in_subspace(data, extended, sums, fold_data.train)
        found.append(FoldScorers(tuple(scorer for scorer in fitted if scorer is not None), whether))
    return tuple(found)


def score_held_out(data: FitData, scorers: Sequence[FoldScorers], ood: Floats32) -> Scores:
    """Return the scores of every labelled item from scorers that saw neither it nor its fold; ``ood`` [m]."""

    def score(fold: int, places: Ints) -> Scores:
        coordinates = [data.plain[places] @ matrix for matrix in scorers[fold].projections()]
        return scorers[fold].score(coordinates, len(data.task.values), ood[places])

    return score_by_fold(data.task.folds, score)


def _evidence_on(
    contested: ContestedItems, scorers: Sequence[FoldScorers], values: int, kinds: int
) -> Floats32:
    """Return the evidence [s, c, v] on items whose tags contradict each other."""
    evidence = np.zeros((kinds, len(contested.codes), values), np.float32)
    for fold in np.unique(contested.folds).tolist():
        places = contested.folds == fold
        coordinates = [contested.plain[places] @ matrix for matrix in scorers[fold].projections()]
        usual = np.zeros(int(places.sum()), np.float32)
        evidence[:, places] = scorers[fold].score(coordinates, values, usual).evidence
    return evidence


def _with_noise_models(
    model: AttributeModel, data: FitData, scores: Scores, sources: Sequence[ScorerSource]
) -> tuple[AttributeModel, Floats64]:
    """Return the model with its noise scorers, and the shares that they give the labelled items, float64 [m, v].

    Wrong tags mislead the subspace and the probe. Noise scorers learn once more, from labelled items weighted by how
    far the held-out scores support them, so they find more of the wrong ones. For labels the second pass brought
    nothing: its held-out scores look better than they are, and with honest nesting the gain in coverage was gone.
    """
    task = data.task
    labelled = task.labelled
    doubt = label_noise_score(model.pool(scores.evidence), task.targets > 0)
    credible = np.where(labelled, (1 - doubt) / (1 - doubt + CONTRADICTED * doubt), 1.0)
    weighted = replace(task, weights=(task.weights * credible).astype(np.float32))
    weighted_data = replace(data, task=weighted)
    scorers = fit_fold_scorers(weighted_data, sources, applicability=False)
    evidence = score_held_out(weighted_data, scorers, np.zeros(len(task.rows), np.float32)).evidence
    pool = fit_pool(evidence[:, labelled], task.targets[labelled], weighted.weights[labelled], False)
    return replace(model, noise_scorers=scorers, noise_pool=pool), pool(evidence)
