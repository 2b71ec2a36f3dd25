"""Measures labels against a hidden truth: precision, coverage, calibration, other ways to label, flipped tags.

    python -m benchmarks.bench_labels VECTORS.npy CHARACTERS_DIR [--json OUT] [--parts main,styles,noise,ablation]

VECTORS.npy may be the word 'bundled': then the bundled encoder makes the vectors, and those of prompts.

CHARACTERS_DIR holds metadata.jsonl (file_name, tags) and truth.csv (file_name, family, one column per attribute).
Donors are the noisy tags; truth is compared with labels of items whose tags do not say the attribute. Families
never vote for themselves. The clock covers learning and judging, not reading files. cleanlab is measured where it
is installed (the extra ``benchmarks``).
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
from label.learn.fit import at_precision
from label.learn.fit_all import Learned, Lesson, learn_all
from label.learn.model import Choices, Heard


def labels(
    bench: Bench,
    learned: Learned,
    lessons: dict[str, Lesson],
    only: npt.NDArray[np.bool_] | None = None,
) -> dict[str, dict[float, dict[str, Any]]]:
    """Return by attribute and asked precision how the labels compare with the truth."""
    found: dict[str, dict[float, dict[str, Any]]] = {}
    for name, lesson in lessons.items():
        if lesson.model is None or lesson.question is None or lesson.held is None or name not in bench.truth:
            continue
        rows = asked_rows(bench, name, only)
        if not len(rows):
            continue
        found[name] = {}
        heard = heard_rows(bench, learned, name, rows)
        chances = lesson.model.chances(heard)
        for asked in ASKED:
            model = at_precision(lesson.model, lesson.question, lesson.held, asked)
            stands = model.accept(heard, chances)
            # As the label stage has it: these items state nothing of the attribute, and some of them are tagged.
            stated = np.zeros(chances.shape, bool)
            tagged = bench.collection.tag_counts[rows] > 0
            known = model.beside(chances, stated, tagged)
            stands &= ~model.silent(stated, tagged)[:, None] | (known >= asked)
            found[name][asked] = judge(bench, name, rows, model.values, known, stands)
    return found


def heard_rows(bench: Bench, learned: Learned, name: str, rows: npt.NDArray[np.int64]) -> Heard:
    """Return the evidence on rows, each from the judges of its fold."""
    at = bench.collection.at[rows]
    return learned.listen(bench.collection.vectors[at], bench.collection.folds[rows], [name])[0][name]


VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "no prompts": {"sources": ("votes", "probe")},
    "prompts alone": {"sources": ("prompts",)},
    "votes alone": {"sources": ("votes",)},
    "single votes alone": {"sources": ("votes",), "bodies": False},
    "bodies alone": {"sources": ("votes",), "votes": False},
    "probe alone": {"sources": ("probe",)},
    "no presence": {"presence": False},
    "missing tags are absent": {"recall": False},
    "no slips": {"slips": False},
    "no held-out kinds": {"kinds": False},
    "each value for itself": {"pooled": False},
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
    base = Choices()
    names = ["default", "votes alone", "probe alone"] if "main" in parts else []
    if "main" in parts and bench.collection.prompts:
        names += ["no prompts", "prompts alone"]
    if "ablation" in parts:
        names = list(VARIANTS)
    if given.variants:
        names = given.variants.split(",")
    for name in names:
        started = time.monotonic()
        options = dict(VARIANTS[name])
        landmarks = options.pop("landmarks", 512)
        choices = replace(base, **options)
        learned, lessons = learn_all(attributes, bench.collection, bench.settings, choices, landmarks)
        found = labels(bench, learned, lessons)
        print(f"\n[{name}: {time.monotonic() - started:.1f} s]")
        table(name, found)
        result[name] = {"summary": summary(found), "attributes": plain(found)}
        if name == "default" and "main" in parts:
            for shared in (True, False):
                title = f"sklearn kNN share, one threshold {'for all' if shared else 'by attribute'}"
                found = neighbours_sklearn(bench, lessons, 15, shared)
                table(title, found)
                result[title] = {"summary": summary(found), "attributes": plain(found)}
            shares = {
                each: lesson.model.chances(heard_rows(bench, learned, each, asked_rows(bench, each)))
                for each, lesson in lessons.items()
                if lesson.model is not None and each in bench.truth
            }
            result["outright"] = outright(bench, lessons, shares)
            print("\nright when every item gets a label")
            for each, ways in result["outright"].items():
                print(f"  {each:14s}", {way: round(share, 3) for way, share in ways.items()})
    pooled_styles: list[dict[str, dict[float, dict[str, Any]]]] = []
    if "styles" in parts:
        for style in given.styles.split(",") if given.styles else np.unique(bench.styles).tolist():
            held = without_style(bench, style)
            learned, lessons = learn_all(attributes, held.collection, held.settings, base)
            found = labels(held, learned, lessons, held.styles == style)
            if found:
                table(f"no donor of the style {style}", found)
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
