"""Measures labels against a hidden truth: precision, coverage, calibration, other ways to label, flipped tags.

    python -m benchmarks.bench_labels VECTORS.npy CHARACTERS_DIR [--json OUT] [--parts main,styles,noise,ablation]

CHARACTERS_DIR holds metadata.jsonl (file_name, tags) and truth.csv (file_name, family, one column per attribute).
Donors are the noisy tags; truth is compared with labels of items whose tags do not say the attribute. Families
never vote for themselves. The clock covers learning and judging, not reading files.
"""

from __future__ import annotations

import argparse
import csv
import json
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from label.calibrate import Trial, choose_thresholds, expected_error
from label.learning import Collection, Learned, Lesson, learn_all
from label.model import Choices, Heard, doubt
from label.question import folds_of
from label.statements import Stated, contradicted
from label.tags import TagReader
from label.training import at_precision
from schema.settings import LabelSettings
from schema.tagging import parse_tags
from schema.vocabulary import Attribute, Vocabulary, load_vocabulary

ASKED = (0.90, 0.95, 0.99)
SKIN = {
    "skin": {
        "kind": "one",
        "values": {
            "dark": {"tags": "dark_skin dark-skinned_male dark-skinned_female very_dark_skin"},
            "light": {"tags": "pale_skin"},
            "medium": {"tags": "tan"},
            "green": {"tags": "green_skin colored_skin"},
        },
    }
}
# Column of the truth, attribute, and the words of the truth that are no values of the vocabulary. '-' is not judged.
TRUTH: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("gender", "gender", {"neutral": "non-binary", "mixed": "-"}),
    ("age_group", "age", {"adult": "adult", "baby": "child", "older adult": "elderly"}),
    ("hair_color", "hair_color", {"gray": "grey", "blond": "blonde", "gray/white": "grey|white"}),
    ("hair_length", "hair_length", {}),
    ("eye_color", "eye_color", {"gray": "grey"}),
    ("skin", "skin", {"medium-dark": "dark|medium"}),
    ("expression", "expression",
     {"happy": "smile", "frowning": "frown", "pouting": "pout", "smirking": "smirk", "worried": "nervous",
      "kissing": "-", "exasperated": "-", "tired": "-", "fearful": "scared"}),
    ("facial_hair", "facial_hair", {"none": "none", "frenchstache": "mustache", "bigstache": "mustache"}),
    ("hair_style", "hair_style",
     {"bangs": "blunt bangs", "bun": "single bun|bun", "parted": "curtained", "shaved": "undercut",
      "twists": "dreadlocks", "bantu knots": "bun"}),
    ("glasses", "accessories", {"none": "none"}),
    ("headwear", "accessories", {"turban": "headscarf"}),
    ("accessory", "accessories",
     {"police cap": "hat", "skullcap": "hat", "turban": "headscarf", "chef hat": "hat", "hard hat": "helmet",
      "pilot cap": "-", "mortarboard": "-", "bearskin hat": "-", "white cane": "-", "wheelchair": "-"}),
    ("dress", "dress",
     {"crew": "t-shirt", "collared": "dress shirt", "open": "shirt", "chain mail": "armor", "leather armor": "armor",
      "plate armor": "armor", "space suit": "spacesuit", "business": "suit", "business suit": "suit",
      "work overalls": "overalls", "farmer hat": "overalls", "mage robe": "robe", "judge robe": "robe",
      "guard uniform": "military uniform", "detective coat": "coat", "ninja suit": "ninja outfit",
      "medical uniform": "white coat"}),
)  # fmt: skip


@dataclass
class Truth:
    """Right values of one attribute by row: ``known`` bool [n], ``right`` bool [n, v] over ``values``."""

    values: list[str]
    known: npt.NDArray[np.bool_]
    right: npt.NDArray[np.bool_]


@dataclass
class Bench:
    """One collection to measure on."""

    vocabulary: Vocabulary
    collection: Collection
    truth: dict[str, list[Truth]]
    styles: npt.NDArray[np.str_]
    settings: LabelSettings


