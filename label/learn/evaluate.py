"""What the labels are worth, on held-out items that no pool, curve or threshold was fitted on.

The right answer is what the taggers state, weighed as in the calibration: a contradiction that is probably the
tagger's slip counts less than a whole miss, an item that states nothing as far as it has probably nothing to state.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from label.learn.calibration import NEVER, expected_error
from label.learn.fit import calibrated, judged
from label.learn.fit_all import Lesson
from schema.arrays import Bools, Floats32, Floats64, Ints

BINS = 15


def assess(lesson: Lesson) -> dict[str, Any]:
    """Return precision, coverage, support, calibration and confusion of one attribute, cross-fitted by fold."""
    question, model, held = lesson.question, lesson.model, lesson.held
    if question is None or model is None or held is None:
        return {"attribute": lesson.attribute.name, "reason": lesson.reason}
    m, v = question.targets.shape
    chances, accepted, mass = np.zeros((m, v)), np.zeros((m, v), bool), np.ones(m)
    rate, rates = 1.0, np.ones(v)
    any_: Bools
    for fold in np.unique(question.folds).tolist():
        test = question.folds == fold
        fitted = calibrated(question, model.benches, held, model.asked, model.choices, ~test)
        here, weight = judged(fitted, question, held.near, held.contested)
        chances[test], mass[test] = here[test], weight[test]
        accepted[test] = fitted.accept(held.near, here)[test]
        rate, rates = fitted.rate, fitted.rates
    many = question.kind == "many"
    any_ = np.asarray(accepted.any(axis=1), bool)
    best = chances.argmax(axis=1)
    top = np.zeros((m, v), bool)
    top[np.arange(m), best] = chances[np.arange(m), best] > 0
    spoken = (chances >= 0.1) | accepted if many else top
    weights = np.repeat(mass[:, None], v, axis=1) * question.weights[:, None]
    # What taggers leave out would pass for a miss: the share of hits is read against the recall of the taggers.
    hits = question.targets / rates if many else question.targets
    pick = spoken & (weights > 0)
    found: dict[str, Any] = {
        "attribute": question.name,
        "kind": question.kind,
        "asked": model.asked,
        "donors": int(question.stated.sum()),
        "silent_donors": int((~question.stated).sum()),
        "recall_of_taggers": rate,
        "evidence": dict(zip(model.kinds, model.pool.weights.tolist(), strict=True)),
        "precision": _mean(hits[accepted & pick], weights[accepted & pick]),
        "coverage": float(any_[question.stated].mean()),
        "calibration_error": _error(chances[pick], hits[pick], weights[pick]),
        "calibration_error_accepted": _error(
            chances[accepted & pick], hits[accepted & pick], weights[accepted & pick]
        ),
        "reliability": _reliability(chances[pick], hits[pick], weights[pick]),
        "curve": _curve(chances[pick], hits[pick], weights[pick]),
        "values": [],
        "confusion": [] if many else _confusion(question.values, question.targets, best, any_, mass),
    }
    for at, value in enumerate(question.values):
        mine = accepted[:, at] & (weights[:, at] > 0)
        right = question.targets[:, at] > 0
        threshold = model.thresholds[at]
        found["values"].append(
            {
                "value": value,
                "donors": int(right.sum()),
                "accepted": int(mine.sum()),
                "precision": _mean(hits[mine, at], weights[mine, at]),
                "coverage": float(accepted[right, at].mean()) if right.any() else 0.0,
                "threshold": None if threshold.at >= NEVER else threshold.at,
                "reason": threshold.reason,
                "slips": float(model.slip[at]),
                "calibration_error": _error(
                    chances[pick[:, at], at], hits[pick[:, at], at], weights[pick[:, at], at]
                ),
            }
        )
    return found


def _mean(hits: npt.NDArray[np.floating], weights: npt.NDArray[np.floating]) -> float | None:
    return float(min((hits * weights).sum() / weights.sum(), 1.0)) if weights.sum() > 0 else None


def _error(
    chances: Floats64, hits: npt.NDArray[np.floating], weights: npt.NDArray[np.floating]
) -> float | None:
    return expected_error(chances, hits, BINS, weights) if len(chances) else None


def _reliability(
    chances: Floats64, hits: npt.NDArray[np.floating], weights: npt.NDArray[np.floating]
) -> list[dict[str, float]]:
    found = []
    for part in np.array_split(np.argsort(chances, kind="stable"), min(BINS, max(len(chances), 1))):
        if len(part):
            w = weights[part]
            found.append(
                {
                    "chance": float(np.average(chances[part], weights=w)),
                    "precision": float(min(np.average(hits[part], weights=w), 1.0)),
                    "items": len(part),
                }
            )
    return found


def _curve(
    chances: Floats64, hits: npt.NDArray[np.floating], weights: npt.NDArray[np.floating]
) -> list[list[float]]:
    """Points (coverage, precision) from the surest item to all, 50 of them."""
    if not len(chances):
        return []
    order = np.argsort(-chances, kind="stable")
    good, all_ = np.cumsum((hits * weights)[order]), np.cumsum(weights[order])
    at = np.unique(np.linspace(min(10, len(order) - 1), len(order) - 1, 50).astype(int))
    return [[float(all_[i] / all_[-1]), float(min(good[i] / all_[i], 1.0))] for i in at.tolist()]


def _confusion(
    values: tuple[str, ...],
    targets: Floats32,
    best: Ints,
    accepted: Bools,
    mass: Floats64,
) -> list[dict[str, Any]]:
    stated = targets.sum(axis=1) > 0
    given = targets.argmax(axis=1)
    found = []
    for at, value in enumerate(values):
        for other, said in enumerate(values):
            pick = stated & (given == at) & (best == other) & (mass > 0)
            if at != other and pick.any():
                found.append(
                    {
                        "stated": value,
                        "voted": said,
                        "items": int(pick.sum()),
                        "accepted": int((pick & accepted).sum()),
                    }
                )
    return sorted(found, key=lambda each: (-int(str(each["items"])), str(each["stated"])))[:30]
