"""From scores and statements to labels, attribute by attribute: the one way in which items are labelled.

A full run, an incremental run, the preview of a correction and the explanation of a label all go through ``predict``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from label.data.dataset import LabelInputs
from label.learn.fit_all import LabelModels
from label.learn.model import AttributeModel
from label.learn.scorer import Scores
from label.observed.labels import REVIEW, SOURCES
from label.predict.decide import MODEL, DecisionRule, Decisions, Predictions, Statements, decide
from schema.arrays import Bools, Floats32, Floats64, Ints, Ints8, Ints32, Rows
from schema.vocabulary import Attribute, Vocabulary

SOURCE_NAMES = (*SOURCES, "model")
"""What the labels table calls the source of a value, by code."""
UNCHECKED = 0.9
"""Confidence of a stated value that no scores can check."""


@dataclass(frozen=True, slots=True)
class ResolvedConflict:
    """The value of a conflict that the model gives, and its confidence."""

    value: str
    confidence: float


@dataclass(frozen=True, slots=True)
class PredictedLabel:
    """One attribute of one item: its values (none: it has no label), the least of their confidences, the source of
    the least trusted value, and the effective number of reference items of what the model gave."""

    values: tuple[str, ...] = ()
    confidence: float | None = None
    source: str = ""
    support: int = 0


@dataclass(slots=True)
class LabelColumn:
    """Labels of one attribute for n items: entries sorted by item, with ``item`` int64, the ``code`` of the value in
    ``values``, ``confidence`` and ``source`` code; ``support`` int32 [n]; ``resolved`` conflicts by item."""

    attribute: Attribute
    values: list[str]
    n: int
    item: Ints
    code: Ints32
    confidence: Floats32
    source: Ints8
    support: Ints32
    resolved: dict[int, ResolvedConflict] = field(default_factory=dict)

    def offsets(self) -> Ints:
        """Return where the entries of each item begin and end, int64 [n + 1]."""
        return np.searchsorted(self.item, np.arange(self.n + 1))

    def confidences(self) -> Floats32:
        """Return the least confidence of each item's values, float32 [n]; infinite for an item without any."""
        lowest = np.full(self.n, np.inf, np.float32)
        np.minimum.at(lowest, self.item, self.confidence)
        return np.where(np.isinf(lowest), lowest, np.clip(lowest, 0, 1))

    def sources(self) -> Ints8:
        """Return the source of each item's least trusted value, int8 [n]: the model where it gave any; 0 for none."""
        rank = np.where(self.source == MODEL, 0, self.source).astype(np.int8)
        weakest = np.full(self.n, MODEL + 1, np.int8)
        np.minimum.at(weakest, self.item, rank)
        return np.where(weakest == 0, MODEL, np.where(weakest > MODEL, 0, weakest)).astype(np.int8)

    def labels(self) -> list[PredictedLabel]:
        """Return the label of each item."""
        offsets = self.offsets().tolist()
        confidences, sources, support = (
            self.confidences().tolist(),
            self.sources().tolist(),
            self.support.tolist(),
        )
        found = []
        for item in range(self.n):
            codes = self.code[offsets[item] : offsets[item + 1]].tolist()
            if not codes:
                found.append(PredictedLabel())
                continue
            values = tuple(self.values[code] for code in codes)
            found.append(
                PredictedLabel(values, confidences[item], SOURCE_NAMES[sources[item]], support[item])
            )
        return found


@dataclass(frozen=True, slots=True)
class Decided:
    """How the values of one attribute were decided on the m items that have a vector, at ``places`` [m] among all."""

    model: AttributeModel
    places: Ints
    scores: Scores
    noise_shares: Floats64 | None
    """What the noise scorers give each value [m, v]; zero for items that were not to be checked."""
    said: Statements
    predictions: Predictions
    decisions: Decisions


@dataclass(frozen=True, slots=True)
class AttributePrediction:
    """The labels of one attribute, and how they were decided where there is a model."""

    column: LabelColumn
    decided: Decided | None


@dataclass(slots=True)
class ItemBatch:
    """Items that are labelled together: places [n] in the data set, and those of them [m] that have a vector.

    ``ambiguous`` says by item why it is open whose attributes are meant; predicting the number of characters adds to
    it.
    """

    inputs: LabelInputs
    rows: Rows
    places: Ints
    with_vector: Ints
    tagged: Bools
    ambiguous: dict[int, str]

    @classmethod
    def of(cls, inputs: LabelInputs, rows: Rows) -> ItemBatch:
        """Return the items ``rows`` (ascending) of a data set."""
        dataset = inputs.dataset
        places = dataset.places(rows)
        numbers = rows.tolist()
        return cls(
            inputs,
            rows,
            places,
            np.flatnonzero(dataset.vector_place[places] >= 0),
            dataset.tag_counts[places] > 0,
            {item: inputs.ambiguous[row] for item, row in enumerate(numbers) if row in inputs.ambiguous},
        )

    def items_of(self, rows: Iterable[int]) -> dict[int, int]:
        """Return which of ``rows`` are in the batch, as row to item."""
        wanted = np.array(list(rows), np.int64)
        item = np.searchsorted(self.rows, wanted)
        known = item < len(self.rows)
        known[known] = self.rows[item[known]] == wanted[known]
        return dict(zip(wanted[known].tolist(), item[known].tolist(), strict=True))


