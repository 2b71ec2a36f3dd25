"""Gates and selection of a large collection: seconds, processor seconds and peak memory of each, in its own process.

    python -m benchmarks.bench_select --items 1000000,5000000 --store DIR [--out OUT]

Ten gates over items, labels, groups, tags and two measures, some of which lack values; quotas over 1,000 classes of
very different sizes, floors and caps; splits without leaks. The clock covers the two stages as a user runs them, from
the open store to the finished tables; making the synthetic store is not in it. Each is then run again, which should do
nothing.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.report import write
from index.store import Store
from schema import tables
from schema.sections.curation import GateSettings, SelectSettings
from schema.settings import Settings

CLASSES = 1000
PART = 250_000
SCORE = (pa.field("score_value", pa.float32()), pa.field("score_clean", pa.float32()))
FRAME = (pa.field("frame_border", pa.float32()), pa.field("frame_sharpness", pa.float32()))
TAGS = [f"tag_{number}" for number in range(400)] + ["comic", "watermark", "text_focus"]
GATES = (
    ("small", "width < 256 or height < 256", "drop", "pass"),
    ("long", "width > 4000", "drop", "drop"),
    ("comic", "has(tags, 'comic') or has(tags, 'text_focus')", "drop", "pass"),
    ("explicit", "source_rating = 'e'", "drop", "pass"),
    ("framed", "frame_border > 0.9", "drop", "pass"),
    ("blurred", "frame_sharpness < 20", "drop", "pass"),
    ("dull", "score_value < 0.05", "drop", "review"),
    ("white hair", "hair_color = 'white' and hair_color_confidence > 0.9", "flag", "pass"),
    ("watermark", "has(tags, 'watermark') and score_clean < 0.5", "review", "pass"),
    ("unknown artist", "artists is null and source_score < 2", "drop", "pass"),
)


def settings_of(top: int) -> Settings:
    """Return ten gates and a selection with quotas over the characters."""
    gates = tuple(
        GateSettings.model_validate({"name": name, "where": where, "action": action, "unknown": unknown})
        for name, where, action, unknown in GATES
    )
    select = SelectSettings(
        rank="0.6 * percentile(score_value) + 0.4 * known(percentile(frame_sharpness), 0.5)",
        by="characters", budget="proportional", top=top, floor=20, cap=top // 100,
    )  # fmt: skip
    return Settings(gate=gates, select=select)


def fill(store: Store, n: int) -> None:
    """Write n items with labels, groups and two measures, the same for the same n."""
    for name, schema, batches in (
        ("items", tables.ITEMS, _items(n)),
        ("labels", tables.labels([("hair_color", "one")]), _labels(n)),
        ("groups", tables.GROUPS, _groups(n)),
        ("measures_frame", tables.measures(FRAME, "frame"), _measure(n, FRAME, 0.98, 3)),
        ("measures_score", tables.measures(SCORE, "score"), _measure(n, SCORE, 0.9, 4)),
    ):
        store.replace(name, batches, schema)


def _ids(rng: np.random.Generator, count: int) -> pa.Array:
    letters = np.frombuffer(rng.bytes(count * 16).hex().encode(), np.uint8)
    offsets = np.arange(count + 1, dtype=np.int32) * 32
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(letters))


def _texts(names: list[str], codes: Any, missing: Any = None) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32), mask=missing), names).cast(
        pa.string()
    )


def _lists(names: list[str], codes: Any, counts: Any) -> pa.Array:
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))
    return pa.ListArray.from_arrays(offsets, _texts(names, codes))


def _batch(schema: pa.Schema, count: int, values: dict[str, pa.Array]) -> pa.RecordBatch:
    arrays = [
        values[field.name].cast(field.type) if field.name in values else pa.nulls(count, field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _parts(n: int, seed: int) -> Iterator[tuple[np.random.Generator, Any, pa.Array]]:
    for first in range(0, n, PART):
        rows = np.arange(first, min(first + PART, n))
        yield np.random.default_rng((seed, first)), rows, _ids(np.random.default_rng((0, first)), len(rows))


def _items(n: int) -> Iterator[pa.RecordBatch]:
    characters = [f"character_{number:04}" for number in range(CLASSES)]
    for rng, rows, ids in _parts(n, 1):
        count = len(rows)
        tags = rng.integers(3, 9, count)
        own = rng.integers(0, 2, count)
        zero = pa.array(np.zeros(count, np.int64))
        yield _batch(
            tables.ITEMS,
            count,
            {
                "row": pa.array(rows), "item_id": ids, "source": zero, "ordinal": pa.array(rows), "commit": zero,
                "uri": _texts(["/pictures/a.png"], np.zeros(count)), "status": _texts(["ok"], np.zeros(count)),
                "width": pa.array(rng.integers(200, 4100, count)), "height": pa.array(rng.integers(200, 4100, count)),
                "tags": _lists(TAGS, rng.integers(0, len(TAGS), int(tags.sum())), tags),
                "text": _texts(["a girl with a hat", "a man in a coat"], rng.integers(0, 2, count)),
                "source_rating": _texts(list("ggggggsssqe"), rng.integers(0, 11, count), rng.random(count) < 0.3),
                "source_score": pa.array(rng.integers(0, 200, count)),
                "artists": _lists(["somebody", "another"], rng.integers(0, 2, int(own.sum())), own),
                "characters": _lists(
                    characters, np.minimum(rng.zipf(1.3, int(own.sum())), CLASSES) - 1, own
                ),
            },
        )  # fmt: skip


def _labels(n: int) -> Iterator[pa.RecordBatch]:
    schema = tables.labels([("hair_color", "one")])
    for rng, rows, ids in _parts(n, 2):
        count = len(rows)
        yield _batch(
            schema,
            count,
            {
                "row": pa.array(rows), "item_id": ids, "ambiguous": pa.array(rng.random(count) < 0.05),
                "hair_color": _texts(["black", "blonde", "white"], rng.integers(0, 3, count), rng.random(count) < 0.4),
                "hair_color_confidence": pa.array(rng.random(count)),
            },
        )  # fmt: skip


def _groups(n: int) -> Iterator[pa.RecordBatch]:
    """Yield a fifth of the items in groups of two to four, versions of which are kept, too."""
    rng = np.random.default_rng(5)
    rows = np.flatnonzero(rng.random(n) < 0.2)
    sizes = rng.integers(2, 5, len(rows) // 2 + 1)
    group = np.repeat(np.arange(len(sizes)), sizes)[: len(rows)]
    first = np.r_[True, group[1:] != group[:-1]]
    version = ~first & (rng.random(len(rows)) < 0.3)
    for start in range(0, len(rows), PART):
        part = slice(start, start + PART)
        count = len(rows[part])
        names = pa.array(group[part]).cast(pa.string())
        verdict = np.where(first, 0, np.where(version, 1, 2))[part]
        yield _batch(
            tables.GROUPS,
            count,
            {
                "row": pa.array(rows[part]), "item_id": names, "group_id": names, "family": names,
                "verdict": _texts(["kept", "variant", "same artwork"], verdict),
                "keep": pa.array((first | version)[part]), "reason": _texts(["r"], np.zeros(count)),
            },
        )  # fmt: skip


def _measure(n: int, columns: tuple[pa.Field, ...], share: float, seed: int) -> Iterator[pa.RecordBatch]:
    schema = tables.measures(columns, "bench")
    for rng, rows, ids in _parts(n, seed):
        kept = rng.random(len(rows)) < share
        scale = 200 if columns is FRAME else 1
        values = {
            field.name: pa.array(rng.random(int(kept.sum())) * (1 if place == 0 else scale))
            for place, field in enumerate(columns)
        }
        found = {"row": pa.array(rows[kept]), "item_id": ids.filter(pa.array(kept)), **values}
        yield _batch(schema, int(kept.sum()), found)


def peak_gib() -> float:
    """Return the most memory that this program had; what getrusage says includes that of the program that began it."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 2**20
    return float("nan")


