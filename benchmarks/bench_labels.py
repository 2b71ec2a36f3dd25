"""Measures labels against a hidden truth: precision, coverage, calibration, other ways to label, flipped tags.

    python -m benchmarks.bench_labels VECTORS.npy CHARACTERS_DIR [--json OUT] [--parts main,styles,noise,ablation]

VECTORS.npy may be the word 'bundled': then the bundled encoder makes the vectors, and those of prompts.

CHARACTERS_DIR holds metadata.jsonl (file_name, tags) and truth.csv (file_name, family, one column per attribute).
Observed labels are the noisy tags; truth is compared with labels of items whose tags do not say the attribute.
Leakage groups never help to label themselves. The clock covers learning and scoring, not reading files. cleanlab is
measured where it is installed (the extra ``benchmarks``).
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.characters import (
    ASKED,
    Bench,
    asked_rows,
    judge,
    plain,
    read,
    summary,
    table,
    without_style,
)
from benchmarks.label_rivals import flipped, neighbours_sklearn, outright
from label.learn.fit_all import AttributeFit, LabelModels, fit_all
from label.learn.held_out import at_precision
from label.learn.options import FitOptions
from label.learn.scorer import Scores
from label.predict.decide import DecisionRule, Predictions, Statements, decide


def labels(
    bench: Bench,
    models: LabelModels,
    fits: dict[str, AttributeFit],
    only: npt.NDArray[np.bool_] | None = None,
) -> dict[str, dict[float, dict[str, Any]]]:
    """Return by attribute and target precision how the labels compare with the truth."""
    found: dict[str, dict[float, dict[str, Any]]] = {}
    for name, fit in fits.items():
        if fit.model is None or fit.task is None or fit.held_out is None or name not in bench.truth:
            continue
        rows = asked_rows(bench, name, only)
        if not len(rows):
            continue
        found[name] = {}
        scores = scores_of(bench, models, name, rows)
        probability = fit.model.probabilities(scores)
        said = nothing_stated(bench.dataset.tag_counts[rows] > 0, len(fit.model.values))
        for target in ASKED:
            model = at_precision(fit.model, fit.task, fit.held_out, target)
            unchecked = np.zeros(probability.shape, np.float32)
            predictions = Predictions(probability, model.thresholds_of(scores.ood), unchecked)
            decisions = decide(DecisionRule.of(model), said, predictions)
            found[name][target] = judge(
                bench, name, rows, model.values, decisions.probability, decisions.passes
            )
    return found


def nothing_stated(tagged: npt.NDArray[np.bool_], values: int) -> Statements:
    """Return that nothing of an attribute is stated of n items, of which some are ``tagged`` [n] all the same."""
    n = len(tagged)
    no, none = np.zeros(n, bool), np.zeros((n, values), bool)
    return Statements(np.zeros((n, values), np.int8), no, no, none, none, no, none, tagged, ~no)


def scores_of(bench: Bench, models: LabelModels, name: str, rows: npt.NDArray[np.int64]) -> Scores:
    """Return the scores of rows, each by the scorers of its fold."""
    dataset = bench.dataset
    return models.score(dataset.vectors_of(rows), dataset.folds[rows], [name])[0][name]


VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "no prompts": {"sources": ("knn", "probe")},
    "prompts alone": {"sources": ("zero_shot",)},
    "votes alone": {"sources": ("knn",)},
    "neighbours alone": {"sources": ("knn",), "centroids": False},
    "centroids alone": {"sources": ("knn",), "neighbours": False},
    "probe alone": {"sources": ("probe",)},
    "no applicability": {"applicability": False},
    "missing tags are absent": {"tagging_recall": False},
    "no false tags": {"false_tags": False},
    "no held-out styles": {"new_styles": False},
    "each value for itself": {"pooled_thresholds": False},
}


def main() -> None:
    """Run the parts asked for and print their tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("vectors", help="file of vectors, or 'bundled'")
    parser.add_argument("characters", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--parts", default="main,styles,noise,ablation")
    parser.add_argument("--variants", default="")
    parser.add_argument("--styles", default="")
    parser.add_argument("--seeds", default="2,3", help="of the planted tags; 0 and 1 chose the method")
    given = parser.parse_args()
    parts = given.parts.split(",")
    bench = read(None if given.vectors == "bundled" else Path(given.vectors), given.characters)
    result: dict[str, Any] = {
        "machine": platform.processor() or platform.machine(),
        "vectors": Path(given.vectors).name,
    }
    attributes = [each for each in bench.vocabulary.attributes if each.name in bench.truth]
    base = FitOptions()
    names = ["default", "votes alone", "probe alone"] if "main" in parts else []
    if "main" in parts and bench.dataset.prompts:
        names += ["no prompts", "prompts alone"]
    if "ablation" in parts:
        names = list(VARIANTS)
    if given.variants:
        names = given.variants.split(",")
    for name in names:
        started = time.monotonic()
        switches = dict(VARIANTS[name])
        landmarks = switches.pop("landmarks", 512)
        options = replace(base, **switches)
        models, fits = fit_all(attributes, bench.dataset, bench.settings, options, landmarks)
        found = labels(bench, models, fits)
        print(f"\n[{name}: {time.monotonic() - started:.1f} s]")
        table(name, found)
        result[name] = {"summary": summary(found), "attributes": plain(found)}
        if name == "default" and "main" in parts:
            for shared in (True, False):
                title = f"sklearn kNN share, one threshold {'for all' if shared else 'by attribute'}"
                found = neighbours_sklearn(bench, fits, 15, shared)
                table(title, found)
                result[title] = {"summary": summary(found), "attributes": plain(found)}
            shares = {
                each: fit.model.probabilities(scores_of(bench, models, each, asked_rows(bench, each)))
                for each, fit in fits.items()
                if fit.model is not None and each in bench.truth
            }
            result["outright"] = outright(bench, fits, shares)
            print("\nright when every item gets a label")
            for each, ways in result["outright"].items():
                print(f"  {each:14s}", {way: round(share, 3) for way, share in ways.items()})
    pooled_styles: list[dict[str, dict[float, dict[str, Any]]]] = []
    if "styles" in parts:
        for style in given.styles.split(",") if given.styles else np.unique(bench.styles).tolist():
            held = without_style(bench, style)
            models, fits = fit_all(attributes, held.dataset, held.settings, base)
            found = labels(held, models, fits, held.styles == style)
            if found:
                table(f"no labelled item of the style {style}", found)
                pooled_styles.append(found)
                result[f"style {style}"] = {"attributes": plain(found)}
        together = {
            f"{at} {name}": row for at, each in enumerate(pooled_styles) for name, row in each.items()
        }
        result["styles"] = summary(together)
        for asked, row in result["styles"].items():
            print(f"all styles at {asked}:", {k: v if v is None else round(v, 3) for k, v in row.items()})
    if "noise" in parts:
        result["noise"] = {}
        for seed in [int(part) for part in given.seeds.split(",")]:
            result["noise"][seed] = flipped(bench, seed=seed)
            print(f"flipped tags, seed {seed}: area under the precision-recall curve")
            for name, scores in result["noise"][seed].items():
                shown = {key: None if value is None else round(value, 3) for key, value in scores.items()}
                print(f"  {name:12s}", shown, flush=True)
    if given.json:
        given.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
