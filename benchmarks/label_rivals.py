"""Other ways to label the same items: scikit-learn's kNN share, the most frequent value, prompts alone, cleanlab."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.characters import ASKED, Bench, asked_rows, copied, judge
from label.data.dataset import Dataset
from label.learn.calibration import HeldOutPredictions, choose_thresholds
from label.learn.fit_all import AttributeFit, fit_all
from label.learn.label_noise import label_noise_score
from label.learn.options import FitOptions


def neighbours_sklearn(
    bench: Bench,
    fits: dict[str, AttributeFit],
    k: int,
    shared: bool,
    only: npt.NDArray[np.bool_] | None = None,
) -> dict[str, dict[float, dict[str, Any]]]:
    """scikit-learn's distance-weighted kNN share, with one threshold for all values (``shared``: all attributes)."""
    from sklearn.neighbors import KNeighborsClassifier

    scores: dict[str, tuple[Any, ...]] = {}
    for name, fit in fits.items():
        task = fit.task
        if task is None or name not in bench.truth:
            continue
        rows = asked_rows(bench, name, only)
        x = bench.dataset.vectors_of(task.rows).astype(np.float32)
        z = bench.dataset.vectors_of(rows).astype(np.float32)
        v = len(task.values)
        pick = task.labelled if not task.multi_label else np.ones(len(x), bool)
        held, shares = np.zeros((len(x), v)), np.zeros((len(rows), v))
        for fold in range(5):
            train = pick & (task.folds != fold)
            test, asked = pick & (task.folds == fold), bench.dataset.folds[rows] == fold
            knn = KNeighborsClassifier(min(k, int(train.sum())), weights="distance")
            y = task.targets[train]
            knn.fit(x[train], y.argmax(axis=1) if not task.multi_label else (y > 0).astype(int))
            for target, source in ((held, test), (shares, asked)):
                data = x if target is held else z
                if source.any():
                    target[source] = _shares(knn, data[source], v)
        if not task.multi_label:
            chance, hits = (
                held[pick].max(axis=1),
                task.targets[pick][np.arange(int(pick.sum())), held[pick].argmax(axis=1)],
            )
        else:
            chance, hits = held.ravel(), task.targets.ravel()
        scores[name] = (rows, task.values, shares, chance, hits, task.multi_label)
    found: dict[str, dict[float, dict[str, Any]]] = {name: {} for name in scores}
    for asked in ASKED:
        every = (
            np.concatenate([s[3] for s in scores.values()]),
            np.concatenate([s[4] for s in scores.values()]),
        )
        for name, (rows, values, shares, chance, hits, multi_label) in scores.items():
            p, h = every if shared else (chance, hits)
            at = choose_thresholds([HeldOutPredictions(p, h, np.ones(len(p)))], asked, 0.8, 15)[0].at
            accepted = shares >= at
            if not multi_label:
                accepted &= np.arange(len(values)) == shares.argmax(axis=1)[:, None]
            found[name][asked] = judge(bench, name, rows, values, shares, accepted)
    return found


def _shares(knn: Any, data: Any, v: int) -> npt.NDArray[np.float64]:
    said = knn.predict_proba(data)
    out = np.zeros((len(data), v))
    if isinstance(said, list):
        for at, (column, classes) in enumerate(zip(said, knn.classes_, strict=True)):
            if 1 in list(classes):
                out[:, at] = column[:, list(classes).index(1)]
    else:
        out[:, knn.classes_.astype(int)] = said
    return out


def outright(
    bench: Bench, fits: dict[str, AttributeFit], shares: dict[str, npt.NDArray[np.float64]]
) -> dict[str, dict[str, float]]:
    """Return for single-label attributes the share of right labels when every item gets one: the most frequent value,
    the likeliest by prompts alone, and by all evidence (``shares`` [n, v] of the asked rows)."""
    found: dict[str, dict[str, float]] = {}
    for name, fit in fits.items():
        task = fit.task
        if task is None or name not in bench.truth or task.multi_label or name not in shares:
            continue
        rows = asked_rows(bench, name)
        frequent = np.full(len(rows), int(task.targets.sum(axis=0).argmax()))
        guesses = {"majority": frequent, "all evidence": shares[name].argmax(axis=1)}
        prompts = bench.dataset.prompts.get(name)
        if prompts and all(value in prompts for value in task.values):
            words = np.stack([prompts[value] for value in task.values])
            x = bench.dataset.vectors_of(rows).astype(np.float32)
            guesses["prompts"] = (x @ words.T).argmax(axis=1)
        found[name] = {way: _right(bench, name, rows, task.values, guess) for way, guess in guesses.items()}
    return found