def read(vectors: Path, folder: Path) -> Bench:
    """Return the collection with its hidden truth."""
    import tomllib

    base = load_vocabulary(None)
    from schema.vocabulary import DEFAULT_PATH, _build

    data = tomllib.loads(DEFAULT_PATH.read_text(encoding="utf-8"))
    vocabulary = _build({**data, **SKIN}) if "skin" not in base.names else base
    meta = [json.loads(line) for line in (folder / "metadata.jsonl").read_text().splitlines()]
    with (folder / "truth.csv").open(newline="") as file:
        rows = {row["file_name"]: row for row in csv.DictReader(file)}
    records = [rows[each["file_name"]] for each in meta]
    n = len(meta)
    reader = TagReader(vocabulary)
    stated = {each.name: Stated(each) for each in vocabulary.attributes}
    clear, counts = np.ones(n, bool), np.zeros(n, np.int32)
    for row, each in enumerate(meta):
        tags = list(parse_tags(each["tags"]))
        counts[row] = len(tags)
        reading = reader.read(tags)
        clear[row] = not reading.ambiguous
        for name, values in reading.values.items():
            stated[name].add(row, values, "tag")
        for conflict in reading.conflicts:
            name, values = contradicted(conflict)
            stated[name].contest(row, [value for value in values if stated[name].attribute.holds(value)])
    _, families = np.unique([record["family"] for record in records], return_inverse=True)
    families = families.astype(np.int64)
    data_ = np.load(vectors).astype(np.float32)
    data_ /= np.maximum(np.linalg.norm(data_, axis=1, keepdims=True), 1e-9)
    collection = Collection(
        stated,
        clear,
        counts,
        families,
        folds_of(np.arange(n), families, 5, 0),
        np.arange(n),
        data_.astype(np.float16),
    )
    truth: dict[str, list[Truth]] = {}
    single = np.array([record.get("n_people", "1") == "1" for record in records])
    for column, name, words in TRUTH:
        if column in records[0] and name in vocabulary.names:
            truth.setdefault(name, []).append(
                truth_of(vocabulary.attribute(name), [record[column] for record in records], words, single)
            )
    styles = np.array([each["file_name"].split("/")[1] for each in meta])
    return Bench(vocabulary, collection, truth, styles, LabelSettings())


def truth_of(
    attribute: Attribute, column: Sequence[str], words: dict[str, str], single: npt.NDArray[np.bool_]
) -> Truth:
    """Return one truth column in the words of the vocabulary; general values are right where a kind of them is."""
    names = list(attribute.by_name)
    values: dict[str, list[str]] = {}
    for word in set(column):
        said = words.get(word, word)
        if said == "adult" and attribute.name == "age":
            values[word] = [each for each in names if each not in ("child", "elderly")]
        elif said == "none":
            values[word] = ["none"] if "none" in names else []
        elif said not in ("", "-") and all(part in attribute.by_name for part in said.split("|")):
            values[word] = attribute.expand(said.split("|"))
    domain = sorted({value for found in values.values() for value in found})
    known = np.array([word in values for word in column]) & single
    right = np.zeros((len(column), len(domain)), bool)
    for row, word in enumerate(column):
        for value in values.get(word, ()):
            right[row, domain.index(value)] = True
    return Truth(domain, known, right)


