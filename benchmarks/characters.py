"""A collection of drawn characters with a hidden truth: read, judged against, tabulated; for the label benchmarks."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from label.data.dataset import Dataset
from label.data.task import assign_folds
from label.learn.calibration import expected_calibration_error
from label.observed.labels import ObservedLabels
from schema.settings import LabelSettings, Settings
from schema.tags.conflicts import DISAGREE
from schema.tags.parsing import parse_tags
from schema.tags.values import TagReader
from schema.vocabulary import Attribute, Vocabulary, load_vocabulary

ASKED = (0.90, 0.95, 0.99)
SKIN = {
    "skin": {
        "kind": "single-label",
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
    dataset: Dataset
    truth: dict[str, list[Truth]]
    styles: npt.NDArray[np.str_]
    settings: LabelSettings


def read(vectors: Path | None, folder: Path) -> Bench:
    """Return the collection with its hidden truth; without a file of vectors the bundled encoder makes them."""
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
    observed = {each.name: ObservedLabels(each) for each in vocabulary.attributes}
    single, counts = np.ones(n, bool), np.zeros(n, np.int32)
    for row, each in enumerate(meta):
        tags = list(parse_tags(each["tags"]))
        counts[row] = len(tags)
        parsed = reader.read(tags)
        single[row] = not parsed.ambiguous
        for name, values in parsed.values.items():
            observed[name].add(row, values, "tag")
        for conflict in parsed.conflicts:
            if conflict.kind == DISAGREE:
                observed[conflict.attribute].contest(row, conflict.values)
    _, families = np.unique([record["family"] for record in records], return_inverse=True)
    families = families.astype(np.int64)
    prompts: dict[str, dict[str, npt.NDArray[np.float32]]] = {}
    if vectors is None:
        data_, prompts = embedded(
            [folder / "images" / each["file_name"].removeprefix("images/") for each in meta], vocabulary
        )
    else:
        data_ = np.load(vectors).astype(np.float32)
    data_ /= np.maximum(np.linalg.norm(data_, axis=1, keepdims=True), 1e-9)
    rows_ = np.arange(n)
    folds = assign_folds(rows_, families, 5, 0)
    dataset = Dataset(
        rows_, observed, single, counts, folds, rows_, data_.astype(np.float16), prompts=prompts
    )
    truth: dict[str, list[Truth]] = {}
    alone = np.array([record.get("n_people", "1") == "1" for record in records])
    for column, name, words in TRUTH:
        if column in records[0] and name in vocabulary.names:
            truth.setdefault(name, []).append(
                truth_of(vocabulary.attribute(name), [record[column] for record in records], words, alone)
            )
    styles = np.array([each["file_name"].split("/")[1] for each in meta])
    return Bench(vocabulary, dataset, truth, styles, LabelSettings())


def embedded(
    files: Sequence[Path], vocabulary: Vocabulary
) -> tuple[npt.NDArray[np.float32], dict[str, dict[str, npt.NDArray[np.float32]]]]:
    """Return the vectors of pictures and of the vocabulary's prompts, as the embed stage makes them by default."""
    from embed.encoders import Batch, load_encoder
    from index.images.decode import decode

    encoder = load_encoder(Settings())
    parts = []
    for start in range(0, len(files), 64):
        pictures = [encoder.prepare(decode(file.read_bytes()).image) for file in files[start : start + 64]]
        parts.append(encoder.encode(Batch(np.stack(pictures))).astype(np.float32))
    prompts: dict[str, dict[str, npt.NDArray[np.float32]]] = {}
    for attribute in vocabulary.attributes:
        for value in attribute.values:
            vector = encoder.encode_texts(list(value.prompts)).mean(axis=0)
            prompts.setdefault(attribute.name, {})[value.name] = vector / np.linalg.norm(vector)
    return np.concatenate(parts), prompts


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
          probabilities: npt.NDArray[np.float64], accepted: npt.NDArray[np.bool_]) -> dict[str, Any]:  # fmt: skip
    """Compare accepted values of rows with the truth of one attribute; returns counts and (probability, hit) pairs."""
    kind = bench.vocabulary.attribute(name).kind
    covered = np.zeros(len(rows), bool)
    known_any = np.zeros(len(rows), bool)
    probability: list[npt.NDArray[np.float64]] = []
    hit: list[npt.NDArray[np.bool_]] = []
    taken: list[npt.NDArray[np.bool_]] = []
    for truth in bench.truth[name]:
        known = truth.known[rows]
        positive = known & truth.right[rows].any(axis=1)
        if "none" in truth.values:
            positive &= ~truth.right[rows, truth.values.index("none")]
        known_any |= positive
        if kind == "single-label":
            best = probabilities.argmax(axis=1)
            right = np.zeros(len(rows), bool)
            for at, value in enumerate(values):
                if value in truth.values:
                    right |= (best == at) & truth.right[rows, truth.values.index(value)]
            spoken = known & (probabilities.max(axis=1) > 0)
            probability.append(probabilities.max(axis=1)[spoken])
            hit.append(right[spoken])
            taken.append(accepted.any(axis=1)[spoken])
            covered |= accepted.any(axis=1) & known & positive
        else:
            for at, value in enumerate(values):
                if value in truth.values:
                    right = truth.right[rows, truth.values.index(value)]
                    # The many values that nobody would give are right to be near zero and say nothing.
                    spoken = known & ((probabilities[:, at] >= 0.1) | accepted[:, at])
                    probability.append(probabilities[spoken, at])
                    hit.append(right[spoken])
                    taken.append(accepted[spoken, at])
                    covered |= accepted[:, at] & known & positive
    p = np.concatenate(probability) if probability else np.empty(0)
    h = np.concatenate(hit) if hit else np.empty(0, bool)
    t = np.concatenate(taken) if taken else np.empty(0, bool)
    return {
        "items": int(known_any.sum()),
        "accepted": int(t.sum()),
        "right": int((t & h).sum()),
        "precision": float(h[t].mean()) if t.any() else None,
        "coverage": float(covered.sum() / max(known_any.sum(), 1)),
        "ece_accepted": expected_calibration_error(p[t], h[t].astype(float)) if t.any() else None,
        "ece_all": expected_calibration_error(p, h.astype(float)),
        "_p": p,
        "_h": h,
        "_t": t,
    }


