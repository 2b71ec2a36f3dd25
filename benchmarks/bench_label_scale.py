"""Times labelling of all attributes on synthetic vectors with planted labels, at growing sizes, and its memory.

    python -m benchmarks.bench_label_scale --items 250000,500000,1000000 --dim 512 [--json OUT]

The clock covers learning and labelling every item for every attribute and building the label table's columns; it does
not cover reading the store. Both wall time and processor time are given: on a shared machine they differ.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from label.data.dataset import Dataset, LabelInputs
from label.data.load import FOLDS
from label.data.task import assign_folds
from label.learn.fit_all import fit_all
from label.observed.labels import SOURCES, ObservedLabels
from label.predict.writer import LabelWriter
from label.stage import fit_options
from schema.settings import LabelSettings
from schema.vocabulary import load_vocabulary

SHARE = 0.3


def dataset_of(n: int, dim: int, seed: int = 0) -> tuple[Dataset, dict[str, npt.NDArray[np.int64]]]:
    """Return n items whose first values of every attribute sit in planted directions, three in ten stated."""
    rng = np.random.default_rng(seed)
    vocabulary = load_vocabulary(None)
    planted = {
        each.name: rng.integers(0, min(len(each.values), 10), n).astype(np.int64)
        for each in vocabulary.attributes
    }
    places = {name: rng.standard_normal((10, dim)).astype(np.float32) for name in planted}
    vectors = np.empty((n, dim), np.float16)
    for start in range(0, n, 1 << 15):
        stop = min(start + (1 << 15), n)
        x = rng.standard_normal((stop - start, dim)).astype(np.float32)
        for name, codes in planted.items():
            x += places[name][codes[start:stop]] * 0.7
        vectors[start:stop] = x / np.linalg.norm(x, axis=1, keepdims=True)
    observed = {}
    tagged = rng.random(n) < 0.6
    for each in vocabulary.attributes:
        entry = ObservedLabels(each)
        names = [value.name for value in each.values][:10]
        for name in names:
            entry.code(name)
        rows = np.flatnonzero(tagged & (rng.random(n) < SHARE / 0.6))
        if each.name == "subjects":
            planted[each.name][:] = names.index("one")
        entry.rows.frombytes(rows.astype(np.int64).tobytes())
        entry.value_codes.frombytes(planted[each.name][rows].astype(np.int32).tobytes())
        entry.source_codes.frombytes(np.full(len(rows), SOURCES.index("tag"), np.int8).tobytes())
        observed[each.name] = entry
    rows = np.arange(n)
    tags = np.where(tagged, 12, 0).astype(np.int32)
    folds = assign_folds(rows, np.full(n, -1, np.int64), FOLDS, 0)
    return Dataset(rows, observed, np.ones(n, bool), tags, folds, rows, vectors), planted


def measure(n: int, dim: int) -> dict[str, Any]:
    """Return seconds, memory and how right the accepted values are, at one size."""
    vocabulary = load_vocabulary(None)
    dataset, planted = dataset_of(n, dim)
    settings = LabelSettings()
    wall, cpu = time.monotonic(), time.process_time()
    models, _ = fit_all(vocabulary.attributes, dataset, settings, fit_options(settings))
    taught = time.monotonic() - wall, time.process_time() - cpu
    cells = np.full((n, len(vocabulary.attributes)), -1, np.int16)
    writer = LabelWriter(vocabulary, LabelInputs(dataset, [""] * n), models, settings, cells)
    right = total = 0
    names = [value.name for value in vocabulary.attribute("hair_color").values]
    for batch in writer.batches(lambda _: None):
        few = batch.slice(0, 2000)
        rows = few.column(0).to_numpy()
        column = few.column(few.schema.get_field_index("hair_color")).to_pylist()
        source = few.column(few.schema.get_field_index("hair_color_source")).to_pylist()
        for row, value, word in zip(rows.tolist(), column, source, strict=True):
            if value and word == "model":
                total += 1
                right += value == names[planted["hair_color"][row]]
    return {
        "items": n,
        "dim": dim,
        "attributes": len(vocabulary.attributes),
        "learn_wall_s": taught[0],
        "learn_cpu_s": taught[1],
        "wall_s": time.monotonic() - wall,
        "cpu_s": time.process_time() - cpu,
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "precision_hair_color": right / max(total, 1),
        "predicted_hair_color": total,
    }


def main() -> None:
    """Measure each size in turn and print a line for each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--items", default="250000,1000000")
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows = []
    for n in [int(part) for part in given.items.split(",")]:
        rows.append(measure(n, given.dim))
        print(
            json.dumps({k: round(v, 3) if isinstance(v, float) else v for k, v in rows[-1].items()}),
            flush=True,
        )
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