def predict(
    models: LabelModels,
    vocabulary: Vocabulary,
    batch: ItemBatch,
    names: Sequence[str] | None = None,
    check_noise: bool = False,
) -> Iterator[AttributePrediction]:
    """Yield the labels of a batch of items for each attribute, or for those in ``names``.

    The number of characters comes first: it says whose other attributes the model may fill. With ``check_noise`` the
    noise scorers look at the items that state one value.
    """
    wanted = [each for each in vocabulary.attributes if names is None or each.name in names or each.ambiguous]
    dataset = batch.inputs.dataset
    check = {}
    if check_noise:
        for attribute in wanted:
            if not attribute.multi_label:
                single = dataset.observed[attribute.name].single(batch.rows)
                check[attribute.name] = single[batch.with_vector]
    places = batch.places[batch.with_vector]
    fitted = [each.name for each in wanted if each.name in models.models]
    scores, noise = models.score(dataset.vectors_of(places), dataset.folds[places], fitted, check)
    for attribute in sorted(wanted, key=lambda each: not each.ambiguous):
        model = models.models.get(attribute.name)
        prediction = _predict_attribute(
            attribute, model, batch, scores.get(attribute.name), noise.get(attribute.name)
        )
        if attribute.ambiguous:
            _note_several(prediction.column, batch)
        if names is None or attribute.name in names:
            yield prediction


def _predict_attribute(
    attribute: Attribute,
    model: AttributeModel | None,
    batch: ItemBatch,
    scores: Scores | None,
    noise_shares: Floats64 | None,
) -> AttributePrediction:
    observed = batch.inputs.dataset.observed[attribute.name]
    n = len(batch.rows)
    # The order of the vocabulary, not of first sight: a list of values must not depend on what else was read.
    values = sorted(
        {*observed.values, *(model.values if model else ())},
        key=lambda value: (attribute.order[attribute.base(value)], value),
    )
    code_of = {value: code for code, value in enumerate(values)}
    items, observed_codes, sources = observed.among(batch.rows)
    codes = np.array([code_of[value] for value in observed.values], np.int64)[observed_codes]
    source = np.zeros((n, len(values)), np.int8)
    source[items, codes] = sources
    confidence = np.where(source == REVIEW, 1.0, UNCHECKED).astype(np.float32) * (source > 0)
    broader = broader_codes(attribute, values)
    column = LabelColumn(
        attribute, values, n, items, codes.astype(np.int32), np.empty(0, np.float32), sources,
        np.zeros(n, np.int32),
    )  # fmt: skip
    decided = None
    if model is not None and scores is not None and len(batch.with_vector):
        said = _statements(attribute, model, batch, column, source, broader)
        decided = _decide(model, batch, scores, noise_shares, said)
        _apply(column, decided, source, confidence, code_of)
    item, code = np.nonzero(source)
    if broader.shape[1]:
        # A general value that a stated or given one implies is not listed beside it, unless a reviewer gave it.
        above, general = _implied(item, code, broader)
        dropped = source[above, general] != REVIEW
        source[above[dropped], general[dropped]] = 0
        item, code = np.nonzero(source)
    column.item, column.code = item, code.astype(np.int32)
    column.confidence, column.source = confidence[item, code], source[item, code]
    return AttributePrediction(column, decided)


def broader_codes(attribute: Attribute, values: Sequence[str]) -> Ints:
    """Return the codes of what each multi-label value is a kind of, int64 [v, depth], padded with -1."""
    code_of = {value: code for code, value in enumerate(values)}
    multi_label = attribute.multi_label
    lines = [
        [code_of[name] for name in attribute.ancestors(value) if name in code_of] if multi_label else []
        for value in values
    ]
    depth = max(map(len, lines), default=0)
    padded = [line + [-1] * (depth - len(line)) for line in lines]
    return np.array(padded, np.int64).reshape(len(values), depth)


def _implied(item: Ints, code: Ints, broader: Ints) -> tuple[Ints, Ints]:
    """Return the entries (item, code) that other entries imply."""
    lines = broader[code]
    known = lines >= 0
    return np.repeat(item, broader.shape[1])[known.ravel()], lines[known]