def judge(bench: Bench, name: str, rows: npt.NDArray[np.int64], values: Sequence[str],
          chances: npt.NDArray[np.float64], accepted: npt.NDArray[np.bool_]) -> dict[str, Any]:  # fmt: skip
    """Compare accepted values of rows with the truth of one attribute; returns counts and (chance, hit) pairs."""
    kind = bench.vocabulary.attribute(name).kind
    covered = np.zeros(len(rows), bool)
    known_any = np.zeros(len(rows), bool)
    chance: list[npt.NDArray[np.float64]] = []
    hit: list[npt.NDArray[np.bool_]] = []
    taken: list[npt.NDArray[np.bool_]] = []
    for truth in bench.truth[name]:
        known = truth.known[rows]
        positive = known & truth.right[rows].any(axis=1)
        if "none" in truth.values:
            positive &= ~truth.right[rows, truth.values.index("none")]
        known_any |= positive
        if kind == "one":
            best = chances.argmax(axis=1)
            right = np.zeros(len(rows), bool)
            for at, value in enumerate(values):
                if value in truth.values:
                    right |= (best == at) & truth.right[rows, truth.values.index(value)]
            voted = known & (chances.max(axis=1) > 0)
            chance.append(chances.max(axis=1)[voted])
            hit.append(right[voted])
            taken.append(accepted.any(axis=1)[voted])
            covered |= accepted.any(axis=1) & known & positive
        else:
            for at, value in enumerate(values):
                if value in truth.values:
                    right = truth.right[rows, truth.values.index(value)]
                    # The many values that nobody would vote for are right to be near zero and say nothing.
                    voted = known & ((chances[:, at] >= 0.1) | accepted[:, at])
                    chance.append(chances[voted, at])
                    hit.append(right[voted])
                    taken.append(accepted[voted, at])
                    covered |= accepted[:, at] & known & positive
    p = np.concatenate(chance) if chance else np.empty(0)
    h = np.concatenate(hit) if hit else np.empty(0, bool)
    t = np.concatenate(taken) if taken else np.empty(0, bool)
    return {
        "items": int(known_any.sum()),
        "accepted": int(t.sum()),
        "right": int((t & h).sum()),
        "precision": float(h[t].mean()) if t.any() else None,
        "coverage": float(covered.sum() / max(known_any.sum(), 1)),
        "ece_accepted": expected_error(p[t], h[t].astype(float)) if t.any() else None,
        "ece_all": expected_error(p, h.astype(float)),
        "_p": p,
        "_h": h,
        "_t": t,
    }


def asked_rows(bench: Bench, name: str, only: npt.NDArray[np.bool_] | None = None) -> npt.NDArray[np.int64]:
    """Rows that the figures are of: single characters with a known truth whose tags do not say the attribute."""
    collection = bench.collection
    known = np.zeros(collection.size, bool)
    for truth in bench.truth[name]:
        known |= truth.known
    pick = known & (collection.stated[name].counts(collection.size) == 0) & collection.clear
    return np.flatnonzero(pick if only is None else pick & only)


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
            found[name][asked] = judge(bench, name, rows, model.values, chances, model.accept(heard, chances))
    return found


def heard_rows(bench: Bench, learned: Learned, name: str, rows: npt.NDArray[np.int64]) -> Heard:
    """Return the evidence on rows, each from the judges of its fold."""
    at = bench.collection.at[rows]
    return learned.listen(bench.collection.vectors[at], bench.collection.folds[rows], [name])[0][name]


def neighbours_sklearn(
    bench: Bench,
    lessons: dict[str, Lesson],
    k: int,
    shared: bool,
    only: npt.NDArray[np.bool_] | None = None,
) -> dict[str, dict[float, dict[str, Any]]]:
    """scikit-learn's distance-weighted kNN share, with one threshold for all values (``shared``: all attributes)."""
    from sklearn.neighbors import KNeighborsClassifier

    scores: dict[str, tuple[Any, ...]] = {}
    for name, lesson in lessons.items():
        question = lesson.question
        if question is None or name not in bench.truth:
            continue
        rows = asked_rows(bench, name, only)
        x = bench.collection.vectors[bench.collection.at[question.rows]].astype(np.float32)
        z = bench.collection.vectors[bench.collection.at[rows]].astype(np.float32)
        v = len(question.values)
        pick = question.stated if question.kind == "one" else np.ones(len(x), bool)
        held, shares = np.zeros((len(x), v)), np.zeros((len(rows), v))
        for fold in range(5):
            train = pick & (question.folds != fold)
            test, asked = pick & (question.folds == fold), bench.collection.folds[rows] == fold
            knn = KNeighborsClassifier(min(k, int(train.sum())), weights="distance")
            y = question.targets[train]
            knn.fit(x[train], y.argmax(axis=1) if question.kind == "one" else (y > 0).astype(int))
            for target, source in ((held, test), (shares, asked)):
                data = x if target is held else z
                if source.any():
                    target[source] = _shares(knn, data[source], v)
        if question.kind == "one":
            chance, hits = (
                held[pick].max(axis=1),
                question.targets[pick][np.arange(int(pick.sum())), held[pick].argmax(axis=1)],
            )
        else:
            chance, hits = held.ravel(), question.targets.ravel()
        scores[name] = (rows, question.values, shares, chance, hits, question.kind)
    found: dict[str, dict[float, dict[str, Any]]] = {name: {} for name in scores}
    for asked in ASKED:
        every = (
            np.concatenate([s[3] for s in scores.values()]),
            np.concatenate([s[4] for s in scores.values()]),
        )
        for name, (rows, values, shares, chance, hits, kind) in scores.items():
            p, h = every if shared else (chance, hits)
            at = choose_thresholds([Trial(p, h, np.ones(len(p)))], asked, 0.8, 15)[0].at
            accepted = shares >= at
            if kind == "one":
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


