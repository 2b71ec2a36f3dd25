"""The kNN graph: exact against faiss.IndexFlatIP, approximate against exact, rounds taking turns in one process.

    python -m benchmarks.bench_graph --items 100000 --dim 512 --out build/graph

The clock covers the search from float16 vectors in memory to sorted lists; adding to an index and training count.
With --share below 1 FAISS and the exact search answer a share of the queries and are scaled to all of them; the table
says so. The exact graph takes each product once for both sides, which a share of the queries cannot: its scaled time is
halved, and that is a little less than the whole graph would take.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.report import write
from benchmarks.synthetic import Collection
from index.neighbours.searchers.base import similarity_recall
from index.neighbours.searchers.exact import ExactSearcher
from index.neighbours.searchers.partition import PartitionSearcher
from schema.settings import IndexSettings


def main() -> None:
    """Run the rounds and write the results."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("-k", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--share", type=float, default=1.0, help="share of the queries that FAISS answers")
    parser.add_argument("--contestants", default="faiss,exact,approximate")
    parser.add_argument("--out", default="build/bench_graph")
    chosen = parser.parse_args()
    collection = Collection(chosen.items, chosen.dim)
    data = np.concatenate([collection.vectors(plan) for plan in collection.chunks()])
    part = data[:: max(1, round(1 / chosen.share))]
    settings = IndexSettings(k=chosen.k)
    approximate = PartitionSearcher(settings)
    exact = ExactSearcher(settings, "cpu")
    share = len(part) / len(data)
    contestants: dict[str, tuple[float, Callable[[], Any]]] = {
        "faiss": (share, lambda: _faiss(part, data, chosen.k + 1)),
        "exact": (1.0, lambda: exact.graph(data, chosen.k))
        if share == 1
        else (2 * share, lambda: exact.join(part, data, chosen.k + 1)),
        "approximate": (1.0, lambda: approximate.graph(data, chosen.k)),
    }
    asked = chosen.contestants.split(",")
    seconds: dict[str, list[float]] = {name: [] for name in asked}
    processor: dict[str, list[float]] = {name: [] for name in asked}
    found: dict[str, Any] = {}
    for _ in range(chosen.rounds):
        for name in asked:
            share, run = contestants[name]
            started, worked = time.monotonic(), time.process_time()
            result = run()
            seconds[name].append((time.monotonic() - started) / share)
            processor[name].append((time.process_time() - worked) / share)
            if len(result[1]) == len(data):
                found[name] = result[1]
    truth = _sampled_truth(data, chosen.k)
    rows = []
    for name in asked:
        recall = similarity_recall(found[name][truth[0]], truth[1]) if name in found else 1.0
        rows.append(
            {
                "graph": {"faiss": "faiss.IndexFlatIP"}.get(name, name),
                "seconds": round(statistics.median(seconds[name]), 1),
                "cpu_seconds": round(statistics.median(processor[name]), 1),
                "scaled by": round(1 / contestants[name][0], 2),
                "recall": round(recall, 4),
                f"times {asked[0]}": round(
                    statistics.median(seconds[asked[0]]) / statistics.median(seconds[name]), 2
                ),
            }
        )
    title = f"kNN graph of {chosen.items:,} x {chosen.dim}, k {chosen.k}"
    write(chosen.out, title, rows, rounds=chosen.rounds, **approximate.facts)


def _faiss(queries: npt.NDArray[np.float16], data: npt.NDArray[np.float16], k: int) -> tuple[None, list[Any]]:
    """Answer the queries; what is found is not kept, it is the yardstick of time alone."""
    import faiss

    index = faiss.IndexFlatIP(data.shape[1])
    for start in range(0, len(data), 65_536):
        index.add(data[start : start + 65_536].astype(np.float32))
    for start in range(0, len(queries), 4096):
        index.search(queries[start : start + 4096].astype(np.float32), k)
    return None, []


def _sampled_truth(data: npt.NDArray[np.float16], k: int) -> tuple[npt.NDArray[np.int64], Any]:
    """Return positions of a sample and the similarities of their true neighbours, by plain float32 products."""
    rng = np.random.default_rng(1)
    sample = np.sort(rng.choice(len(data), min(len(data), 500), replace=False))
    queries = data[sample].astype(np.float32)
    best = np.full((len(sample), k), -2, dtype=np.float32)
    for start in range(0, len(data), 65_536):
        scores = queries @ data[start : start + 65_536].astype(np.float32).T
        inside = (sample >= start) & (sample < start + scores.shape[1])
        scores[np.flatnonzero(inside), sample[inside] - start] = -2
        both = np.concatenate([best, scores], axis=1)
        best = -np.partition(-both, k - 1, axis=1)[:, :k]
    return sample, -np.sort(-best, axis=1)


if __name__ == "__main__":
    main()