def _statements(
    attribute: Attribute,
    model: AttributeModel,
    batch: ItemBatch,
    column: LabelColumn,
    source: Ints8,
    broader: Ints,
) -> Statements:
    """Return what people said of the m items with a vector, by the values of the model."""
    inputs, here = batch.inputs, batch.with_vector
    m, v = len(here), len(model.values)
    model_code = {value: code for code, value in enumerate(model.values)}
    to_model = np.array([model_code.get(value, -1) for value in column.values], np.int64)
    to_place = np.full(len(batch.rows), -1, np.int64)
    to_place[here] = np.arange(m)

    def marked(item: Ints, code: Ints) -> Bools:
        """Return bool [m, v] with the entries (item of the batch, code of the column) set."""
        found = np.zeros((m, v), bool)
        place, value = to_place[item], to_model[code]
        known = (place >= 0) & (value >= 0)
        found[place[known], value[known]] = True
        return found

    def listed(values_of: Mapping[int, Iterable[str]]) -> Bools:
        """Return bool [m, v] with the values of each item of the batch set."""
        found = np.zeros((m, v), bool)
        for item, values in values_of.items():
            if to_place[item] >= 0:
                found[to_place[item], [model_code[value] for value in values if value in model_code]] = True
        return found

    any_stated = np.zeros(len(batch.rows), bool)
    any_stated[column.item] = True
    any_tagged = np.zeros(len(batch.rows), bool)
    any_tagged[column.item[column.source < REVIEW]] = True
    contested = inputs.dataset.observed[attribute.name].contested_among(batch.rows)
    in_conflict = np.zeros(len(batch.rows), bool)
    in_conflict[list(contested)] = True
    rejected = inputs.rejected.get(attribute.name, {})
    open_items = np.ones(len(batch.rows), bool)
    if not attribute.ambiguous:
        open_items[list(batch.ambiguous)] = False
    open_items[list(batch.items_of(inputs.closed.get(attribute.name, ())).values())] = False
    own_columns = np.array([column.values.index(value) for value in model.values], np.int64)
    return Statements(
        source[_cells(here, own_columns, len(source))],
        any_stated[here],
        any_tagged[here],
        marked(*_implied(column.item, column.code.astype(np.int64), broader)),
        listed(contested),
        in_conflict[here],
        listed({item: rejected[row] for row, item in batch.items_of(rejected).items()}),
        batch.tagged[here],
        open_items[here],
    )


def _decide(
    model: AttributeModel,
    batch: ItemBatch,
    scores: Scores,
    noise_shares: Floats64 | None,
    said: Statements,
) -> Decided:
    probability = model.probabilities(scores)
    # Only what a tagger wrote can be a false tag; texts are read by rules and checked in the same way.
    checked = np.flatnonzero(((said.source > 0) & (said.source < REVIEW)).any(axis=1))
    reliability = np.zeros(probability.shape, np.float32)
    reliability[checked] = model.reliability(scores.take(checked), probability[checked])
    predictions = Predictions(probability, model.thresholds_of(scores.ood), reliability)
    decisions = decide(DecisionRule.of(model), said, predictions)
    return Decided(model, batch.with_vector, scores, noise_shares, said, predictions, decisions)


def _apply(
    column: LabelColumn, decided: Decided, source: Ints8, confidences: Floats32, code_of: dict[str, int]
) -> None:
    """Write what was decided into the arrays [n, v] of the column's values."""
    decisions, places, values = decided.decisions, decided.places, decided.model.values
    codes = np.array([code_of[value] for value in values])
    here = _cells(places, codes, column.n)
    source[here] = decisions.source
    confidences[here] = np.where(decisions.source > 0, decisions.confidence, confidences[here])
    by_model = (decisions.source == MODEL).any(axis=1)
    column.support[places] = np.rint(decided.scores.support).astype(np.int32) * by_model
    for place in np.flatnonzero(decisions.resolved >= 0).tolist():
        code = int(decisions.resolved[place])
        confidence = float(decisions.confidence[place, code])
        column.resolved[int(places[place])] = ResolvedConflict(values[code], confidence)


def _cells(items: Ints, codes: Ints, n: int) -> Any:
    """Return an index of the cells of some columns of ``items``, out of n rows."""
    # Almost always all items have a vector: slices are much quicker than lists of places.
    return (slice(None), codes) if len(items) == n else np.ix_(items, codes)


def _note_several(column: LabelColumn, batch: ItemBatch) -> None:
    """Add the items that the model takes to show several characters to the ambiguous ones."""
    flags = [code for code, value in enumerate(column.values) if value in column.attribute.ambiguous]
    for entry in np.flatnonzero(np.isin(column.code, flags) & (column.source == MODEL)).tolist():
        value, confidence = column.values[column.code[entry]], column.confidence[entry]
        batch.ambiguous.setdefault(int(column.item[entry]), f"the model gives {value} ({confidence:.2f})")
