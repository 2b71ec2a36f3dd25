"""Labels of some vectors carried to the others, without a store: models, calibration and rule of the label stage."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from label.learn.calibration import NEVER
from label.learn.evaluate import evaluate
from label.learn.fit_all import AttributeFit, LabelModels, fit_all
from label.learn.held_out import at_precision
from label.predict.decide import MODEL
from label.predict.predict import ItemBatch, predict
from label.stage import fit_options
from likeness.given_labels import NAME, GivenLabels, LabelledVectors, prepare
from likeness.inputs import group_numbers, unit_vectors
from likeness.table import to_pandas
from schema.arrays import Bools, Floats32, Ints
from schema.errors import InputError
from schema.settings import LabelSettings

if TYPE_CHECKING:
    import pandas as pd

SOURCES = ("knn", "probe")
# Items that are labelled together: a part of the work of each step is the interpreter's.
BATCH = 131_072


@dataclass(frozen=True, slots=True)
class ValueReport:
    """What is known of one value, from held-out labelled items.

    ``threshold`` is the probability from which it is given, None where it never is, for a ``reason``. ``labelled``
    items have it; of the held-out ones ``accepted`` would get it, at this ``precision`` (None where there are none),
    and ``coverage`` is the share of those that have it and would get it.
    """

    value: Hashable
    threshold: float | None
    labelled: int
    accepted: int
    precision: float | None
    coverage: float
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """What propagated labels are worth, measured on labelled items by models that saw neither these nor their groups.

    Thresholds and calibration are cross-fitted: an item is judged by those of the other folds. ``precision`` is that of
    what would be given, ``coverage`` the share of labelled items that would get a label, ``calibration_error`` the
    expected difference between probability and precision. ``curve`` [p, 2] has coverage and precision from the most
    certain item to all. ``reason`` says why nothing could be learned, where that is so; then the figures are None.
    """

    target_precision: float
    labelled: int
    precision: float | None
    coverage: float | None
    calibration_error: float | None
    curve: Floats32
    values: tuple[ValueReport, ...]
    reason: str = ""

    def to_arrow(self) -> pa.Table:
        """Return a row for each value."""
        rows = [{name: getattr(each, name) for name in ValueReport.__slots__} for each in self.values]
        return pa.Table.from_pylist([row | {"value": _cell(row["value"])} for row in rows], _VALUES_SCHEMA)

    def to_pandas(self) -> pd.DataFrame:
        """Return what ``to_arrow`` returns as a DataFrame; raises MissingExtra where pandas is not installed."""
        return to_pandas(self.to_arrow())

    def __str__(self) -> str:
        """Return the figures in words, a line for each value."""
        if self.reason:
            return f"nothing was learned from {self.labelled:,} labelled items: {self.reason}"
        lines = [
            f"{self.labelled:,} labelled items, a precision of {self.target_precision:g} asked for: "
            f"precision {_shown(self.precision)}, coverage {_shown(self.coverage)}, "
            f"calibration error {_shown(self.calibration_error)}"
        ]
        for each in self.values:
            given = f"from {each.threshold:.3f}" if each.threshold is not None else f"never: {each.reason}"
            lines.append(
                f"  {each.value}  {given}  (precision {_shown(each.precision)}, coverage {each.coverage:.2f})"
            )
        return "\n".join(lines)


class Propagation:
    """What ``propagate`` found for n vectors.

    ``values`` [n] holds the label of each: the one that was given, the one that was propagated, or None; where an item
    can have several, lists, empty where there is none. ``probabilities`` float32 [n, v] are calibrated, in the order
    of ``classes`` [v]. ``propagated`` bool [n] tells where the model gave a value, ``confidence`` float32 [n] how
    certain the label is, NaN without one. ``thresholds`` says by class from which probability it is given, None for
    never.
    """

    def __init__(self, data: LabelledVectors, models: LabelModels, fit: AttributeFit) -> None:
        self._data = data
        self._models = models
        self._fit = fit
        names = fit.model.values if fit.model is not None else ()
        self.classes: list[Hashable] = [data.class_of[name] for name in names]
        self.values: list[Any] = []
        n = len(data.dataset)
        self.probabilities: Floats32 = np.zeros((n, len(names)), np.float32)
        self.confidence: Floats32 = np.full(n, np.nan, np.float32)
        self.propagated: Bools = np.zeros(n, bool)
        for start in range(0, n, BATCH):
            self._label(data.dataset.rows[start : start + BATCH])

    def _label(self, rows: Ints) -> None:
        data = self._data
        batch = ItemBatch.of(data.inputs, rows)
        (prediction,) = predict(self._models, data.vocabulary, batch)
        column = prediction.column
        for label in column.labels():
            found = [data.class_of[name] for name in label.values]
            self.values.append(found if data.multi_label else found[0] if found else None)
        confidences = column.confidences()
        self.confidence[rows] = np.where(np.isinf(confidences), np.nan, confidences)
        self.propagated[rows[column.item[column.source == MODEL]]] = True
        if prediction.decided is not None:
            self.probabilities[rows] = prediction.decided.decisions.probability

    @property
    def thresholds(self) -> dict[Hashable, float | None]:
        """The probability from which each class is given; None for one that never is."""
        if self._fit.model is None:
            return {}
        thresholds = zip(self.classes, self._fit.model.thresholds, strict=True)
        return {name: float(each.at) if each.at < NEVER else None for name, each in thresholds}

    def report(self) -> Report:
        """Return what the labels are worth, on held-out labelled items; computed once."""
        return self._report

    @cached_property
    def _report(self) -> Report:
        found = evaluate(self._fit)
        target = self._data.settings.precision
        if "reason" in found:
            empty = np.empty((0, 2), np.float32)
            return Report(target, self._data.labelled, None, None, None, empty, (), found["reason"])
        values = tuple(
            ValueReport(
                self._data.class_of[each["value"]],
                each["threshold"],
                each["labelled_items"],
                each["accepted"],
                each["precision"],
                each["coverage"],
                each["reason"],
            )
            for each in found["values"]
        )
        curve = np.array(found["curve"], np.float32).reshape(-1, 2)
        figures = (found["precision"], found["coverage"], found["calibration_error"])
        return Report(found["target_precision"], self._data.labelled, *figures, curve, values)

    def rethreshold(self, precision: float) -> Propagation:
        """Return the labels for another precision; nothing is learned again. Raises InputError outside (0.5, 1)."""
        settings = _settings(precision, self._data.settings)
        data = self._data.at(settings)
        fit = self._fit
        if fit.model is None or fit.task is None or fit.held_out is None:
            return Propagation(data, self._models, fit)
        model = at_precision(fit.model, fit.task, fit.held_out, precision)
        models = LabelModels(self._models.features, {NAME: model}, self._models.folds, self._models.seed)
        return Propagation(
            data,
            models,
            AttributeFit(fit.attribute, fit.task, model, fit.held_out, sampled_out=fit.sampled_out),
        )

    def to_arrow(self) -> pa.Table:
        """Return a row for each vector: ``value`` as text (or list of texts), ``confidence``, ``propagated``."""
        if self._data.multi_label:
            cells: list[Any] = [[_cell(each) for each in value] for value in self.values]
        else:
            cells = [_cell(value) for value in self.values]
        kind = pa.list_(pa.string()) if self._data.multi_label else pa.string()
        return pa.table(
            {
                "value": pa.array(cells, kind),
                "confidence": pa.array(self.confidence, from_pandas=True),
                "propagated": pa.array(self.propagated),
            }
        )

    def to_pandas(self) -> pd.DataFrame:
        """Return what ``to_arrow`` returns as a DataFrame; raises MissingExtra where pandas is not installed."""
        return to_pandas(self.to_arrow())

    def __repr__(self) -> str:
        """Return the counts in words."""
        n, new = len(self.values), int(self.propagated.sum())
        return f"{n:,} items: {self._data.labelled:,} labelled, {new:,} got a label"


def propagate(
    vectors: npt.ArrayLike,
    labels: Sequence[Any] | npt.NDArray[Any],
    groups: Sequence[Hashable] | npt.NDArray[Any] | None = None,
    precision: float = 0.95,
    *,
    min_support: int = 15,
    seed: int = 0,
    threads: int = 0,
) -> Propagation:
    """Carry the labels of some vectors to the others, or abstain.

    ``vectors`` [n, d] may have any length but zero. ``labels`` [n] are texts or numbers, None or NaN where unknown, or
    lists of them where an item can have several. An unknown label says nothing. Items of one of the ``groups`` [n]
    (None or -1: none), such as the pictures of one character, never vote on one another when probabilities are
    calibrated, and neither do copies, whose cosine is 0.985 or more.

    A label is given where its calibrated probability reaches the threshold of its value: the lowest for which held-out
    items show the asked ``precision``, by its lower confidence bound. A value with fewer than ``min_support`` labelled
    items is never given.
    Raises InputError for arguments that do not fit together.
    """
    data = unit_vectors(vectors)
    if len(labels) != len(data):
        raise InputError(f"labels: one entry for each of {len(data)} vectors is needed, got {len(labels)}")
    given = GivenLabels.of(labels)
    if not given.values:
        raise InputError("labels: no vector has a label")
    if min_support < 5:
        raise InputError(f"min_support is at least 5, got {min_support}")
    settings = _settings(precision, LabelSettings(min_support=min_support, seed=seed, threads=threads))
    prepared = prepare(data, given, group_numbers(groups, len(data)), settings)
    attribute = prepared.vocabulary.attributes[0]
    options = fit_options(settings.model_copy(update={"sources": SOURCES}))
    models, fits = fit_all([attribute], prepared.dataset, settings, options)
    return Propagation(prepared, models, fits[NAME])


def _settings(precision: float, base: LabelSettings) -> LabelSettings:
    if not isinstance(precision, int | float | np.number) or not 0.5 < precision < 1:
        raise InputError(f"precision is a number between 0.5 and 1, got {precision!r}")
    return base.model_copy(update={"precision": float(precision)})


def _cell(value: Hashable) -> str | None:
    return None if value is None else str(value)


def _shown(figure: float | None) -> str:
    return "-" if figure is None else f"{figure:.3f}"


_VALUES_SCHEMA = pa.schema(
    [
        pa.field("value", pa.string()),
        pa.field("threshold", pa.float64()),
        pa.field("labelled", pa.int64()),
        pa.field("accepted", pa.int64()),
        pa.field("precision", pa.float64()),
        pa.field("coverage", pa.float64()),
        pa.field("reason", pa.string()),
    ]
)
