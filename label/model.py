"""The model of one attribute: donors in their subspace, calibrators, thresholds; fitted once, frozen, then applied.

A missing tag is unknown, not false. Donors therefore vote on two questions: which value, and whether one would be
stated at all; the share of statements that taggers make where there is something to state (``recall``) turns the
second into the probability that the attribute applies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from label.calibrate import Isotonic, Threshold, choose_threshold, fit_isotonic
from label.subspace import Subspace, fit_subspace
from label.votes import Donors, Tally, vote

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of one attribute, and who may answer.

    ``targets`` float32 [m, v]: one-hot or several-hot for donors that state a value, zero for those that, tagged as
    deeply, state none. ``families`` int64 [m]: members of one family never vote for each other.
    """

    name: str
    kind: str
    values: tuple[str, ...]
    rows: Ints
    targets: Floats
    families: Ints
    weights: Floats

    @property
    def stated(self) -> Bools:
        """Which donors state a value, bool [m]."""
        found: Bools = self.targets.sum(axis=1) > 0
        return found


@dataclass(frozen=True, slots=True)
class Choices:
    """How votes are counted; chosen on held-out donors."""

    k: int = 30
    temperature: float = 0.3
    shrinkage: float = 0.03
    size: int = 32
    folds: int = 5
    confidence: float = 0.9
    min_support: int = 30
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Look:
    """One subspace with the donors projected into it."""

    subspace: Subspace
    donors: Donors

    def tally(self, vectors: npt.NDArray[np.floating], families: Ints, choices: Choices) -> Tally:
        """Return what the donors say of vectors [n, d]."""
        return vote(self.subspace.project(vectors), families, self.donors, choices.k, choices.temperature)


@dataclass(frozen=True, slots=True)
class Raw:
    """Uncalibrated evidence on n items: ``shares`` [n, v], ``presence`` [n] (one-of only), ``support`` int32 [n]."""

    shares: Floats
    presence: Floats
    support: npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class AttributeModel:
    """Everything needed to label items and to explain the labels."""

    name: str
    kind: str
    values: tuple[str, ...]
    asked: float
    choices: Choices
    which: Look
    whether: Look | None
    calibrators: tuple[Isotonic, ...]
    presence: Isotonic
    thresholds: tuple[Threshold, ...]

    def raw(self, vectors: npt.NDArray[np.floating], families: Ints) -> Raw:
        """Return the uncalibrated vote on vectors [n, d]."""
        return _raw(self.which, self.whether, vectors, families, self.choices)

    def probabilities(self, raw: Raw) -> npt.NDArray[np.float64]:
        """Return calibrated probabilities float64 [n, v]."""
        return probabilities(self.kind, raw, self.calibrators, self.presence)

    def accept(self, chances: npt.NDArray[np.float64]) -> Bools:
        """Return which values stand, bool [n, v]: above their threshold, and for one-of the best of the item."""
        at = np.array([threshold.at for threshold in self.thresholds])
        passed: Bools = chances >= at
        if self.kind == "one" and len(at):
            best = chances.argmax(axis=1)
            passed &= np.arange(len(at)) == best[:, None]
        return passed


def probabilities(
    kind: str, raw: Raw, calibrators: tuple[Isotonic, ...], presence: Isotonic
) -> npt.NDArray[np.float64]:
    """Return calibrated probabilities float64 [n, v] of raw votes."""
    if kind == "one":
        calibrator = calibrators[0]
        chances = np.stack([calibrator(raw.shares[:, at]) for at in range(raw.shares.shape[1])], axis=1)
        chances *= np.minimum(presence(raw.presence), 1.0)[:, None]
        total = chances.sum(axis=1, keepdims=True)
        return np.asarray(chances / np.maximum(total, 1.0))
    return np.stack([calibrator(raw.shares[:, at]) for at, calibrator in enumerate(calibrators)], axis=1)


def _look(question: Question, vectors: Floats, pick: Bools, targets: Floats, choices: Choices) -> Look:
    subspace = fit_subspace(
        vectors[pick], targets[pick], choices.shrinkage, choices.size, question.weights[pick]
    )
    donors = Donors(
        question.rows[pick],
        subspace.project(vectors[pick]),
        targets[pick],
        question.families[pick],
        question.weights[pick],
    )
    return Look(subspace, donors)


def _looks(question: Question, vectors: Floats, train: Bools, choices: Choices) -> tuple[Look, Look | None]:
    if question.kind == "many":
        return _look(question, vectors, train, question.targets, choices), None
    stated = question.stated
    which = _look(question, vectors, train & stated, question.targets, choices)
    if stated[train].all():
        return which, None
    extended = np.concatenate([question.targets, (~stated)[:, None].astype(np.float32)], axis=1)
    return which, _look(question, vectors, train, extended, choices)