def majority(bench: Bench, lessons: dict[str, Lesson]) -> dict[str, float]:
    """Return the share of right labels when every item gets the most frequent value."""
    found = {}
    for name, lesson in lessons.items():
        if lesson.question is not None and name in bench.truth:
            rows = asked_rows(bench, name)
            value = lesson.question.values[int(lesson.question.targets.sum(axis=0).argmax())]
            hits = [
                t.right[rows, t.values.index(value)][t.known[rows]]
                for t in bench.truth[name]
                if value in t.values
            ]
            found[name] = float(np.concatenate(hits).mean()) if hits else 0.0
    return found


def summary(found: dict[str, dict[float, dict[str, Any]]], least: int = 50) -> dict[str, Any]:
    """Return the means over attributes with at least ``least`` items, as the goals are worded."""
    out: dict[str, Any] = {}
    for asked in ASKED:
        rows = [each[asked] for each in found.values() if each[asked]["items"] >= least]
        spoken = [row for row in rows if row["accepted"]]
        big = [row["precision"] for row in spoken if row["accepted"] >= 200]
        if not rows:
            continue
        p = np.concatenate([row["_p"] for row in rows])
        h = np.concatenate([row["_h"] for row in rows])
        t = np.concatenate([row["_t"] for row in rows])
        out[f"{asked}"] = {
            "precision": float(np.mean([row["precision"] for row in spoken])) if spoken else None,
            "precision_pooled": float(h[t].mean()) if t.any() else None,
            "worst_of_200": min(big, default=None),
            "coverage": float(np.mean([row["coverage"] for row in rows])),
            "ece_accepted": expected_error(p[t], h[t].astype(float)) if t.any() else None,
            "ece_all": expected_error(p, h.astype(float)),
        }
    return out


def table(title: str, found: dict[str, dict[float, dict[str, Any]]]) -> None:
    """Print one table: precision and coverage per attribute and asked precision."""
    print(
        f"\n{title}\n{'attribute':14s} items |"
        + "".join(f"   asked {asked:.2f}: n prec  cover  ece |" for asked in ASKED)
    )
    for name, each in found.items():
        cells = []
        for asked in ASKED:
            row = each[asked]
            precision = f"{row['precision']:.3f}" if row["precision"] is not None else "  -  "
            cells.append(f" {row['accepted']:6d} {precision} {row['coverage']:.3f}  {row['ece_all']:.3f}")
        print(f"{name:14s} {each[ASKED[0]]['items']:5d} |" + " |".join(cells))
    for asked, row in summary(found).items():
        print(
            f"  mean at {asked}: "
            + "  ".join(f"{k} {v:.3f}" if v is not None else f"{k} -" for k, v in row.items())
        )


def without_style(bench: Bench, style: str) -> Bench:
    """Return the bench with all statements about one art style taken away."""
    held = bench.styles == style
    stated = {}
    for name, each in bench.collection.stated.items():
        rows, coded, sources = each.triples()
        kept = ~held[rows]
        copy = Stated(each.attribute, list(each.values), dict(each.codes))
        copy.contested = {row: codes for row, codes in each.contested.items() if not held[row]}
        copy.rows.extend(rows[kept].tolist())
        copy.coded.extend(coded[kept].tolist())
        copy.sources.extend(sources[kept].tolist())
        stated[name] = copy
    old = bench.collection
    counts = np.where(held, 0, old.tag_counts).astype(np.int32)
    collection = Collection(stated, old.clear, counts, old.families, old.folds, old.vector_rows, old.vectors)
    return replace(bench, collection=collection)


