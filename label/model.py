"""The model of one attribute: judges by fold, the pool of what they say, calibrators and thresholds; then frozen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from label.calibrate import Curve, Threshold, Trial, choose_thresholds, fit_curve
from label.electors import Electors, elect, logit
from label.features import FeatureMap
from label.fusion import Pool, fit_pool
from label.habits import recall, slip_chance, slips
from label.question import Bools, Floats, Ints, Question
from label.sources.probe import Probe, train_probe
from label.subspace import moments
from label.votes import Kernel

Doubles = npt.NDArray[np.float64]
SAYABLE = 0.5
"""Below this chance that an attribute can be told at all, no value of it is voted for."""
IDENTITY = Curve(1.0, 0.0, np.array([0.0, 1.0]), np.array([0.0, 1.0]))
PROBED = 4000
"""Most donors that the probe is trained on."""
LEAST_SLIP = 0.001
"""No value is never stated wrongly."""
FAINT = 0.01
"""Votes for one of several values below this say nothing about how far a clear vote can be believed."""
UNLIKELY = 0.05
"""A value of several that is stated where the votes give it less than this is a slip of the tagger."""


@dataclass(frozen=True, slots=True)
class Choices:
    """How an attribute is learned; every switch has its row in the ablation table."""

    folds: int = 5
    shrinkage: float = 0.03
    size: int = 24
    kernel: Kernel = field(default_factory=Kernel)
    votes: bool = True
    bodies: bool = True
    probe: bool = True
    presence: bool = True
    recall: bool = True
    slips: bool = True
    kinds: bool = True
    pooled: bool = True
    confidence: float = 0.8
    min_support: int = 15
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Bench:
    """The judges of one fold: none of them has seen a donor of it."""

    which: Electors | None
    probe: Probe | None
    whether: Electors | None

    def bases(self) -> list[Floats]:
        """Return the projections [p, r] that the judges need, in order."""
        return [judge.basis for judge in (self.which, self.probe, self.whether) if judge is not None]


@dataclass(frozen=True, slots=True)
class Heard:
    """Uncalibrated evidence on n items: ``evidence`` [s, n, v], ``presence`` [t, n] log odds that a tagger would
    state a value, ``support`` [n] effective voters, ``cells`` int16 [2, n] of the items among the donors, ``strange``
    [n] how unlike all donors an item is, 0 to 1."""

    evidence: Floats
    presence: Floats
    support: Floats
    cells: npt.NDArray[np.int16]
    strange: Floats


@dataclass(frozen=True, slots=True)
class AttributeModel:
    """Everything needed to label items of one attribute and to explain the labels.

    ``rate`` is how often taggers state what is there, ``slip`` [v] how often they state each value wrongly.
    """

    name: str
    kind: str
    values: tuple[str, ...]
    asked: float
    choices: Choices
    benches: tuple[Bench, ...]
    pool: Pool
    presence_pool: Pool | None
    curves: tuple[Curve, ...]
    presence: Curve | None
    thresholds: tuple[Threshold, ...]
    absent: bool
    rate: float
    slip: Doubles
    far: Curve | None = None
    far_thresholds: tuple[Threshold, ...] = ()

    def hear(self, fold: int, coordinates: Sequence[Floats], strange: Floats) -> Heard:
        """Return the evidence on items of one fold, at the coordinates of each judge in the order of ``bases``."""
        return hear(self.benches[fold], coordinates, self.choices, len(self.values), strange)

    def chances(self, heard: Heard) -> Doubles:
        """Return calibrated probabilities float64 [n, v]."""
        presence = _presence(heard, self.presence_pool, self.presence)
        shares = self.pool(heard.evidence)
        return _chances(self.kind, shares, presence, self.curves, self.absent, self.far, heard.strange)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names of the kinds of evidence, in the order of the pool's weights."""
        names = (
            ("votes", self.choices.votes),
            ("value centres", self.choices.bodies),
            ("probe", self.choices.probe),
        )
        return tuple(name for name, on in names if on)

    def sayable(self, heard: Heard) -> Doubles:
        """Return the chance that the attribute can be told of each item at all, float64 [n]."""
        return _presence(heard, self.presence_pool, self.presence)

    def reliability(self, heard: Heard, chances: Doubles, least: float = 0.0) -> Doubles:
        """Return the chance that each value [n, v] is right, given that a tag states it.

        Above 0, ``least`` is the least rate of slips supposed, and that they replace the right statement.
        """
        slip = np.maximum(self.slip, least)
        if self.kind == "many":
            given = chances
            wrong = slip * (1 - given)
            return np.asarray(1 - wrong / np.maximum(wrong + self.rate * given, 1e-12))
        presence = _presence(heard, self.presence_pool, self.presence)[:, None]
        return 1 - slip_chance(self.pool(heard.evidence), presence, slip, self.rate, float(least > 0))

    def accept(self, heard: Heard, chances: Doubles) -> Bools:
        """Return which values stand, bool [n, v]: at or above their threshold, and for one-of the item's best.

        The stranger the item, the nearer its threshold is to the one learned on kinds of picture held out whole.
        """
        at = np.array([threshold.at for threshold in self.thresholds])
        if self.far is not None:
            apart = np.array(
                [max(threshold.at, near) for threshold, near in zip(self.far_thresholds, at, strict=True)]
            )
            at = at + heard.strange[:, None] * (apart - at)
        passed: Bools = chances >= at
        if self.kind == "one":
            passed &= np.arange(len(self.values)) == chances.argmax(axis=1)[:, None]
        return passed