def _right(
    bench: Bench,
    name: str,
    rows: npt.NDArray[np.int64],
    values: tuple[str, ...],
    guess: npt.NDArray[np.int64],
) -> float:
    known, right = np.zeros(len(rows), bool), np.zeros(len(rows), bool)
    for truth in bench.truth[name]:
        known |= truth.known[rows]
        for at, value in enumerate(values):
            if value in truth.values:
                right |= (guess == at) & truth.right[rows, truth.values.index(value)]
    return float(right[known].mean()) if known.any() else 0.0


def flipped(bench: Bench, share: float = 0.1, seed: int = 0) -> dict[str, dict[str, float | None]]:
    """Plant wrong single labels and return by attribute how well they are found: area under precision-recall.

    Ours is the label-noise score, from scores held out by leakage group. cleanlab gets out-of-fold
    probabilities of a logistic regression on the same vectors and folds, and ranks by its label quality score.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import average_precision_score

    try:
        from cleanlab.rank import get_label_quality_scores
    except ImportError:
        get_label_quality_scores = None
    warnings.simplefilter("ignore", ConvergenceWarning)
    rng = np.random.default_rng(seed)
    planted: dict[str, npt.NDArray[np.int64]] = {}
    old = bench.dataset
    observed = dict(old.observed)
    names = [
        name for name in ("gender", "hair_color", "hair_length", "skin", "expression") if name in observed
    ]
    for name in names:
        each = observed[name]
        rows, coded, sources = each.triples()
        frequent = np.flatnonzero(np.bincount(coded, minlength=len(each.values)) >= 30)
        chosen = np.flatnonzero((rng.random(len(rows)) < share) & np.isin(coded, frequent))
        for at in chosen.tolist():
            coded[at] = rng.choice(frequent[frequent != coded[at]])
        observed[name], planted[name] = copied(each, rows, coded, sources), rows[chosen]
    noisy = Dataset(old.rows, observed, old.single, old.tag_counts, old.folds, old.vector_rows, old.vectors)
    attributes = [bench.vocabulary.attribute(name) for name in names]
    _, fits = fit_all(attributes, noisy, bench.settings, FitOptions())
    out: dict[str, dict[str, float | None]] = {}
    for name in names:
        fit = fits[name]
        if fit.model is None or fit.task is None or fit.held_out is None:
            continue
        task = fit.task
        pick = np.flatnonzero(task.labelled)
        given = task.targets[pick].argmax(axis=1)
        # Only items whose truth is known: elsewhere a tag that is not planted may be wrong as well.
        known = np.zeros(len(pick), bool)
        right = np.zeros(len(pick), bool)
        for truth in bench.truth[name]:
            known |= truth.known[task.rows[pick]]
            for code, value in enumerate(task.values):
                if value in truth.values:
                    right |= (given == code) & truth.right[task.rows[pick], truth.values.index(value)]
        wrong = ~right
        assert fit.held_out.noise_shares is not None
        ours = label_noise_score(fit.held_out.noise_shares[pick], task.targets[pick] > 0)
        x = noisy.vectors_of(task.rows[pick]).astype(np.float32) * np.sqrt(noisy.vectors.shape[1])
        p = np.full((len(pick), len(task.values)), 1e-6)
        for fold in range(5):
            test = task.folds[pick] == fold
            model = LogisticRegression(max_iter=200, C=0.01).fit(x[~test], given[~test])
            p[np.ix_(test, model.classes_)] = model.predict_proba(x[test])
        p /= p.sum(axis=1, keepdims=True)
        theirs: dict[str, float | None] = {}
        for method in ("self_confidence", "normalized_margin", "confidence_weighted_entropy"):
            theirs[f"cleanlab {method}"] = (
                float(
                    average_precision_score(
                        wrong[known], 1 - get_label_quality_scores(given, p, method=method)[known]
                    )
                )
                if get_label_quality_scores
                else None
            )
        plain_score = 1 - p[np.arange(len(given)), given]
        out[name] = {
            "wrong": float(wrong[known].mean()),
            "ours": float(average_precision_score(wrong[known], ours[known])),
            "self confidence of the same logistic regression": float(
                average_precision_score(wrong[known], plain_score[known])
            ),
            **theirs,
        }
    return out
