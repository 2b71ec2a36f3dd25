"""Learning all attributes of a data set, and scoring items for all attributes in one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from index.stages.parallel import cores, in_order
from label.data.dataset import Dataset
from label.data.task import AttributeTask, Shortage, build_task
from label.learn.features import (
    BLOCK,
    FeatureMap,
    fit_features,
    nearest_style,
    style_centres,
    style_folds,
)
from label.learn.fit import ContestedItems, fit_attribute
from label.learn.held_out import HeldOut
from label.learn.label_noise import usual_recall
from label.learn.model import AttributeModel
from label.learn.options import FitOptions
from label.learn.scorer import Scores, apart, side_by_side
from label.learn.sources import ScorerSource, load_scorer_sources
from label.learn.sources.base import FitData
from schema.arrays import Bools, Floats32, Floats64, Ints
from schema.settings import LabelSettings
from schema.vocabulary import Attribute

LANDMARKS = 512
KERNEL_WIDTH = 2.0
"""Width of the landmark kernel in median squared distances."""
FEATURE_SAMPLE = 1 << 15
"""Items that the features are fitted on at most."""
STYLES, STYLE_FOLDS = 16, 4
"""Style clusters that are told apart, and the folds in which whole ones are held out."""
STYLE_SAMPLE = 1 << 14
"""Items that the style clusters are found in at most."""
LOW_QUANTILE, HIGH_QUANTILE = 0.9, 0.25
"""Reference quantiles of the style gap: a tenth of the usual items is somewhat out of distribution, three quarters of
a new style are quite so."""
ITEMS_PER_DIMENSION = 10
"""Labelled items that a coordinate of the subspace takes to be told from noise."""


@dataclass(slots=True)
class AttributeFit:
    """What was learned of one attribute: its task, model and held-out scores, or the ``reason`` why there are none."""

    attribute: Attribute
    task: AttributeTask | None = None
    model: AttributeModel | None = None
    held_out: HeldOut | None = None
    reason: str = ""
    items_needed: int = 0
    """More labelled items needed at the least before anything can be learned; 0 where that is not what lacks."""
    sampled_out: int = 0
    """Labelled items that the cap of the settings left out."""


@dataclass(slots=True)
class LabelModels:
    """The features, and the models of all attributes that could be learned."""

    features: FeatureMap
    models: dict[str, AttributeModel]
    folds: int
    seed: int

    def score(
        self,
        vectors: npt.NDArray[np.floating],
        folds: Ints,
        names: Sequence[str] | None = None,
        check: Mapping[str, Bools] | None = None,
    ) -> tuple[dict[str, Scores], dict[str, Floats64]]:
        """Return by attribute the scores of vectors [n, d], each item by the scorers of its fold, and the shares that
        the noise scorers give each value of the items to ``check`` [n], float64 [n, v], zero elsewhere."""
        models = {name: self.models[name] for name in (self.models if names is None else names)}
        if not len(vectors):
            return {}, {}
        scores: dict[str, Scores] = {}
        noise = {
            name: np.zeros((len(vectors), len(models[name].values)))
            for name in (check or {})
            if name in models and models[name].noise_scorers
        }
        for fold in np.unique(folds).tolist():
            places = np.flatnonzero(folds == fold)
            wanted = {name: (check or {})[name][places] for name in noise}
            checked = np.any(list(wanted.values()), axis=0) if wanted else np.zeros(len(places), bool)
            extra = [models[name].noise_scorers[fold].projections() for name in noise]
            ood, coordinates, noise_coordinates = self._project(vectors[places], fold, models, checked, extra)
            for name, part in _scored(models, fold, coordinates, ood):
                if name not in scores:
                    scores[name] = part.empty(len(vectors))
                scores[name].put(places, part)
            for (name, shares), own in zip(noise.items(), noise_coordinates, strict=True):
                here = wanted[name]
                found = models[name].noise_shares(fold, [columns[here[checked]] for columns in own])
                shares[places[here]] = found
        return scores, noise

    def _project(
        self,
        vectors: npt.NDArray[np.floating],
        fold: int,
        models: Mapping[str, AttributeModel],
        checked: Bools,
        extra: Sequence[Sequence[Floats32]],
    ) -> tuple[Floats32, list[list[Floats32]], list[list[Floats32]]]:
        """Return the out-of-distribution scores of items of a fold [n], their coordinates for each scorer of each
        model, and those of the items ``checked`` [n] for each ``extra`` projection."""
        projections, width = _projections(models, fold), self.features.width
        every, few = side_by_side(projections, width), side_by_side(extra, width)
        ood = np.empty(len(vectors), np.float32)
        coordinates = np.empty((len(vectors), every.shape[1]), np.float32)
        extra_coordinates = np.empty((int(checked.sum()), few.shape[1]), np.float32)
        done = 0
        # The features of a block are used up while the cache holds them.
        for start in range(0, len(vectors), BLOCK):
            plain = self.features.plain(vectors[start : start + BLOCK])
            ood[start : start + BLOCK] = self.features.ood_score(plain, fold)
            np.matmul(plain, every, out=coordinates[start : start + BLOCK])
            own = plain[checked[start : start + BLOCK]]
            np.matmul(own, few, out=extra_coordinates[done : done + len(own)])
            done += len(own)
        return ood, apart(coordinates, projections), apart(extra_coordinates, extra)


def _scored(
    models: Mapping[str, AttributeModel], fold: int, coordinates: Sequence[Sequence[Floats32]], ood: Floats32
) -> Iterator[tuple[str, Scores]]:
    for (name, model), own in zip(models.items(), coordinates, strict=True):
        yield name, model.score(fold, own, ood)


def _projections(models: Mapping[str, AttributeModel], fold: int) -> list[list[Floats32]]:
    return [model.folds[fold].projections() for model in models.values()]


def fit_all(
    attributes: Sequence[Attribute],
    dataset: Dataset,
    settings: LabelSettings,
    options: FitOptions,
    landmarks: int = LANDMARKS,
    done: Callable[[], None] = lambda: None,
) -> tuple[LabelModels, dict[str, AttributeFit]]:
    """Return what was learned of all attributes, and each fit with its held-out scores; calls ``done`` after each."""
    sources = load_scorer_sources(options.sources, dataset)
    sample = _feature_sample(dataset, settings.seed)
    styles = _fit_styles(dataset, sample, landmarks, settings.seed)
    learner = _Learner(dataset, settings, options, sources, styles)
    fits: dict[str, AttributeFit] = {}
    for kind in ("single-label", "multi-label"):
        # The longest fits first, so that no core waits for one of them at the end.
        wanted = sorted(
            (attribute for attribute in attributes if attribute.kind == kind),
            key=lambda attribute: -len(attribute.values),
        )
        for fit in in_order(learner.fit, wanted, cores(settings.threads)):
            fits[fit.attribute.name] = fit
            done()
        # How thoroughly the taggers work shows in the single-label attributes.
        rates = [
            fit.model.recall
            for fit in fits.values()
            if fit.model and not fit.model.multi_label and fit.model.applicability_calibrator
        ]
        learner.options = replace(options, lowest_recall=usual_recall(rates))
    fits = {attribute.name: fits[attribute.name] for attribute in attributes}
    models = {name: fit.model for name, fit in fits.items() if fit.model is not None}
    return LabelModels(styles.features, models, options.folds, settings.seed), fits


def _feature_sample(dataset: Dataset, seed: int) -> Ints:
    """Return the rows of the items with a vector that features are fitted on, ascending."""
    sample = dataset.vector_rows
    if len(sample) <= FEATURE_SAMPLE:
        return sample
    random = np.random.default_rng(seed)
    # Tagged items are often few: half of the sample is theirs where they are.
    tagged = np.flatnonzero((dataset.vector_place >= 0) & (dataset.tag_counts > 0))
    tagged = random.permutation(tagged)[: FEATURE_SAMPLE // 2]
    others = np.setdiff1d(dataset.vector_rows, tagged, assume_unique=True)
    others = random.permutation(others)[: FEATURE_SAMPLE - len(tagged)]
    return np.sort(np.concatenate([tagged, others]))


@dataclass(slots=True)
class _Styles:
    """The features of a data set, the centres of its style clusters [c, d], and the fold of each cluster [c]."""

    features: FeatureMap
    centres: Floats32
    folds: Ints


@dataclass(slots=True)
class _Learner:
    """What all attributes of a data set are learned with."""

    dataset: Dataset
    settings: LabelSettings
    options: FitOptions
    sources: Sequence[ScorerSource]
    styles: _Styles

    def fit(self, attribute: Attribute) -> AttributeFit:
        """Learn one attribute."""
        task = build_task(attribute, self.dataset, self.settings)
        if isinstance(task, Shortage):
            return AttributeFit(attribute, reason=task.reason, items_needed=task.items)
        vectors = self.dataset.vectors_of(self.dataset.places(task.rows))
        target = self.settings.precision_by_attribute.get(
            attribute.name, attribute.precision or self.settings.precision
        )
        dimensions = min(self.options.dimensions, max(2, len(task.rows) // ITEMS_PER_DIMENSION))
        features = self.styles.features
        folds = None
        if features.measures_ood:
            folds = self.styles.folds[nearest_style(vectors, self.styles.centres)]
        contested = contested_items(attribute, self.dataset, task, features)
        plain = features.plain(vectors)
        options = replace(self.options, dimensions=dimensions)
        data = FitData(task, plain, features.white(plain), features, options)
        fitted = fit_attribute(data, self.sources, target, contested, folds)
        if fitted is None:
            return AttributeFit(attribute, reason="no scorer that is switched on knows it")
        sampled_out = round(float((task.weights / task.duplicate_weights).sum())) - len(task.rows)
        return AttributeFit(attribute, task, fitted[0], fitted[1], sampled_out=sampled_out)


def contested_items(
    attribute: Attribute, dataset: Dataset, task: AttributeTask, features: FeatureMap
) -> ContestedItems | None:
    """Return the items whose tags contradict each other between values of the task; None if there are none."""
    if task.multi_label:
        return None
    observed = dataset.observed[attribute.name]
    column = {value: code for code, value in enumerate(task.values)}
    codes = {
        row: tuple(column[observed.values[code]] for code in said if observed.values[code] in column)
        for row, said in sorted(observed.contested.items())
    }
    rows = np.array([row for row, said in codes.items() if len(said) > 1], np.int64)
    places = dataset.places(rows)
    usable = (dataset.vector_place[places] >= 0) & dataset.single[places]
    rows, places = rows[usable], places[usable]
    if not len(rows):
        return None
    plain = features.plain(dataset.vectors_of(places))
    return ContestedItems(rows, tuple(codes[row] for row in rows.tolist()), plain, dataset.folds[places])


def _fit_styles(dataset: Dataset, sample: Ints, landmarks: int, seed: int) -> _Styles:
    """Return the features and the style clusters of a data set.

    How far a new style lies from all landmarks is measured by barring the landmarks of its fold of styles.
    """
    places = dataset.places(sample)
    vectors = dataset.vectors_of(places)
    tagged = dataset.tag_counts[places] > 0
    features = fit_features(vectors, dataset.folds[places], tagged, landmarks, KERNEL_WIDTH, seed)
    centres = style_centres(vectors[:STYLE_SAMPLE], STYLES, seed)
    nearest = nearest_style(vectors, centres)
    folds = style_folds(nearest, len(centres), STYLE_FOLDS)
    if len(centres) < STYLE_FOLDS or not len(features.landmarks) or not tagged.any():
        return _Styles(features, centres, folds)
    landmark_folds = folds[nearest_style(features.landmarks + features.mean, centres)]
    usual, apart_gap = np.zeros(len(sample), np.float32), np.zeros(len(sample), np.float32)
    own = dataset.folds[places]
    for start in range(0, len(sample), 4096):
        part = slice(start, start + 4096)
        plain = features.plain(vectors[part])
        for fold in np.unique(own[part]).tolist():
            items = np.flatnonzero(own[part] == fold)
            usual[start + items] = features.style_gap(plain[items], features.folds == fold)
        for fold in range(STYLE_FOLDS):
            items = np.flatnonzero(folds[nearest[part]] == fold)
            barred = features.tagged & (landmark_folds == fold)
            apart_gap[start + items] = features.style_gap(plain[items], barred)
    low = float(np.quantile(usual[tagged], LOW_QUANTILE))
    high = float(np.quantile(apart_gap[tagged], HIGH_QUANTILE))
    return _Styles(replace(features, ood_low=low, ood_high=high), centres, folds)
