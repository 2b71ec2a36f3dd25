"""Interactive search: latency and recall@10 of ``index.search`` on a store of synthetic vectors, filtered and not.

    python -m benchmarks.bench_query --store DIR --out build/query     (a store that bench_flow --store DIR left)
    python -m benchmarks.bench_query --items 100000 --out build/query

The clock covers one call of ``search``: from a vector to rows and similarities. Queries are vectors of the store
turned a little, so that no query is an item; the truth is an exact scan.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.report import write
from benchmarks.synthetic import KEY, Collection
from index.filters import matching_rows
from index.neighbours.graph import run_index
from index.neighbours.search import search
from index.store import Store
from schema.settings import load_settings

FILTERS = ("", "width = 384", "row < 1000")


def main() -> None:
    """Ask the queries and write the results."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--store", default="")
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--out", default="build/bench_query")
    parser.add_argument("--set", action="append", default=[], help="section.key=value, as for likeness")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-query-") as temporary:
        uri = chosen.store or str(Path(temporary) / "store")
        with Store.open(uri, create=not chosen.store, write=True) as store:
            if not chosen.store:
                Collection(chosen.items, chosen.dim).fill(store)
                run_index(store, load_settings(None, ["index.search_index=IVF_RQ", *chosen.set]))
            rows = [measure(store, where, chosen.queries) for where in FILTERS]
            write(chosen.out, f"Search in {store.count(f'vectors_{KEY}'):,} vectors", rows)


def measure(store: Store, where: str, count: int) -> dict[str, object]:
    """Return latency and recall of one kind of query."""
    rng = np.random.default_rng(9)
    rows = store.rows(f"vectors_{KEY}")
    picked = np.sort(rng.choice(rows, min(count, len(rows)), replace=False))
    column = store.take(f"vectors_{KEY}", picked, ["vector"]).column(0).combine_chunks()
    queries = column.flatten().to_numpy().reshape(len(picked), -1).astype(np.float32)
    turned = rng.standard_normal(queries.shape, dtype=np.float32)
    queries += 0.1 * turned / np.linalg.norm(turned, axis=1, keepdims=True)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    allowed = matching_rows(store, where) if where else None
    truth = np.full((len(queries), 10), -2, dtype=np.float32)
    for batch in store.scan(f"vectors_{KEY}", ["row", "vector"]):
        data = batch.column(1).flatten().to_numpy().reshape(batch.num_rows, -1)
        if allowed is not None:
            data = data[np.isin(batch.column(0).to_numpy(), allowed)]
        both = np.concatenate([truth, queries @ data.astype(np.float32).T], axis=1)
        truth = -np.partition(-both, 9, axis=1)[:, :10]
    seconds, hits = [], 0
    search(store, KEY, queries[0], 10, where or None)
    for query, exact in zip(queries, truth, strict=True):
        started = time.perf_counter()
        _, similarity = search(store, KEY, query, 10, where or None)
        seconds.append(time.perf_counter() - started)
        hits += int((similarity >= exact.min() - 1e-3).sum())
    milliseconds = np.array(seconds) * 1000
    return {
        "filter": where or "none",
        "queries": len(queries),
        "p50 ms": round(float(np.percentile(milliseconds, 50)), 1),
        "p95 ms": round(float(np.percentile(milliseconds, 95)), 1),
        "recall@10": round(hits / (10 * len(queries)), 4),
    }


if __name__ == "__main__":
    main()