def _raw(
    which: Look, whether: Look | None, vectors: npt.NDArray[np.floating], families: Ints, choices: Choices
) -> Raw:
    tally = which.tally(vectors, families, choices)
    presence = np.ones(len(vectors), np.float32)
    if whether is not None:
        presence = 1 - whether.tally(vectors, families, choices).shares[:, -1]
    return Raw(tally.shares, presence, tally.support)


def folds_of(families: Ints, rows: Ints, folds: int, seed: int) -> Ints:
    """Return the fold of each donor, int64 [m]: whole families fall into one fold, by a hash that no order changes."""
    # A donor without family stands alone under its row number, shifted clear of the family numbers.
    key = np.where(families < 0, rows + (1 << 40), families).astype(np.uint64)
    with np.errstate(over="ignore"):
        key = (key + np.uint64(seed)) * np.uint64(0x9E3779B97F4A7C15)
        key ^= key >> np.uint64(29)
        key *= np.uint64(0xBF58476D1CE4E5B9)
        key ^= key >> np.uint64(32)
    return (key % np.uint64(folds)).astype(np.int64)


def held_out(question: Question, vectors: Floats, choices: Choices) -> Raw:
    """Return votes on every donor from models that saw neither it nor its family."""
    m, v = question.targets.shape
    shares = np.zeros((m, v), np.float32)
    presence = np.ones(m, np.float32)
    support = np.zeros(m, np.int32)
    fold = folds_of(question.families, question.rows, choices.folds, choices.seed)
    for number in range(choices.folds):
        test = fold == number
        train = ~test
        if not test.any() or not (train & question.stated).any():
            continue
        which, whether = _looks(question, vectors, train, choices)
        raw = _raw(which, whether, vectors[test], question.families[test], choices)
        shares[test], presence[test], support[test] = raw.shares, raw.presence, raw.support
    return Raw(shares, presence, support)


def fit_calibration(question: Question, raw: Raw) -> tuple[tuple[Isotonic, ...], Isotonic]:
    """Return the calibrators of values and of presence, fitted on held-out votes."""
    stated = question.stated
    one = Isotonic(np.array([0.0, 1.0]), np.array([1.0, 1.0]))
    if question.kind == "many":
        found = []
        for at in range(len(question.values)):
            hits = question.targets[:, at]
            rising = fit_isotonic(raw.shares[:, at], hits)
            found.append(Isotonic(rising.x, np.minimum(rising.y / _recall(raw.shares[:, at], hits > 0), 1.0)))
        return tuple(found), one
    best = raw.shares[stated].argmax(axis=1)
    hits = question.targets[stated][np.arange(len(best)), best]
    which = fit_isotonic(raw.shares[stated].max(axis=1), hits) if len(best) else one
    if stated.all():
        return (which,), one
    rising = fit_isotonic(raw.presence, stated.astype(np.float64))
    recall = _recall(raw.presence, stated)
    return (which,), Isotonic(rising.x, np.minimum(rising.y / recall, 1.0))


def _recall(scores: Floats, stated: Bools) -> float:
    """How often taggers state what is there: the share of statements where the votes are surest of one."""
    if not stated.any():
        return 1.0
    order = np.argsort(-scores, kind="stable")
    top = max(20, int(stated.sum() / 4))
    return float(max(stated[order[:top]].mean(), 0.5))


def learn(question: Question, vectors: Floats, asked: float, choices: Choices) -> tuple[AttributeModel, Raw]:
    """Return the fitted model of an attribute and the held-out votes on its donors [m]; ``vectors`` float32 [m, d]."""
    raw = held_out(question, vectors, choices)
    calibrators, presence = fit_calibration(question, raw)
    chances = probabilities(question.kind, raw, calibrators, presence)
    which, whether = _looks(question, vectors, np.ones(len(vectors), bool), choices)
    model = AttributeModel(
        question.name,
        question.kind,
        question.values,
        asked,
        choices,
        which,
        whether,
        calibrators,
        presence,
        _thresholds(question, chances, asked, choices),
    )
    return model, raw


def _thresholds(
    question: Question, chances: npt.NDArray[np.float64], asked: float, choices: Choices
) -> tuple[Threshold, ...]:
    found = []
    best = chances.argmax(axis=1) if chances.shape[1] else np.empty(0)
    for at in range(len(question.values)):
        pick = (best == at) & question.stated if question.kind == "one" else chances[:, at] > 0
        found.append(
            choose_threshold(
                chances[pick, at], question.targets[pick, at], asked, choices.confidence, choices.min_support
            )
        )
    return tuple(found)