@dataclass(frozen=True, slots=True)
class Dispute:
    """Items whose tags contradict each other: ``rows`` int64 [c], value codes of each, plain features, folds."""

    rows: Ints
    codes: tuple[tuple[int, ...], ...]
    plain: Floats
    folds: Ints


@dataclass(frozen=True, slots=True)
class Contested:
    """A dispute with the evidence [s, c, v] on it."""

    rows: Ints
    codes: tuple[tuple[int, ...], ...]
    evidence: Floats


def hear(bench: Bench, coordinates: Sequence[Floats], choices: Choices, v: int, strange: Floats) -> Heard:
    """Return what the judges of one fold say of n items, from the items' coordinates for each judge."""
    places = iter(coordinates)
    parts: list[Floats] = []
    n = len(coordinates[0]) if coordinates else 0
    support = np.zeros(n, np.float32)
    presence = np.empty((0, n), np.float32)
    cells = np.full((2, n), -1, np.int16)
    if bench.which is not None:
        said, tally = bench.which.judge(next(places))
        support, cells[0] = tally.support, tally.cell
        parts.append(said[[choices.votes, choices.bodies]])
    if bench.probe is not None:
        parts.append(bench.probe.judge(next(places)))
    if bench.whether is not None:
        said, tally = bench.whether.judge(next(places))
        cells[1] = tally.cell
        presence = -logit(np.exp(said[:, :, -1])).astype(np.float32)
    evidence = np.concatenate(parts) if parts else np.zeros((0, n, v), np.float32)
    return Heard(evidence, presence, support, cells, strange)


def _presence(heard: Heard, pool: Pool | None, curve: Curve | None) -> Doubles:
    if pool is None or curve is None:
        return np.ones(heard.evidence.shape[1])
    return curve(pool(heard.presence[:, :, None])[:, 0])


def _chances(
    kind: str,
    shares: Doubles,
    presence: Doubles,
    curves: Sequence[Curve],
    absent: bool,
    far: Curve | None,
    strange: Floats,
) -> Doubles:
    if kind == "many":
        found = np.stack([curve(shares[:, at]) for at, curve in enumerate(curves)], axis=1)
        return found if far is None else _estranged(found, far(shares), strange[:, None])
    best = shares.argmax(axis=1)
    top = shares[np.arange(len(best)), best]
    # Where there may be nothing to say, the chance shrinks; elsewhere a value is there, though few may state it.
    score = top * presence if absent else top
    sure = curves[0](score)
    if far is not None:
        sure = _estranged(sure, far(score), strange)
    if not absent:
        sure = sure * (presence >= SAYABLE)
    # The calibrated chance is the best value's; the others share what is left as they shared the vote.
    found = shares * ((1 - sure) / np.maximum(1 - top, 1e-9))[:, None]
    found = np.minimum(found, sure[:, None])
    found[np.arange(len(best)), best] = sure
    found[sure <= 0] = 0
    return np.asarray(found)


