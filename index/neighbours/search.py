"""Interactive search: the LanceDB index over the vectors, tuned until recall@10 holds, filters on labels and items.

LanceDB's default IVF_PQ finds 16 % of the true ten (measured by others at 100 K x 384), so nothing is left at defaults.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from index.filters import matching_rows, passing
from index.neighbours.searchers.base import similarity_recall
from index.neighbours.searchers.exact import ExactSearcher
from index.store import Store
from index.store.arrays import Vectors
from index.store.runs import Run, Runs
from schema.arrays import Floats32, Ints
from schema.settings import IndexSettings

# With a filter, so many times the items wanted are asked for and looked at, and so many times more when too few pass.
# Where more than MOST_ASKED would have to be asked for, exact similarities to all items that it lets pass answer,
# EXACT_ROWS at a time.
FIRST_ASKED, FURTHER = 16, 4
MOST_ASKED = 2000
EXACT_ROWS = 20_000

TUNE_QUERIES = 200
# Asked beyond the target, as a share of what is left to 1: the sample has an error of its own.
MARGIN = 0.2
SETTINGS = ((16, 10), (32, 10), (32, 30), (64, 30), (96, 50), (128, 50), (192, 50), (256, 50), (512, 100))
# More of either hardly moves the recall.
TRAIN = {"max_iterations": 8, "sample_rate": 48}


@dataclass(frozen=True, slots=True)
class Truth:
    """What tuning asks: some stored vectors float32 [m, d], their rows, and the similarities of their true ten nearest.

    The vector itself is none of its ten: real queries are no stored items.
    """

    size: int
    rows: Ints
    queries: Floats32
    exact: Floats32


def sample_truth(vectors: Vectors, options: IndexSettings) -> Truth:
    """Return the queries that tune the search index, answered by exact search."""
    data = vectors.data
    rng = np.random.default_rng(options.seed + 5)
    sample = np.sort(rng.choice(len(data), min(len(data), TUNE_QUERIES), replace=False))
    positions, exact = ExactSearcher(options, "cpu").join(data[sample], data, 11)
    own = positions == sample[:, None]
    own[~own.any(axis=1), -1] = True
    return Truth(
        len(data), vectors.rows[sample], data[sample].astype(np.float32), exact[~own].reshape(len(sample), -1)
    )


def index_kind(size: int, options: IndexSettings) -> str:
    """Return the kind of search index for this many vectors: the one that is named, 'none' below the threshold.

    ``auto`` is RaBitQ: product quantisation of 100 000 x 512 float16 took minutes to train, this takes seconds, and
    both are refined with the stored vectors.
    """
    if size < 1000:
        return "none"
    if options.search_index != "auto":
        return options.search_index
    return "IVF_RQ" if size > options.search_index_above else "none"


def build_search_index(store: Store, key: str, truth: Truth, options: IndexSettings, run: Run) -> None:
    """Make or refresh the vector index and find the probes and refinement that reach the asked recall@10."""
    kind = index_kind(truth.size, options)
    if kind == "none":
        run.facts["search_index"] = "none"
        return
    table = store.table(f"vectors_{key}")
    run.touched.append(f"vectors_{key}")
    last = (Runs(store).last("index") or {}).get("facts", {})
    indexed = [index for index in table.list_indices() if "vector" in index.columns]
    if indexed and last.get("search_index") == kind and last.get("key") == key:
        table.optimize()
    else:
        table.create_index("vector", config=_config(kind, truth.size, truth.queries.shape[1]), replace=True)
    target = options.recall + (1 - options.recall) * MARGIN
    setting: dict[str, int] = {}
    recall = 0.0
    for nprobes, refine in SETTINGS:
        setting = {"nprobes": nprobes, "refine_factor": refine}
        recall = _recall(table, truth, setting)
        if recall >= target:
            break
    run.facts.update(search_index=kind, search_setting=setting, search_recall=round(recall, 4))


def _recall(table: Any, truth: Truth, setting: dict[str, int]) -> float:
    width = truth.exact.shape[1]
    found = np.full(truth.exact.shape, -1.0, dtype=np.float32)
    for index, (row, query) in enumerate(zip(truth.rows, truth.queries, strict=True)):
        got = _ask(table, query, width + 1, setting)
        similarity = 1.0 - got.column("_distance").to_numpy()[got.column("row").to_numpy() != row][:width]
        found[index, : len(similarity)] = similarity
    return similarity_recall(found, truth.exact)


def _config(kind: str, n: int, dim: int) -> Any:
    from lancedb import index

    # Few: finding the partition of every vector is what the making costs (some 1.4 GMAC/s a core), and scanning more
    # codes is cheap (1 M of them 17 ms).
    partitions = int(max(1, min(n // 256, 2 ** round(np.log2(max(1.0, np.sqrt(n) / 16))))))
    common = {"distance_type": "cosine", "num_partitions": partitions, **TRAIN}
    if kind == "IVF_PQ":
        codes = next((dim // width for width in (4, 8, 2) if dim % width == 0), dim)
        return index.IvfPq(num_sub_vectors=codes, **common)
    if kind == "IVF_FLAT":
        return index.IvfFlat(**common)
    if kind == "IVF_RQ":
        return index.IvfRq(**common)
    return index.HnswSq(distance_type="cosine", num_partitions=max(1, n // 1_000_000))


def _ask(table: Any, vector: Floats32, n: int, setting: dict[str, int]) -> pa.Table:
    query = (
        table.search(vector, vector_column_name="vector")
        .distance_type("cosine")
        .select(["row", "_distance"])
        .limit(n)
    )
    if setting:
        query = query.nprobes(setting["nprobes"]).refine_factor(setting["refine_factor"])
    found: pa.Table = query.to_arrow()
    return found


def search(
    store: Store, key: str, vector: Floats32, n: int = 10, where: str | None = None
) -> tuple[Ints, Floats32]:
    """Return the rows and similarities of the n items closest to a vector float32 [d], closest first.

    ``where`` filters on columns of items, labels and groups; raises FilterError when it is not valid.
    """
    table = store.table(f"vectors_{key}")
    facts = (Runs(store).last("index") or {}).get("facts", {})
    setting = dict(facts.get("search_setting", {})) if facts.get("key") == key else {}
    total = store.count(f"vectors_{key}")
    if where is None:
        return _indexed(table, vector, min(n, total), setting)
    most = max(MOST_ASKED, 4 * n)
    wanted = min(FIRST_ASKED * n, most)
    while wanted <= most:
        # As many are fetched and scored as for a plain search, but at least four times the list.
        few = setting and setting | {"refine_factor": max(4, setting["refine_factor"] * n // wanted)}
        rows, similarity = _indexed(table, vector, min(wanted, total), few)
        inside = passing(store, where, rows)
        if inside.sum() >= n or wanted >= total:
            return rows[inside][:n], similarity[inside][:n]
        # So many nearest items hold n that pass, give or take; twice as many are asked for.
        wanted = max(FURTHER * wanted, 2 * n * len(rows) // (1 + int(inside.sum())))
    allowed = matching_rows(store, where)
    return _exact(store, key, vector, n, allowed)


def _indexed(table: Any, vector: Floats32, count: int, setting: dict[str, int]) -> tuple[Ints, Floats32]:
    found = _ask(table, vector, max(1, count), setting)
    rows = found.column("row").to_numpy().astype(np.int64)
    return rows[:count], (1.0 - found.column("_distance").to_numpy()).astype(np.float32)[:count]


def _exact(store: Store, key: str, vector: Floats32, n: int, rows: Ints) -> tuple[Ints, Floats32]:
    """Score just these rows, in parts, so that memory does not follow their number."""
    unit = vector / max(float(np.linalg.norm(vector)), 1e-12)
    best_rows, best = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
    for start in range(0, len(rows), EXACT_ROWS):
        got = store.take(
            f"vectors_{key}", rows[start : start + EXACT_ROWS], ["row", "vector"]
        ).combine_chunks()
        if not got.num_rows:
            continue
        data = got.column("vector").combine_chunks().flatten().to_numpy().reshape(got.num_rows, -1)
        scores = data.astype(np.float32) @ unit
        best_rows = np.concatenate([best_rows, got.column("row").to_numpy()])
        best = np.concatenate([best, scores])
        top = np.lexsort((best_rows, -best))[:n]
        best_rows, best = best_rows[top], best[top]
    return best_rows, best
