"""Measures the review page's server side on a synthetic store: pages, filters, decisions, memory.

    python -m benchmarks.bench_review [--items 1000000] [--store DIR] [--json OUT]

The store has thumbnails of some 4 KB, labels of every attribute, duplicate groups and a graph of ten
neighbours; a million items take some 5 GB of disk and are built once, the measurement runs in a process of its own. The
clock covers what a page does on the server: rows, labels, groups, thumbnails and the gallery's data; not the browser,
and not the first opening of the store, which is told apart. Processor time stands beside it: on a busy machine the
clock also counts the others.
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing
import os
import platform
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from index.store import Store
from index.store.runs import Runs
from schema import tables
from schema.settings import Settings
from schema.vocabulary import Vocabulary, load_vocabulary

KEY = "synthetic_0"
BATCH = 50_000
NEIGHBOURS = 10
PAGE = 60
TAIL = 3000
"""Bytes added to each drawn thumbnail of some 1 KB: together they are as large as real ones."""


def build(folder: Path, count: int, seed: int = 0) -> None:
    """Write a synthetic store of ``count`` items; nothing is done when it is there."""
    marker = folder / "synthetic.json"
    if marker.exists():
        return
    rng = np.random.default_rng(seed)
    vocabulary = load_vocabulary()
    with Store.open(folder, create=True, write=True) as store:
        pictures = _pictures(rng)
        store.append("items", _items(count, rng), tables.ITEMS)
        store.append("thumbnails", _thumbnails(count, pictures), tables.THUMBNAILS)
        schema = tables.neighbours(NEIGHBOURS)
        store.append(f"neighbours_{KEY}", _graph(count, schema, rng), schema)
        schema = tables.labels([(a.name, a.kind) for a in vocabulary.attributes])
        store.replace("labels", _labels(count, vocabulary, schema, rng), schema)
        store.replace("groups", _groups(count, rng), tables.GROUPS)
        with Runs(store).start("embed", {}) as run:
            run.facts["key"] = KEY
        for stage in ("dedupe", "label"):
            with Runs(store).start(stage, {}) as run:
                run.counts["items"] = count
        _index(store, vocabulary)
    marker.write_text(json.dumps({"items": count}))


def _index(store: Store, vocabulary: Vocabulary) -> None:
    """Filters of the page are pushed down to scalar indexes where the store makes them."""
    for attribute in vocabulary.attributes:
        if not attribute.multi_label:
            store.index_column("labels", attribute.name, "BITMAP")


def _ids(start: int, stop: int) -> list[str]:
    return [f"{n:032x}" for n in range(start, stop)]


def _spans(count: int) -> Iterator[tuple[int, int]]:
    for start in range(0, count, BATCH):
        yield start, min(count, start + BATCH)


def _pictures(rng: np.random.Generator) -> list[bytes]:
    made = []
    for _ in range(512):
        coarse = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)).resize(
            (224, 224), Image.Resampling.BICUBIC
        )
        buffer = io.BytesIO()
        coarse.save(buffer, "WEBP", quality=70)
        made.append(buffer.getvalue())
    return made


def _items(count: int, rng: np.random.Generator) -> Iterator[pa.RecordBatch]:
    words = ["blonde_hair", "black_hair", "red_hair", "blue_eyes", "smile", "1girl", "solo", "hat"]
    for start, stop in _spans(count):
        n = stop - start
        pick = rng.integers(0, len(words), (n, 3))
        columns: dict[str, Any] = {
            name: pa.nulls(n, tables.ITEMS.field(name).type) for name in tables.ITEMS.names
        }
        columns.update(
            row=np.arange(start, stop),
            item_id=_ids(start, stop),
            source=np.zeros(n, np.int32),
            ordinal=np.arange(start, stop),
            keys=[[f"{r}.png"] for r in range(start, stop)],
            width=rng.integers(256, 2048, n).astype(np.int32),
            height=rng.integers(256, 2048, n).astype(np.int32),
            tags=[[words[a], words[b], words[c]] for a, b, c in pick],
            status=["ok"] * n,
            commit=np.zeros(n, np.int64),
        )
        yield _batch(columns, tables.ITEMS)


def _batch(columns: dict[str, Any], schema: pa.Schema) -> pa.RecordBatch:
    arrays = [c if isinstance(c := columns[f.name], pa.Array) else pa.array(c, f.type) for f in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _thumbnails(count: int, pictures: list[bytes]) -> Iterator[pa.RecordBatch]:
    for start, stop in _spans(count):
        # A tail that no two share: equal pictures would lie in the table only once.
        tails = np.random.default_rng(start).bytes(TAIL * (stop - start))
        columns = {
            "row": np.arange(start, stop),
            "thumbnail": [
                pictures[r % len(pictures)] + tails[TAIL * (r - start) : TAIL * (r - start + 1)]
                for r in range(start, stop)
            ],
            "commit": np.zeros(stop - start, np.int64),
        }
        yield _batch(columns, tables.THUMBNAILS)


def _graph(count: int, schema: pa.Schema, rng: np.random.Generator) -> Iterator[pa.RecordBatch]:
    for start, stop in _spans(count):
        n = stop - start
        near = np.arange(start, stop)[:, None] + rng.integers(1, 400, (n, NEIGHBOURS))
        similarity = -np.sort(-rng.uniform(0.5, 1, (n, NEIGHBOURS)).astype(np.float32), axis=1)
        yield pa.record_batch(
            [
                pa.array(np.arange(start, stop)),
                pa.FixedSizeListArray.from_arrays(
                    pa.array((near % count).astype(np.int32).ravel()), NEIGHBOURS
                ),
                pa.FixedSizeListArray.from_arrays(pa.array(similarity.ravel()), NEIGHBOURS),
            ],
            schema=schema,
        )


def _labels(
    count: int, vocabulary: Vocabulary, schema: pa.Schema, rng: np.random.Generator
) -> Iterator[pa.RecordBatch]:
    for start, stop in _spans(count):
        n = stop - start
        columns: dict[str, Any] = {f.name: pa.nulls(n, f.type) for f in schema}
        columns.update(row=np.arange(start, stop), item_id=_ids(start, stop), ambiguous=rng.random(n) < 0.03)
        for attribute in vocabulary.attributes:
            names = pa.array([v.name for v in attribute.values])
            code = np.minimum(rng.exponential(len(names) / 5, n).astype(int), len(names) - 1)
            known = rng.random(n) < 0.6
            values = names.take(pa.array(code, mask=~known))
            if attribute.multi_label:
                values = pa.array([None if v is None else [v] for v in values.to_pylist()])
            columns[attribute.name] = values
            columns[f"{attribute.name}_confidence"] = pa.array(
                rng.uniform(0.5, 1, n).astype(np.float32), mask=~known
            )
            source = np.where(rng.random(n) < 0.5, "tag", "model")
            columns[f"{attribute.name}_source"] = pa.array(source, pa.string(), mask=~known)
            columns[f"{attribute.name}_support"] = pa.array(
                rng.integers(0, 32, n).astype(np.int32), mask=~known
            )
        yield _batch(columns, schema)


def _groups(count: int, rng: np.random.Generator) -> Iterator[pa.RecordBatch]:
    lead = rng.random(count) < 0.08
    lead[-3:] = False
    first = np.flatnonzero(lead)
    first = first[np.diff(first, prepend=-10) > 3]
    rows = (first[:, None] + np.arange(3)).ravel()
    for at in range(0, len(rows), 3 * BATCH):
        part = rows[at : at + 3 * BATCH]
        keep = np.arange(len(part)) % 3 == 0
        columns: dict[str, Any] = {f.name: pa.nulls(len(part), f.type) for f in tables.GROUPS}
        columns |= {
            "row": part,
            "item_id": [f"{r:032x}" for r in part.tolist()],
            "group_id": [f"{r - n % 3:032x}" for n, r in enumerate(part.tolist())],
            "verdict": np.where(keep, "kept", "same artwork").tolist(),
            "similarity": np.full(len(part), 0.99, np.float32),
            "keep": keep,
            "reason": ["synthetic"] * len(part),
        }
        yield _batch(columns, tables.GROUPS)


def measure(folder: Path, seed: int = 1) -> dict[str, Any]:
    """Return times in milliseconds and the resident memory."""
    from ui.review import actions, queues
    from ui.review.duplicates import groups
    from ui.review.search import filter_expression
    from ui.review.tiles import gallery_data
    from ui.review.workspace import Workspace

    rng = random.Random(seed)
    result: dict[str, Any] = {}
    with Store.open(folder) as store:
        workspace = Workspace(store, Settings())
        hair = workspace.attribute("hair_color")

        def draw(rows: Any, after: int) -> None:
            page = workspace.page(rows, after, PAGE)
            items = workspace.items(page, [hair.name])
            pictures = workspace.thumbnails(page)
            gallery_data(
                items, lambda row: str(len(pictures.get(row, b""))), hair, frequent=workspace.frequent(hair),
                page="p", as_of=0, readonly=False, can_undo=False,
            )  # fmt: skip

        result["first page"] = timed(lambda: draw(workspace.rows(), -1), 1)
        rows = workspace.rows()
        result["page of 60"] = timed(lambda: draw(rows, rng.randrange(len(rows))), 200)
        one = [a for a in workspace.attributes if not a.multi_label and len(a.values) > 2]

        def change() -> None:
            picked = rng.sample(one, 2)
            chosen = {a.name: [rng.choice(a.values).name for _ in range(2)] for a in picked}
            where = filter_expression(
                workspace, chosen, expert=f"width >= {rng.randrange(256, 1500)}" if rng.random() < 0.3 else ""
            )
            draw(workspace.rows(where), -1)

        result["filter change"] = timed(change, 40)
        result["queue, first time"] = timed(lambda: queues.queue(workspace, "Lowest confidence", hair), 1)
        result["queue, again"] = timed(lambda: queues.queue(workspace, "Lowest confidence", hair), 20)
        result["clusters, first time"] = timed(lambda: groups.stored_groups(workspace), 1)

        result["overview, first time"] = timed(lambda: overview(workspace), 1)
        result["overview, again"] = timed(lambda: overview(workspace), 10)
        result["queue 'telling', first time"] = timed(
            lambda: queues.queue(workspace, "Unlabelled, most useful first", hair), 1
        )
        picked = iter([workspace.items([rng.randrange(len(rows))], [hair.name]) for _ in range(100)])

        def decide() -> None:
            actions.write(
                workspace, actions.label_decisions(next(picked), hair, "set", "red"), "bench", None, ""
            )

        result["decision on disk"] = timed(decide, 100)
        result["page after decisions"] = timed(lambda: draw(rows, rng.randrange(len(rows))), 20)
    result["resident MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return result


def overview(workspace: Any) -> None:
    """Count what the Overview page shows."""
    from ui.review import figures

    for part in (figures.counts, figures.attribute_table, figures.source_shares, figures.group_sizes):
        part(workspace)


def timed(what: Callable[[], Any], times: int) -> list[tuple[float, float]]:
    """Return milliseconds of the clock and of the processor of each call."""
    made = []
    for _ in range(times):
        begun, worked = time.perf_counter(), time.process_time()
        what()
        made.append((1000 * (time.perf_counter() - begun), 1000 * (time.process_time() - worked)))
    return made


def main() -> None:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--store")
    parser.add_argument("--json")
    given = parser.parse_args()
    folder = Path(given.store or Path(tempfile.gettempdir()) / f"likeness-review-{given.items}")
    begun = time.perf_counter()
    # A process of its own: what building needs is not what the page needs.
    builder = multiprocessing.get_context("spawn").Process(target=build, args=(folder, given.items))
    builder.start()
    builder.join()
    if builder.exitcode:
        sys.exit("the store could not be built")
    print(f"store of {given.items:,} items: {time.perf_counter() - begun:.0f} s to build")
    found = measure(folder)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    print(f"machine: {machine}")
    print(f"{'what':28} {'p50 ms':>9} {'p95 ms':>9} {'processor p95':>14} {'calls':>6}")
    table = {}
    for name, value in found.items():
        if isinstance(value, list):
            clock, processor = np.array(value).T
            p50, p95 = np.percentile(clock, [50, 95])
            worked = np.percentile(processor, 95)
            table[name] = {
                "p50_ms": round(float(p50), 1),
                "p95_ms": round(float(p95), 1),
                "processor_p95_ms": round(float(worked), 1),
                "calls": len(value),
            }
            print(f"{name:28} {p50:9.1f} {p95:9.1f} {worked:14.1f} {len(value):6}")
    print(f"resident memory at most {found['resident MiB']:.0f} MiB")
    if given.json:
        record = {
            "items": given.items,
            "machine": machine,
            "times": table,
            "resident_mib": found["resident MiB"],
        }
        Path(given.json).write_text(json.dumps(record, indent=2))


if __name__ == "__main__":
    main()