def _estranged(near: Doubles, far: Doubles, strange: npt.NDArray[np.floating]) -> Doubles:
    return np.asarray(near + strange * (np.minimum(near, far) - near))


def benches_of(
    question: Question, plain: Floats, white: Floats, features: FeatureMap, choices: Choices
) -> tuple[Bench, ...]:
    """Return the judges of each fold, learned from the donors of the other folds."""
    stated = question.stated
    many = question.kind == "many"
    voters = np.ones(len(stated), bool) if many else stated
    d = len(features.mean)
    extended = np.concatenate([question.targets, (~stated)[:, None].astype(np.float32)], axis=1)
    whole = [
        (voters, question.targets, choices.votes or choices.bodies),
        (np.ones(len(stated), bool), extended, choices.presence and not many and not stated.all()),
    ]
    by_fold = [
        [
            moments(white[m], targets[m], question.weights[m])
            for m in ((question.folds == fold) & pick for fold in range(choices.folds))
        ]
        if wanted
        else []
        for pick, targets, wanted in whole
    ]
    found = []
    for fold in range(choices.folds):
        train = question.folds != fold
        judges: list[Electors | None] = []
        for (pick, targets, wanted), parts in zip(whole, by_fold, strict=True):
            if not wanted:
                judges.append(None)
                continue
            sums = parts[fold - 1]
            for other in range(choices.folds):
                if other not in (fold, (fold - 1) % choices.folds):
                    sums = sums + parts[other]
            basis, electors = elect(
                question,
                targets,
                white,
                sums,
                train & pick,
                choices.shrinkage,
                choices.size,
                choices.kernel,
                choices.seed,
            )
            unfolded = features.unfold(basis)
            judges.append(
                Electors(
                    unfolded, electors.electorate, electors.kernel, electors.centres, electors.mass, many
                )
            )
        probe = None
        if choices.probe:
            pick = np.flatnonzero(train & voters)
            # Beyond some thousands more donors hardly move a linear probe, and cost the most of the learning.
            pick = pick[:: max(1, -(-len(pick) // PROBED))]
            probe = train_probe(
                plain[pick, :d],
                question.targets[pick],
                question.weights[pick],
                question.folds[pick],
                many,
                plain.shape[1],
            )
        found.append(Bench(judges[0], probe, judges[1]))
    return tuple(found)


def held_out(
    question: Question, plain: Floats, benches: Sequence[Bench], choices: Choices, strange: Floats
) -> Heard:
    """Return the evidence on every donor from judges that saw neither it nor its fold."""
    return by_fold(
        question.folds,
        lambda fold, pick: hear(
            benches[fold],
            [plain[pick] @ basis for basis in benches[fold].bases()],
            choices,
            len(question.values),
            strange[pick],
        ),
    )


def by_fold(folds: Ints, listen: Callable[[int, Ints], Heard]) -> Heard:
    """Return the evidence on items [n] of several folds, put together from what ``listen`` gives for each fold."""
    parts: list[tuple[Ints, Heard]] = []
    for fold in np.unique(folds).tolist():
        pick = np.flatnonzero(folds == fold)
        parts.append((pick, listen(fold, pick)))
    back = np.argsort(np.concatenate([pick for pick, _ in parts]))
    return Heard(
        np.concatenate([each.evidence for _, each in parts], axis=1)[:, back],
        np.concatenate([each.presence for _, each in parts], axis=1)[:, back],
        np.concatenate([each.support for _, each in parts])[back],
        np.concatenate([each.cells for _, each in parts], axis=1)[:, back],
        np.concatenate([each.strange for _, each in parts])[back],
    )


@dataclass(frozen=True, slots=True)
class Held:
    """Held-out evidence on the donors of a question: ``near`` by families, ``far`` with whole kinds of picture held
    out (None where there are no kinds apart), ``contested`` on items whose tags contradict each other."""

    near: Heard
    far: Heard | None
    contested: Contested | None


def learn(
    question: Question,
    plain: Floats,
    features: FeatureMap,
    asked: float,
    choices: Choices,
    dispute: Dispute | None = None,
    apart: Ints | None = None,
) -> tuple[AttributeModel, Held]:
    """Return the fitted model of an attribute and the held-out evidence; ``apart`` [m] are folds of whole kinds."""
    white = features.white(plain)
    benches = benches_of(question, plain, white, features, choices)
    strange = np.zeros(len(plain), np.float32)
    for fold in range(choices.folds):
        pick = question.folds == fold
        strange[pick] = features.strange(plain[pick], fold)
    near = held_out(question, plain, benches, choices, strange)
    far = None
    if apart is not None and choices.kinds and len(np.unique(apart)) > 1:
        by_kind = replace(question, folds=apart)
        fewer = replace(choices, folds=int(apart.max()) + 1)
        strangers = benches_of(by_kind, plain, white, features, fewer)
        far = held_out(by_kind, plain, strangers, fewer, np.ones(len(plain), np.float32))
    said = None
    if dispute is not None and len(dispute.codes):
        evidence = np.zeros((len(near.evidence), len(dispute.codes), len(question.values)), np.float32)
        for fold in np.unique(dispute.folds).tolist():
            at = dispute.folds == fold
            places = [dispute.plain[at] @ basis for basis in benches[fold].bases()]
            none = np.zeros(int(at.sum()), np.float32)
            evidence[:, at] = hear(benches[fold], places, choices, len(question.values), none).evidence
        said = Contested(dispute.rows, dispute.codes, evidence)
    held = Held(near, far, said)
    everyone = np.ones(len(question.rows), bool)
    return calibrated(question, benches, held, asked, choices, everyone), held


def calibrated(
    question: Question,
    benches: tuple[Bench, ...],
    held: Held,
    asked: float,
    choices: Choices,
    fit: Bools,
) -> AttributeModel:
    """Return the model whose pool, curves and thresholds are fitted on the held-out donors ``fit`` [m].

    Held-out items count as their tags deserve: a contradiction that is probably a slip of the tagger counts less
    than one miss, an item that states nothing counts as a miss as far as it probably has nothing to state.
    """
    stated, many, v = question.stated, question.kind == "many", len(question.values)
    heard, contested = held.near, held.contested
    pick = fit if many else stated & fit
    pool = fit_pool(heard.evidence[:, pick], question.targets[pick], question.weights[pick], many)
    shares = pool(heard.evidence)
    presence_pool = presence = None
    rate, slip, curves = 1.0, np.full(v, LEAST_SLIP), (IDENTITY,) * (v if many else 1)
    if many:
        rate = recall(shares[fit].ravel(), question.targets[fit].ravel() > 0) if choices.recall else 1.0
        curves = tuple(
            _scaled(
                fit_curve(
                    shares[fit, at], question.targets[fit, at], (question.weights * (1 - heard.strange))[fit]
                ),
                rate,
            )
            for at in range(v)
        )
    elif len(heard.presence):
        presence_pool = fit_pool(
            heard.presence[:, fit, None], stated[fit, None].astype(np.float32), question.weights[fit], True
        )
        surely = presence_pool(heard.presence[:, :, None])[:, 0]
        rate = recall(surely[fit], stated[fit]) if choices.recall else 1.0
        presence = _scaled(
            fit_curve(surely[fit], stated[fit].astype(np.float64), question.weights[fit]), rate
        )
    if not many and choices.slips and contested is not None and len(contested.codes):
        found = slips(pool(contested.evidence), contested.codes, question.targets.sum(axis=0))
        slip = np.maximum(found, LEAST_SLIP)
    model = AttributeModel(
        question.name,
        question.kind,
        question.values,
        asked,
        choices,
        benches,
        pool,
        presence_pool,
        curves,
        presence,
        (),
        question.absent,
        rate,
        slip,
    )
    near = 1 - heard.strange
    if not many:
        mass = _mass(model, question, shares, model.sayable(heard), contested is not None)
        counted = fit & (mass * near > 0)
        score = shares.max(axis=1) * (model.sayable(heard) if question.absent else 1.0)
        hits = _hits(question, shares)
        curve = fit_curve(score[counted], hits[counted], (question.weights * mass * near)[counted])
        model = replace(model, curves=(curve,))
    if held.far is not None:
        model = _with_far(model, question, held.far, contested is not None, fit)
    chances, mass = judged(model, question, heard, contested)
    if many:
        unlikely = (chances < UNLIKELY) & fit[:, None]
        slip = (question.targets * unlikely).sum(axis=0) / np.maximum(unlikely.sum(axis=0), 1)
        model = replace(model, slip=np.maximum(slip, LEAST_SLIP))
    usual = fit & (near > 0.5)
    return replace(model, thresholds=_thresholds(model, question, chances, mass, usual))


def _with_far(
    model: AttributeModel, question: Question, heard: Heard, disputes: bool, fit: Bools
) -> AttributeModel:
    shares = model.pool(heard.evidence)
    present = model.sayable(heard)
    if question.kind == "many":
        pick = fit[:, None] & (shares > FAINT)
        weights = np.repeat(question.weights[:, None], shares.shape[1], axis=1)
        far = _scaled(fit_curve(shares[pick], question.targets[pick], weights[pick]), model.rate)
        mass = np.ones(len(shares))
    else:
        mass = _mass(model, question, shares, present, disputes)
        counted = fit & (mass > 0)
        score = shares.max(axis=1) * (present if question.absent else 1.0)
        far = fit_curve(score[counted], _hits(question, shares)[counted], (question.weights * mass)[counted])
    model = replace(model, far=far)
    chances = model.chances(heard)
    return replace(model, far_thresholds=_thresholds(model, question, chances, mass, fit))


def at_precision(model: AttributeModel, question: Question, held: Held, asked: float) -> AttributeModel:
    """Return the model with thresholds for another asked precision; nothing else depends on it."""
    model = replace(model, asked=asked)
    everyone = np.ones(len(question.rows), bool)
    chances, mass = judged(model, question, held.near, held.contested)
    usual = everyone & (held.near.strange < 0.5)
    near = _thresholds(model, question, chances, mass, usual)
    far = model.far_thresholds
    if held.far is not None and model.far is not None:
        chances, mass = judged(model, question, held.far, held.contested)
        far = _thresholds(model, question, chances, mass, everyone)
    return replace(model, thresholds=near, far_thresholds=far)


def _thresholds(
    model: AttributeModel, question: Question, chances: Doubles, mass: Doubles, fit: Bools
) -> tuple[Threshold, ...]:
    many = question.kind == "many"
    best = chances.argmax(axis=1)
    trials = []
    for at in range(len(question.values)):
        mine = fit & (chances[:, at] > 0) & (mass > 0) & (many | (best == at))
        trials.append(Trial(chances[mine, at], question.targets[mine, at], mass[mine]))
    choices = model.choices
    asked = model.asked * model.rate if many else model.asked
    return choose_thresholds(trials, asked, choices.confidence, choices.min_support, choices.pooled)


def judged(
    model: AttributeModel, question: Question, heard: Heard, contested: Contested | None
) -> tuple[Doubles, Doubles]:
    """Return calibrated chances [m, v] of the donors, and how much each counts as held-out evidence, float64 [m]."""
    chances = model.chances(heard)
    if question.kind == "many":
        return chances, np.ones(len(chances))
    shares = model.pool(heard.evidence)
    return chances, _mass(model, question, shares, model.sayable(heard), contested is not None)


def _hits(question: Question, shares: Doubles) -> Doubles:
    best = shares.argmax(axis=1)
    return np.asarray(question.targets[np.arange(len(best)), best], np.float64)


def _mass(
    model: AttributeModel, question: Question, shares: Doubles, present: Doubles, disputes: bool
) -> Doubles:
    stated = question.stated
    missing = present * (1 - model.rate) / np.maximum(1 - present * model.rate, 1e-9)
    mass = np.where(stated, 1.0, 1 - missing if question.absent else 0.0)
    if model.presence is None:
        mass = stated.astype(np.float64)
    elif not question.absent:
        mass = mass * (present >= SAYABLE)
    if model.choices.slips and disputes:
        given = question.targets.argmax(axis=1)
        rows = np.arange(len(given))
        chance = slip_chance(shares[rows, given], present, model.slip[given], model.rate)
        mass = np.where(stated & (_hits(question, shares) == 0), mass * (1 - chance), mass)
    return np.asarray(mass)


def _scaled(curve: Curve, rate: float) -> Curve:
    return Curve(curve.slope, curve.bias, curve.x, np.minimum(curve.y / rate, 1.0))