def plain(found: dict[str, Any]) -> dict[str, Any]:
    """Return the figures without the arrays, for JSON."""
    return {
        name: {
            str(asked): {k: v for k, v in row.items() if not k.startswith("_")} for asked, row in each.items()
        }
        for name, each in found.items()
    }


def flipped(bench: Bench, share: float = 0.1, seed: int = 0) -> dict[str, dict[str, float | None]]:
    """Plant wrong single statements and return by attribute how well they are found: area under precision-recall.

    Ours is the chance that a stated value is a slip, from votes held out by family. cleanlab gets out-of-fold
    probabilities of a logistic regression on the same vectors and folds, and ranks by its label quality score.
    """
    import warnings

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
    stated = dict(bench.collection.stated)
    names = [name for name in ("gender", "hair_color", "hair_length", "skin", "expression") if name in stated]
    for name in names:
        each = stated[name]
        rows, coded, sources = each.triples()
        copy = Stated(each.attribute, list(each.values), dict(each.codes))
        copy.contested = dict(each.contested)
        frequent = np.flatnonzero(np.bincount(coded, minlength=len(each.values)) >= 30)
        chosen = np.flatnonzero((rng.random(len(rows)) < share) & np.isin(coded, frequent))
        for at in chosen.tolist():
            coded[at] = rng.choice(frequent[frequent != coded[at]])
        copy.rows.extend(rows.tolist())
        copy.coded.extend(coded.tolist())
        copy.sources.extend(sources.tolist())
        stated[name], planted[name] = copy, rows[chosen]
    old = bench.collection
    noisy = Collection(
        stated, old.clear, old.tag_counts, old.families, old.folds, old.vector_rows, old.vectors
    )
    attributes = [bench.vocabulary.attribute(name) for name in names]
    _, lessons = learn_all(attributes, noisy, bench.settings, Choices())
    out: dict[str, dict[str, float | None]] = {}
    for name in names:
        lesson = lessons[name]
        if lesson.model is None or lesson.question is None or lesson.held is None:
            continue
        question = lesson.question
        pick = np.flatnonzero(question.stated)
        given = question.targets[pick].argmax(axis=1)
        # Only items whose truth is known: elsewhere a tag that is not planted may be wrong as well.
        known = np.zeros(len(pick), bool)
        right = np.zeros(len(pick), bool)
        for truth in bench.truth[name]:
            known |= truth.known[question.rows[pick]]
            for code, value in enumerate(question.values):
                if value in truth.values:
                    right |= (given == code) & truth.right[question.rows[pick], truth.values.index(value)]
        wrong = ~right
        assert lesson.held.audit is not None
        ours = doubt(lesson.held.audit[pick], question.targets[pick] > 0)
        x = noisy.vectors[noisy.at[question.rows[pick]]].astype(np.float32) * np.sqrt(noisy.vectors.shape[1])
        p = np.full((len(pick), len(question.values)), 1e-6)
        for fold in range(5):
            test = question.folds[pick] == fold
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


VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
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
    parser.add_argument("vectors", type=Path)
    parser.add_argument("characters", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--parts", default="main,styles,noise,ablation")
    parser.add_argument("--variants", default="")
    parser.add_argument("--styles", default="")
    given = parser.parse_args()
    parts = given.parts.split(",")
    bench = read(given.vectors, given.characters)
    result: dict[str, Any] = {
        "machine": platform.processor() or platform.machine(),
        "vectors": given.vectors.name,
    }
    attributes = [each for each in bench.vocabulary.attributes if each.name in bench.truth]
    base = Choices()
    names = ["default", "votes alone", "probe alone"] if "main" in parts else []
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
            result["majority"] = majority(bench, lessons)
            print("majority:", {k: round(v, 3) for k, v in result["majority"].items()})
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
        result["noise"] = flipped(bench)
        for name, scores in result["noise"].items():
            print(name, {key: None if value is None else round(value, 3) for key, value in scores.items()})
    if given.json:
        given.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