def asked_rows(bench: Bench, name: str, only: npt.NDArray[np.bool_] | None = None) -> npt.NDArray[np.int64]:
    """Rows that the figures are of: single characters with a known truth whose tags do not say the attribute."""
    dataset = bench.dataset
    known = np.zeros(len(dataset), bool)
    for truth in bench.truth[name]:
        known |= truth.known
    pick = known & (dataset.observed[name].counts(dataset.rows) == 0) & dataset.single
    return np.flatnonzero(pick if only is None else pick & only)


def summary(found: dict[str, dict[float, dict[str, Any]]], least: int = 50) -> dict[str, Any]:
    """Return the means over attributes with at least ``least`` items, as the goals are worded."""
    out: dict[str, Any] = {}
    for asked in ASKED:
        rows = [each[asked] for each in found.values() if each[asked]["items"] >= least]
        given = [row for row in rows if row["accepted"]]
        big = [row["precision"] for row in given if row["accepted"] >= 200]
        if not rows:
            continue
        p = np.concatenate([row["_p"] for row in rows])
        h = np.concatenate([row["_h"] for row in rows])
        t = np.concatenate([row["_t"] for row in rows])
        out[f"{asked}"] = {
            "precision": float(np.mean([row["precision"] for row in given])) if given else None,
            "precision_pooled": float(h[t].mean()) if t.any() else None,
            "worst_of_200": min(big, default=None),
            "coverage": float(np.mean([row["coverage"] for row in rows])),
            "ece_accepted": expected_calibration_error(p[t], h[t].astype(float)) if t.any() else None,
            "ece_all": expected_calibration_error(p, h.astype(float)),
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
    """Return the bench with all observed labels of one art style taken away."""
    held = bench.styles == style
    old = bench.dataset
    observed = {}
    for name, labels in old.observed.items():
        rows, codes, sources = labels.triples()
        kept = ~held[rows]
        observed[name] = copied(labels, rows[kept], codes[kept], sources[kept])
        observed[name].contested = {row: said for row, said in labels.contested.items() if not held[row]}
    counts = np.where(held, 0, old.tag_counts).astype(np.int32)
    dataset = Dataset(old.rows, observed, old.single, counts, old.folds, old.vector_rows, old.vectors)
    return replace(bench, dataset=dataset)


def copied(
    labels: ObservedLabels,
    rows: npt.NDArray[np.int64],
    codes: npt.NDArray[np.int64],
    sources: npt.NDArray[np.int8],
) -> ObservedLabels:
    """Return labels of the same attribute and value codes with other entries."""
    made = ObservedLabels(labels.attribute, list(labels.values), dict(labels.codes))
    made.contested = dict(labels.contested)
    made.rows.extend(rows.tolist())
    made.value_codes.extend(codes.tolist())
    made.source_codes.extend(sources.tolist())
    return made


def plain(found: dict[str, Any]) -> dict[str, Any]:
    """Return the figures without the arrays, for JSON."""
    return {
        name: {
            str(asked): {k: v for k, v in row.items() if not k.startswith("_")} for asked, row in each.items()
        }
        for name, each in found.items()
    }
