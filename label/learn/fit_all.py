"""Learning all attributes of a collection, and judging items by what was learned, one pass for all attributes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from index.stages.parallel import cores, in_order
from label.data.task import Question, sample_donors, witness_of
from label.learn.features import BLOCK, FeatureMap, fit_features, fold_kinds, kind_of, kinds_of
from label.learn.fit import Held, learn
from label.learn.label_noise import usual_recall
from label.learn.model import AttributeModel, Choices, Dispute, Heard
from label.observed.labels import Stated
from label.sources import LearnedSource, learned_sources
from schema.arrays import Bools, Floats16, Floats32, Floats64, Ints, Ints32
from schema.settings import LabelSettings
from schema.vocabulary import Attribute

MIN_DONORS = 5
"""A value that fewer donors state is not asked for at all: five folds must each see it."""
LANDMARKS = 512
WIDTH = 2.0
"""Width of the landmark kernel in median squared distances."""
FEATURE_SAMPLE = 1 << 15
KINDS, KIND_FOLDS = 16, 4
"""Kinds of picture that are told apart, and the folds in which whole kinds are held out."""
FAMILIAR, FOREIGN = 0.9, 0.25
"""Quantiles of the gap: a tenth of the usual items is somewhat strange, three quarters of a new kind are quite so."""


@dataclass(slots=True)
class Collection:
    """What labelling needs of a store, as arrays by row: statements, who is a clear single character, families,
    depth of tagging, and the vectors with the row of each."""

    stated: dict[str, Stated]
    clear: Bools
    tag_counts: Ints32
    families: Ints
    folds: Ints
    vector_rows: Ints
    vectors: Floats16
    groups: Ints | None = None
    """Duplicate group of each item [n], -1 for none; copies vote with one voice and testify once."""
    prompts: dict[str, dict[str, Floats32]] = field(default_factory=dict)
    """Unit vectors [d] of zero-shot prompts, by attribute and value."""
    at: Ints = field(init=False)

    def __post_init__(self) -> None:
        self.at = np.full(self.size, -1, np.int64)
        self.at[self.vector_rows] = np.arange(len(self.vector_rows))

    @property
    def size(self) -> int:
        """Number of item rows."""
        return len(self.clear)


@dataclass(slots=True)
class Lesson:
    """One attribute learned: its question, model and held-out evidence, or the reason why there is none."""

    attribute: Attribute
    question: Question | None = None
    model: AttributeModel | None = None
    held: Held | None = None
    reason: str = ""
    left_out: int = 0


@dataclass(slots=True)
class Learned:
    """The frozen features and the models of all attributes that could be learned."""

    features: FeatureMap
    models: dict[str, AttributeModel]
    folds: int
    seed: int

    def listen(
        self,
        vectors: npt.NDArray[np.floating],
        folds: Ints,
        names: Sequence[str] | None = None,
        audited: Mapping[str, Bools] | None = None,
    ) -> tuple[dict[str, Heard], dict[str, Floats64]]:
        """Return by attribute the evidence on vectors [n, d], each item judged by the judges of its fold, and what
        the auditors give each value of the items ``audited`` [n], float64 [n, v], zero elsewhere."""
        models = {name: self.models[name] for name in (self.models if names is None else names)}
        if not len(vectors):
            return {}, {}
        heard: dict[str, Heard] = {}
        audit = {
            name: np.zeros((len(vectors), len(models[name].values)))
            for name in (audited or {})
            if name in models and models[name].auditors
        }
        for fold in np.unique(folds).tolist():
            pick = np.flatnonzero(folds == fold)
            asked = {name: (audited or {})[name][pick] for name in audit}
            some = np.any(list(asked.values()), axis=0) if asked else np.zeros(len(pick), bool)
            auditors = [models[name].auditors[fold].bases() for name in audit]
            strange, places, others = self._places(vectors[pick], fold, models, some, auditors)
            for name, part in _judged(models, fold, places, strange):
                if name not in heard:
                    heard[name] = part.blank(len(vectors))
                heard[name].put(pick, part)
            for (name, shares), mine in zip(audit.items(), others, strict=True):
                here = asked[name]
                shares[pick[here]] = models[name].audit(fold, [place[here[some]] for place in mine])
        return heard, audit

    def hear(self, plain: Floats32, fold: int, models: Mapping[str, AttributeModel]) -> dict[str, Heard]:
        """Return by attribute the evidence on plain features [n, p] of one fold; one product serves all judges."""
        bases = _bases(models, fold)
        places = _apart(plain @ _side_by_side(bases, plain.shape[1]), bases)
        return dict(_judged(models, fold, places, self.features.strange(plain, fold)))

    def _places(
        self,
        vectors: npt.NDArray[np.floating],
        fold: int,
        models: Mapping[str, AttributeModel],
        some: Bools,
        auditors: Sequence[Sequence[Floats32]],
    ) -> tuple[Floats32, list[list[Floats32]], list[list[Floats32]]]:
        """Return how strange items of a fold are [n], their coordinates for each judge of each model, and those of
        the items ``some`` [n] for each auditor."""
        bases, width = _bases(models, fold), self.features.width
        every, few = _side_by_side(bases, width), _side_by_side(auditors, width)
        strange = np.empty(len(vectors), np.float32)
        places = np.empty((len(vectors), every.shape[1]), np.float32)
        others = np.empty((int(some.sum()), few.shape[1]), np.float32)
        done = 0
        # The features of a block, four megabytes, are used up while the cache holds them.
        for start in range(0, len(vectors), BLOCK):
            plain = self.features.plain(vectors[start : start + BLOCK])
            strange[start : start + BLOCK] = self.features.strange(plain, fold)
            np.matmul(plain, every, out=places[start : start + BLOCK])
            mine = plain[some[start : start + BLOCK]]
            np.matmul(mine, few, out=others[done : done + len(mine)])
            done += len(mine)
        return strange, _apart(places, bases), _apart(others, auditors)


def _judged(
    models: Mapping[str, AttributeModel], fold: int, places: Sequence[Sequence[Floats32]], strange: Floats32
) -> Iterator[tuple[str, Heard]]:
    for (name, model), mine in zip(models.items(), places, strict=True):
        yield name, model.hear(fold, mine, strange)


def _bases(models: Mapping[str, AttributeModel], fold: int) -> list[list[Floats32]]:
    return [model.benches[fold].bases() for model in models.values()]


def _side_by_side(bases: Sequence[Sequence[Floats32]], width: int) -> Floats32:
    """Return all bases [width, r] of all judges as one, so that one product serves them all."""
    flat = [basis for mine in bases for basis in mine]
    return np.concatenate([np.empty((width, 0), np.float32), *flat], axis=1)


def _apart(places: Floats32, bases: Sequence[Sequence[Floats32]]) -> list[list[Floats32]]:
    """Return coordinates in all bases side by side as those in each basis of each judge."""
    ends = np.cumsum([basis.shape[1] for mine in bases for basis in mine], dtype=np.int64)
    parts = iter(np.split(places, ends[:-1], axis=1) if len(ends) else [])
    return [[next(parts) for _ in mine] for mine in bases]


def pose(attribute: Attribute, collection: Collection, settings: LabelSettings) -> Question | str:
    """Return the question of an attribute with its donors, or why it cannot be asked."""
    stated = collection.stated[attribute.name]
    values = list(stated.values)
    if not values:
        return "no item states a value"
    usable = collection.at >= 0
    # How many characters a picture shows is learned from pictures of several, too.
    if not attribute.ambiguous:
        usable &= collection.clear
    said = stated.counts(collection.size)
    clean = usable & (said == 1) if attribute.kind == "one" else usable & (said > 0)
    if clean.sum() < settings.min_support:
        return f"{int(clean.sum())} items with a vector state a value, {settings.min_support} needed"
    # A missing tag says something only where the tagger went as deep as those who did state a value.
    depth = max(float(np.quantile(collection.tag_counts[clean], 0.25)), 1.0)
    bare = usable & (said == 0) & (collection.tag_counts >= depth)
    rows = np.flatnonzero(clean | bare)
    if attribute.kind == "many":
        for value in list(values):
            for ancestor in attribute.ancestors(value):
                if ancestor not in values:
                    values.append(ancestor)
    targets = stated.matrix(rows, values, attribute if attribute.kind == "many" else None)
    kept = np.flatnonzero(targets.sum(axis=0) >= MIN_DONORS)
    if len(kept) < (2 if attribute.kind == "one" else 1):
        return f"fewer than two values are stated by {MIN_DONORS} items"
    targets = targets[:, kept]
    inside = (targets.sum(axis=1) > 0) | (said[rows] == 0)
    rows, targets = rows[inside], targets[inside]
    chosen, weights = sample_donors(targets, settings.donors_cap, settings.seed)
    rows, targets = rows[chosen], targets[chosen]
    witness = (
        np.ones(len(rows), np.float32) if collection.groups is None else witness_of(collection.groups[rows])
    )
    return Question(
        attribute.name,
        attribute.kind,
        tuple(values[at] for at in kept),
        rows,
        np.ascontiguousarray(targets),
        weights * witness,
        collection.folds[rows],
        witness,
        attribute.absent is not None,
    )


def disputed(
    attribute: Attribute, collection: Collection, question: Question, features: FeatureMap
) -> Dispute | None:
    """Return the items whose tags contradict each other between values of the question, or None."""
    stated = collection.stated[attribute.name]
    column = {value: at for at, value in enumerate(question.values)}
    found = {
        row: tuple(column[stated.values[code]] for code in codes if stated.values[code] in column)
        for row, codes in sorted(stated.contested.items())
        if collection.at[row] >= 0 and collection.clear[row]
    }
    rows = np.array([row for row, codes in found.items() if len(codes) > 1], np.int64)
    if attribute.kind != "one" or not len(rows):
        return None
    plain = features.plain(collection.vectors[collection.at[rows]])
    return Dispute(rows, tuple(found[row] for row in rows.tolist()), plain, collection.folds[rows])


def learn_all(
    attributes: Sequence[Attribute],
    collection: Collection,
    settings: LabelSettings,
    choices: Choices,
    landmarks: int = LANDMARKS,
    told: Callable[[], None] = lambda: None,
) -> tuple[Learned, dict[str, Lesson]]:
    """Return what was learned of all attributes, and each lesson with its held-out evidence."""
    random = np.random.default_rng(settings.seed)
    sources = learned_sources(choices.sources, collection)
    sample = collection.vector_rows
    if len(sample) > FEATURE_SAMPLE:
        # Tagged items are often few: half of the sample is theirs where they are.
        tagged = np.flatnonzero((collection.at >= 0) & (collection.tag_counts > 0))
        tagged = random.permutation(tagged)[: FEATURE_SAMPLE // 2]
        rest = np.setdiff1d(collection.vector_rows, tagged, assume_unique=True)
        rest = random.permutation(rest)[: FEATURE_SAMPLE - len(tagged)]
        sample = np.sort(np.concatenate([tagged, rest]))
    features, centres, kinds = _features(collection, sample, landmarks, settings.seed)
    classroom = _Classroom(collection, settings, choices, sources, features, centres, kinds)
    lessons: dict[str, Lesson] = {}
    for kind in ("one", "many"):
        # The longest lessons first, so that no core waits for one of them at the end.
        mine = sorted((each for each in attributes if each.kind == kind), key=lambda each: -len(each.values))
        for lesson in in_order(classroom.teach, mine, cores(settings.threads)):
            lessons[lesson.attribute.name] = lesson
            told()
        # How thoroughly the taggers work shows in the attributes of one value.
        rates = [
            each.model.rate
            for each in lessons.values()
            if each.model and each.model.kind == "one" and each.model.presence
        ]
        classroom.choices = replace(choices, least_recall=usual_recall(rates))
    lessons = {each.name: lessons[each.name] for each in attributes}
    models = {name: lesson.model for name, lesson in lessons.items() if lesson.model is not None}
    return Learned(features, models, choices.folds, settings.seed), lessons


@dataclass(slots=True)
class _Classroom:
    """What all attributes of a collection are learned with."""

    collection: Collection
    settings: LabelSettings
    choices: Choices
    sources: Sequence[LearnedSource]
    features: FeatureMap
    centres: Floats32
    kinds: Ints

    def teach(self, attribute: Attribute) -> Lesson:
        """Learn one attribute."""
        posed = pose(attribute, self.collection, self.settings)
        if isinstance(posed, str):
            return Lesson(attribute, reason=posed)
        vectors = self.collection.vectors[self.collection.at[posed.rows]]
        asked = self.settings.precision_by_attribute.get(
            attribute.name, attribute.precision or self.settings.precision
        )
        # Few donors, few coordinates: a direction needs some donors to be told from noise.
        fitted = replace(self.choices, size=min(self.choices.size, max(2, len(posed.rows) // 10)))
        dispute = disputed(attribute, self.collection, posed, self.features)
        features = self.features
        apart = self.kinds[kind_of(vectors, self.centres)] if features.familiar < features.foreign else None
        plain = features.plain(vectors)
        learnt = learn(posed, plain, features, asked, fitted, self.sources, dispute, apart)
        if learnt is None:
            return Lesson(attribute, reason="no source that is switched on judges it")
        left_out = round(float((posed.weights / posed.witness).sum())) - len(posed.rows)
        return Lesson(attribute, posed, learnt[0], learnt[1], left_out=left_out)


def _features(
    collection: Collection, sample: Ints, landmarks: int, seed: int
) -> tuple[FeatureMap, Floats32, Ints]:
    """Return the features, the centres of kinds of picture [c, d], and the fold of each kind [c].

    How far a new kind of picture lies from all landmarks is measured by barring the landmarks of its fold of kinds.
    """
    vectors = collection.vectors[collection.at[sample]]
    tagged = collection.tag_counts[sample] > 0
    features = fit_features(vectors, collection.folds[sample], tagged, landmarks, WIDTH, seed)
    centres = kinds_of(vectors[: 1 << 14], KINDS, seed)
    nearest = kind_of(vectors, centres)
    kinds = fold_kinds(nearest, len(centres), KIND_FOLDS)
    if len(centres) < KIND_FOLDS or not len(features.landmarks) or not tagged.any():
        return features, centres, kinds
    marks = kinds[kind_of(features.landmarks + features.mean, centres)]
    near, far = np.zeros(len(sample), np.float32), np.zeros(len(sample), np.float32)
    own = collection.folds[sample]
    for start in range(0, len(sample), 4096):
        part = slice(start, start + 4096)
        plain = features.plain(vectors[part])
        for fold in np.unique(own[part]).tolist():
            at = np.flatnonzero(own[part] == fold)
            near[start + at] = features.gap(plain[at], features.folds == fold)
        for fold in range(KIND_FOLDS):
            at = np.flatnonzero(kinds[nearest[part]] == fold)
            far[start + at] = features.gap(plain[at], features.tagged & (marks == fold))
    familiar, foreign = float(np.quantile(near[tagged], FAMILIAR)), float(np.quantile(far[tagged], FOREIGN))
    return replace(features, familiar=familiar, foreign=foreign), centres, kinds
