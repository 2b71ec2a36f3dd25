"""Exported labels against a table of what the pictures show: precision and coverage per attribute and source.

    likeness run --store S --source CHARACTERS --source BOORU
    likeness export OUT --store S --all
    python -m benchmarks.bench_truth OUT CHARACTERS/truth.csv [BOORU/truth.csv ...]

Truth files have a file_name (found in the items' keys) and a column per attribute, empty where nobody knows. Only
pictures of one character are scored. A value is right when the truth names it or something it is a kind of.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from benchmarks.characters import TRUTH, truth_of
from schema.vocabulary import load_vocabulary


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("export", type=Path, help="folder of `likeness export --all`")
    parser.add_argument("truth", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=Path("build/bench_truth.json"))
    options = parser.parse_args()
    rows = [
        row for file in sorted(options.export.glob("*.parquet")) for row in pq.read_table(file).to_pylist()
    ]
    measured = measure(rows, [record for path in options.truth for record in read(path)])
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    print(table(measured))


def read(path: Path) -> list[dict[str, str]]:
    """Return the records of a truth file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def matched(
    rows: Sequence[Mapping[str, Any]], records: Iterable[dict[str, str]]
) -> list[tuple[Mapping[str, Any], dict[str, str]]]:
    """Pair exported rows with the records of pictures of one character, by file name; one record a row."""
    by_key: dict[str, int] = {}
    for at, row in enumerate(rows):
        for key in row["keys"]:
            by_key[key] = at
            by_key[Path(key).stem] = at
    found: dict[int, dict[str, str]] = {}
    for record in records:
        name = record["file_name"]
        at = by_key.get(name, by_key.get(str(Path(name).with_suffix("")), by_key.get(Path(name).stem, -1)))
        if at >= 0 and record.get("n_people", "1") == "1":
            found.setdefault(at, record)
    return [(rows[at], record) for at, record in found.items()]


def measure(rows: Sequence[Mapping[str, Any]], records: Sequence[dict[str, str]]) -> dict[str, Any]:
    """Return per attribute how many labels of each source are right, and the share of known items with a label."""
    vocabulary = load_vocabulary()
    pairs = matched(rows, records)
    result: dict[str, Any] = {"rows": len(rows), "with truth, one character": len(pairs), "attributes": {}}
    scores: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for column, name, words in TRUTH:
        if name not in vocabulary.names or column not in pairs[0][1]:
            continue
        attribute = vocabulary.attribute(name)
        said = [record.get(column) or "" for _, record in pairs]
        truth = truth_of(attribute, said, words, np.ones(len(said), dtype=bool))
        for at in np.flatnonzero(truth.known).tolist():
            row, right = pairs[at][0], {truth.values[v] for v in np.flatnonzero(truth.right[at])}
            given = row[name]
            values = [] if given is None else given if isinstance(given, list) else [given]
            scores[name]["known"]["items"] += 1
            # Of an attribute of many values, those that another column of the truth speaks of are not judged here.
            judged = [v for v in values if not attribute.multi_label or v in truth.values]
            scores[name]["known"]["labelled"] += bool(judged)
            if judged:
                tally = scores[name][str(row[f"{name}_source"])]
                tally["accepted"] += len(judged)
                tally["right"] += sum(1 for v in judged if v in right)
    for name, sources in sorted(scores.items()):
        known = sources.pop("known")
        result["attributes"][name] = {
            "items": known["items"],
            "coverage": round(known["labelled"] / known["items"], 4),
            "sources": {
                source: {**tally, "precision": round(tally["right"] / tally["accepted"], 4)}
                for source, tally in sorted(sources.items())
            },
        }
    return result


def table(measured: Mapping[str, Any]) -> str:
    """The figures as Markdown."""
    lines = [
        f"{measured['with truth, one character']} of {measured['rows']} exported items have a truth and one character",
        "",
        "| attribute | items | coverage | source | accepted | right | precision |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in measured["attributes"].items():
        for source, tally in row["sources"].items():
            counts = f"{source} | {tally['accepted']} | {tally['right']} | {tally['precision']:.3f}"
            lines.append(f"| {name} | {row['items']} | {row['coverage']:.3f} | {counts} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
