"""Interactive search: the LanceDB index over the vectors, tuned until recall@10 holds, filters on labels and items.

LanceDB's default IVF_PQ finds 16 % of the true ten (measured by others at 100 K x 384), so nothing is left at defaults.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from index.filters import matching_rows
from index.runs import Run, Runs
from index.searchers.base import Data, similarity_recall
from index.searchers.exact import ExactSearcher
from index.store import Store
from schema.settings import IndexSettings

# Up to this many matching items a filter is answered by exact similarities to just those.
EXACT_ROWS = 20_000

TUNE_QUERIES = 100


def build_search_index(store: Store, key: str, data: Data, options: IndexSettings, run: Run) -> None:
    """Make or refresh the vector index and find the probes and refinement that reach the asked recall@10."""
    kind = options.search_index
    if kind == "auto":
        kind = "IVF_PQ" if len(data) > options.search_index_above else "none"
    if kind == "none" or len(data) < 1000:
        run.facts["search_index"] = "none"
        return
    table = store.table(f"vectors_{key}")
    run.touched.append(f"vectors_{key}")
    last = (Runs(store).last("index") or {}).get("facts", {})
    indexed = [index for index in table.list_indices() if "vector" in index.columns]
    if indexed and last.get("search_index") == kind and last.get("key") == key:
        table.optimize()
    else:
        table.create_index("vector", config=_config(kind, *data.shape), replace=True)
    rng = np.random.default_rng(options.seed + 5)
    sample = np.sort(rng.choice(len(data), min(len(data), TUNE_QUERIES), replace=False))
    queries = data[sample].astype(np.float32)
    _, exact = ExactSearcher(options, "cpu").join(data[sample], data, 10)
    setting: dict[str, int] = {}
    recall = 0.0
    for nprobes, refine in ((16, 10), (32, 10), (32, 30), (64, 30), (128, 50), (256, 50), (512, 100)):
        setting = {"nprobes": nprobes, "refine_factor": refine}
        found = np.full(exact.shape, -1.0, dtype=np.float32)
        for index, query in enumerate(queries):
            got = _ask(table, query, 10, setting).column("_distance").to_numpy()
            found[index, : len(got)] = 1.0 - got
        recall = similarity_recall(found, exact)
        if recall >= options.recall:
            break
    run.facts.update(search_index=kind, search_setting=setting, search_recall=round(recall, 4))


def _config(kind: str, n: int, dim: int) -> Any:
    from lancedb import index

    partitions = int(max(1, min(n // 256, 2 ** round(np.log2(max(1.0, np.sqrt(n)))))))
    codes = next((dim // width for width in (4, 8, 2) if dim % width == 0), dim)
    if kind == "IVF_PQ":
        return index.IvfPq(distance_type="cosine", num_partitions=partitions, num_sub_vectors=codes)
    if kind == "IVF_FLAT":
        return index.IvfFlat(distance_type="cosine", num_partitions=partitions)
    if kind == "IVF_RQ":
        return index.IvfRq(distance_type="cosine", num_partitions=partitions)
    return index.HnswSq(distance_type="cosine", num_partitions=max(1, n // 1_000_000))


def _ask(table: Any, vector: npt.NDArray[np.float32], n: int, setting: dict[str, int]) -> pa.Table:
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
    store: Store, key: str, vector: npt.NDArray[np.float32], n: int = 10, where: str | None = None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return the rows and similarities of the n items closest to a vector float32 [d], closest first.

    ``where`` filters on columns of items, labels and groups; raises FilterError when it is not valid.
    """
    table = store.table(f"vectors_{key}")
    facts = (Runs(store).last("index") or {}).get("facts", {})
    setting = dict(facts.get("search_setting", {})) if facts.get("key") == key else {}
    allowed = matching_rows(store, where) if where else None
    if allowed is not None and len(allowed) <= EXACT_ROWS:
        return _exact(store, key, vector, n, allowed)
    total = store.count(f"vectors_{key}")
    wanted = n
    while True:
        asked = min(wanted, total)
        found = _ask(table, vector, max(1, asked), setting)
        rows = found.column("row").to_numpy().astype(np.int64)
        similarity = (1.0 - found.column("_distance").to_numpy()).astype(np.float32)
        if allowed is not None:
            inside = np.isin(rows, allowed, assume_unique=True)
            rows, similarity = rows[inside], similarity[inside]
        if len(rows) >= n or asked >= total:
            return rows[:n], similarity[:n]
        if wanted > 200 * n and allowed is not None:
            return _exact(store, key, vector, n, allowed)
        wanted *= 8


def _exact(
    store: Store, key: str, vector: npt.NDArray[np.float32], n: int, rows: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
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