def run_one(stage: str, folder: Path, top: int) -> dict[str, Any]:
    """Run one stage in this process; return its figures."""
    from ui.flow import run_stage

    with Store.open(folder, write=True) as store:
        wall, cpu = time.monotonic(), time.process_time()
        done = run_stage(stage, store, settings_of(top))
        wall, cpu = time.monotonic() - wall, time.process_time() - cpu
        again = time.monotonic()
        skipped = run_stage(stage, store, settings_of(top)).skipped
        again = time.monotonic() - again
        n = store.n_items()
    return {
        "items": n, "stage": stage, "wall_s": wall, "cpu_s": cpu,
        "peak_gib": peak_gib(),
        "again_s": again, "skipped": skipped,
        "counts": ", ".join(f"{name} {value}" for name, value in done.counts.items()),
    }  # fmt: skip


def main() -> None:
    """Fill a store of each size, run the stages in processes of their own, write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--items", default="1000000")
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--out", default="build/bench/select")
    parser.add_argument("--stage", help="run this stage alone, in this process")
    given = parser.parse_args()
    sizes = [int(part) for part in given.items.split(",")]
    if given.stage:
        print(json.dumps(run_one(given.stage, given.store, sizes[0] // 5)))
        return
    rows = []
    for n in sizes:
        shutil.rmtree(given.store, ignore_errors=True)
        with Store.open(given.store, create=True, write=True) as store:
            fill(store, n)
        for stage in ("gates", "select"):
            command = [sys.executable, "-m", "benchmarks.bench_select", "--items", str(n)]
            command += ["--store", str(given.store), "--stage", stage]
            found = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            rows.append(json.loads(found.splitlines()[-1]))
    write(given.out, "gates and selection", rows, classes=CLASSES, gates=len(GATES))


if __name__ == "__main__":
    main()
