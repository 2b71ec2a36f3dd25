"""Learning the model of one attribute: judges by fold, held-out evidence, calibrators and thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from label.data.task import Question
from label.learn.calibration import Curve, Threshold, Trial, choose_thresholds, fit_curve
from label.learn.combine import fit_pool
from label.learn.features import FeatureMap
from label.learn.knn_scorer import elect
from label.learn.label_noise import recall, recalls, slip_chance, slips
from label.learn.model import (
    FAINT,
    IDENTITY,
    LEAST_SLIP,
    SAYABLE,
    UNLIKELY,
    AttributeModel,
    Bench,
    Choices,
    Contested,
    Dispute,
    Heard,
    by_fold,
    doubt,
    hear,
)
from label.learn.sources.base import Drill, LearnedSource, moments_by_fold, moments_without
from label.learn.subspace import Moments
from schema.arrays import Bools, Floats32, Floats64, Ints


def benches_of(
    question: Question,
    plain: Floats32,
    white: Floats32,
    features: FeatureMap,
    choices: Choices,
    sources: Sequence[LearnedSource],
    presence: bool = True,
) -> tuple[Bench, ...]:
    """Return the judges of each fold, learned from the donors of the other folds; ``presence`` adds the judges of
    whether an attribute can be told at all."""
    stated = question.stated
    presence = presence and choices.presence and question.kind == "one" and not bool(stated.all())
    extended = np.concatenate([question.targets, (~stated)[:, None].astype(np.float32)], axis=1)
    everyone = np.ones(len(stated), bool)
    whole = moments_by_fold(question, white, extended, everyone, choices.folds) if presence else []
    shared: list[Moments] = []
    found = []
    for fold in range(choices.folds):
        drill = Drill(question, plain, white, features, choices, fold, shared)
        judges = (source.train(drill) for source in sources)
        whether = None
        if presence:
            basis, whether = elect(
                question,
                extended,
                white,
                moments_without(whole, fold),
                drill.train,
                choices.shrinkage,
                choices.size,
                choices.kernel,
                choices.seed,
            )
            whether = replace(whether, basis=features.unfold(basis))
        found.append(Bench(tuple(judge for judge in judges if judge is not None), whether))
    return tuple(found)


def held_out(question: Question, plain: Floats32, benches: Sequence[Bench], strange: Floats32) -> Heard:
    """Return the evidence on every donor from judges that saw neither it nor its fold."""
    return by_fold(
        question.folds,
        lambda fold, pick: hear(
            benches[fold],
            [plain[pick] @ basis for basis in benches[fold].bases()],
            len(question.values),
            strange[pick],
        ),
    )


@dataclass(frozen=True, slots=True)
class Held:
    """Held-out evidence on the donors of a question: ``near`` by families, ``far`` with whole kinds of picture held
    out (None where there are no kinds apart), ``contested`` on items whose tags contradict each other."""

    near: Heard
    far: Heard | None
    contested: Contested | None
    audit: Floats64 | None = None
    """What the auditors give each value [m, v] of each donor."""


def learn(
    question: Question,
    plain: Floats32,
    features: FeatureMap,
    asked: float,
    choices: Choices,
    sources: Sequence[LearnedSource],
    dispute: Dispute | None = None,
    apart: Ints | None = None,
) -> tuple[AttributeModel, Held] | None:
    """Return the fitted model of an attribute and the held-out evidence; None where no source judges it.

    ``apart`` [m] are folds of whole kinds.
    """
    white = features.white(plain)
    benches = benches_of(question, plain, white, features, choices, sources)
    if not all(bench.judges for bench in benches):
        return None
    strange = np.zeros(len(plain), np.float32)
    for fold in range(choices.folds):
        pick = question.folds == fold
        strange[pick] = features.strange(plain[pick], fold)
    near = held_out(question, plain, benches, strange)
    far = None
    if apart is not None and choices.kinds and len(np.unique(apart)) > 1:
        by_kind = replace(question, folds=apart)
        fewer = replace(choices, folds=int(apart.max()) + 1)
        strangers = benches_of(by_kind, plain, white, features, fewer, sources)
        far = held_out(by_kind, plain, strangers, np.ones(len(plain), np.float32))
    said = None
    if dispute is not None and len(dispute.codes):
        evidence = np.zeros((len(near.evidence), len(dispute.codes), len(question.values)), np.float32)
        for fold in np.unique(dispute.folds).tolist():
            at = dispute.folds == fold
            places = [dispute.plain[at] @ basis for basis in benches[fold].bases()]
            none = np.zeros(int(at.sum()), np.float32)
            evidence[:, at] = hear(benches[fold], places, len(question.values), none).evidence
        said = Contested(dispute.rows, dispute.codes, evidence)
    everyone = np.ones(len(question.rows), bool)
    held = Held(near, far, said)
    model = calibrated(question, benches, held, asked, choices, everyone)
    if choices.audit and question.kind == "one":
        model, audit = _audited(model, question, near, plain, white, features, sources)
        held = replace(held, audit=audit)
    return model, held


BORNE_OUT = float(np.exp(-1.0))
"""A donor for whose value the others give as much as for any other one keeps 1 / (1 + BORNE_OUT) of its weight."""


def _audited(
    model: AttributeModel,
    question: Question,
    near: Heard,
    plain: Floats32,
    white: Floats32,
    features: FeatureMap,
    sources: Sequence[LearnedSource],
) -> tuple[AttributeModel, Floats64]:
    """Return the model with its auditors, and what they give each value of the donors, float64 [m, v].

    Wrong tags mislead the subspace and the probe. The auditors learn once more, from donors weighed by how far the
    held-out votes bear them out, so they find more of them. For labels the second pass brought nothing: its
    held-out evidence looks better than it is, and with honest nesting the gain in coverage was gone.
    """
    stated = question.stated
    distrust = doubt(model.pool(near.evidence), question.targets > 0)
    borne_out = np.where(stated, (1 - distrust) / (1 - distrust + BORNE_OUT * distrust), 1.0)
    believed = replace(question, weights=(question.weights * borne_out).astype(np.float32))
    auditors = benches_of(believed, plain, white, features, model.choices, sources, presence=False)
    strange = np.zeros(len(plain), np.float32)
    evidence = held_out(question, plain, auditors, strange).evidence
    pool = fit_pool(evidence[:, stated], question.targets[stated], believed.weights[stated], False)
    return replace(model, auditors=auditors, audit_pool=pool), pool(evidence)


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
    rates = np.ones(v)
    rate, slip, curves = 1.0, np.full(v, LEAST_SLIP), (IDENTITY,) * (v if many else 1)
    if many:
        if choices.recall:
            rate = recall(shares[fit].ravel(), question.targets[fit].ravel() > 0, choices.least_recall)
            rates = recalls(shares[fit], question.targets[fit] > 0, rate)
        curves = tuple(
            _scaled(
                fit_curve(
                    shares[fit, at], question.targets[fit, at], (question.weights * (1 - heard.strange))[fit]
                ),
                float(rates[at]),
            )
            for at in range(v)
        )
    elif len(heard.presence):
        presence_pool = fit_pool(
            heard.presence[:, fit, None], stated[fit, None].astype(np.float32), question.weights[fit], True
        )
        surely = presence_pool(heard.presence[:, :, None])[:, 0]
        rate = recall(surely[fit], stated[fit], choices.least_recall) if choices.recall else 1.0
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
        rates=rates,
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
    model: AttributeModel, question: Question, chances: Floats64, mass: Floats64, fit: Bools
) -> tuple[Threshold, ...]:
    many = question.kind == "many"
    best = chances.argmax(axis=1)
    trials = []
    for at in range(len(question.values)):
        mine = fit & (chances[:, at] > 0) & (mass > 0) & (many | (best == at))
        trials.append(Trial(chances[mine, at], question.targets[mine, at], (mass * question.witness)[mine]))
    choices = model.choices
    asked = model.asked * (model.rates if many else np.ones(len(trials)))
    return choose_thresholds(trials, asked, choices.confidence, choices.min_support, choices.pooled)


def judged(
    model: AttributeModel, question: Question, heard: Heard, contested: Contested | None
) -> tuple[Floats64, Floats64]:
    """Return calibrated chances [m, v] of the donors, and how much each counts as held-out evidence, float64 [m]."""
    chances = model.chances(heard)
    if question.kind == "many":
        return chances, np.ones(len(chances))
    shares = model.pool(heard.evidence)
    return chances, _mass(model, question, shares, model.sayable(heard), contested is not None)


def _hits(question: Question, shares: Floats64) -> Floats64:
    best = shares.argmax(axis=1)
    return np.asarray(question.targets[np.arange(len(best)), best], np.float64)


def _mass(
    model: AttributeModel, question: Question, shares: Floats64, present: Floats64, disputes: bool
) -> Floats64:
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
