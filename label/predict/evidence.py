"""The evidence for one attribute of one item: who votes with which weight, and what calibration makes of it.

It reads one item and one vector, never the whole collection, and goes through the same ``predict`` as a label run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from label.data.dataset import Dataset, LabelInputs
from label.data.load import ItemLoader
from label.learn.calibration import NEVER
from label.learn.fit_all import LabelModels
from label.learn.knn import neighbour_weights
from label.observed.labels import ObservedLabels
from label.predict.predict import AttributePrediction, Decided, ItemBatch, predict
from schema.arrays import Floats64, Rows
from schema.vocabulary import Vocabulary

OUTSIDE = 0
"""The fold whose scorers look at pictures that are in no fold."""


@dataclass(frozen=True, slots=True)
class ValueEvidence:
    """One value: its probability, the least probability at which it is given (None: it abstains, for a ``reason``),
    and whether it reaches it."""

    value: str
    probability: float
    required: float | None
    given: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ReferenceVotes:
    """Reference items that voted, by row, the heaviest first, with the share of the whole vote of each [k]; ``support``
    is the effective number of all of them."""

    rows: Rows
    shares: Floats64
    values: tuple[tuple[str, ...], ...]
    support: float

    def shown(self, most: int, least_share: float) -> ReferenceVotes:
        """Return the ``most`` heaviest reference items, of those with at least that share of the vote."""
        count = min(int((self.shares >= least_share).sum()), most)
        return ReferenceVotes(self.rows[:count], self.shares[:count], self.values[:count], self.support)


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence for one attribute of one item.

    ``values`` are sorted by probability, the likeliest first; ``stated`` is what people say. ``omits`` tells whether
    tags or text of the item leave values out, so that these are less probable. ``applicability`` is the probability
    that the attribute can be told at all, None where it always can; ``weights`` say what each kind of evidence counts.
    """

    attribute: str
    stated: tuple[str, ...]
    values: tuple[ValueEvidence, ...]
    omits: bool
    target_precision: float
    references: ReferenceVotes
    applicability: float | None
    weights: tuple[tuple[str, float], ...]


def evidence(loader: ItemLoader, models: LabelModels, row: int, attribute: str) -> Evidence | None:
    """Return the evidence for an attribute of the item at ``row``; None where there is no model or no vector."""
    if attribute not in models.models:
        return None
    inputs = loader.load_some(np.array([row]))
    dataset = inputs.dataset
    if not len(dataset) or not len(dataset.vectors):
        return None
    # An item that came after the last label run is in no fold yet.
    dataset.folds = np.maximum(dataset.folds, OUTSIDE)
    prediction = _predictions(models, loader.vocabulary, inputs, [attribute])[0]
    if prediction.decided is None:
        return None
    decided, model = prediction.decided, prediction.decided.model
    fold = int(dataset.folds[0])
    applicability = None
    if model.applicability_calibrator is not None:
        applicability = float(model.applicability(decided.scores)[0])
    observed = dataset.observed[attribute]
    return Evidence(
        attribute,
        tuple(observed.values[code] for code in observed.among(dataset.rows)[1].tolist()),
        _values(decided),
        bool(decided.decisions.omits[0]),
        model.target_precision,
        _reference_votes(models, decided, inputs, fold),
        applicability,
        tuple((kind, float(weight)) for kind, weight in zip(model.kinds, model.pool.weights, strict=True)),
    )


def evidence_of_vector(
    models: LabelModels, vocabulary: Vocabulary, vector: npt.NDArray[np.floating], names: Sequence[str]
) -> dict[str, tuple[ValueEvidence, ...]]:
    """Return by attribute what the models give the values for a picture from outside, at its unit vector [d]."""
    observed = {each.name: ObservedLabels(each) for each in vocabulary.attributes}
    rows = np.zeros(1, np.int64)
    dataset = Dataset(
        rows,
        observed,
        np.ones(1, bool),
        np.zeros(1, np.int32),
        np.full(1, OUTSIDE, np.int64),
        rows,
        np.asarray(vector, np.float16)[None],
    )
    found = {}
    for prediction in _predictions(models, vocabulary, LabelInputs(dataset, [""]), names):
        if prediction.decided is not None:
            found[prediction.column.attribute.name] = _values(prediction.decided)
    return found


def _predictions(
    models: LabelModels, vocabulary: Vocabulary, inputs: LabelInputs, names: Sequence[str]
) -> Sequence[AttributePrediction]:
    return list(predict(models, vocabulary, ItemBatch.of(inputs, inputs.dataset.rows), names))


def _values(decided: Decided) -> tuple[ValueEvidence, ...]:
    decisions, model = decided.decisions, decided.model
    found = []
    for code in np.argsort(-decisions.probability[0], kind="stable").tolist():
        required = float(decisions.required[0, code])
        found.append(
            ValueEvidence(
                model.values[code],
                float(decisions.probability[0, code]),
                None if required >= NEVER else required,
                bool(decisions.passes[0, code]),
                model.thresholds[code].reason,
            )
        )
    return tuple(found)


def _reference_votes(models: LabelModels, decided: Decided, inputs: LabelInputs, fold: int) -> ReferenceVotes:
    """Return all reference items that the item asks, the heaviest first."""
    scorer = decided.model.folds[fold].knn
    support = float(decided.scores.support[0])
    if scorer is None or not len(scorer.reference.rows):
        return ReferenceVotes(np.empty(0, np.int64), np.empty(0), (), support)
    reference = scorer.reference
    members = reference.members[int(decided.scores.cells[0, 0])]
    coordinates = models.features.plain(inputs.dataset.vectors) @ scorer.basis
    closeness = neighbour_weights(coordinates, reference.coordinates[members], scorer.kernel)[0]
    weights = closeness * reference.weights[members]
    shares = (weights / (weights.sum() + scorer.kernel.prior_weight)).astype(np.float64)
    order = np.argsort(-shares, kind="stable")
    values = tuple(
        tuple(
            decided.model.values[code] for code in np.flatnonzero(reference.targets[members[place]]).tolist()
        )
        for place in order.tolist()
    )
    return ReferenceVotes(reference.rows[members[order]].astype(np.int64), shares[order], values, support)
