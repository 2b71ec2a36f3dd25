"""The kNN graph: computed once, extended for new items, with its recall measured against exact search.

It serves votes, duplicate groups, tag noise and the similar images of the review page.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from index.neighbours.search import build_search_index, sample_truth
from index.neighbours.searchers import Searcher, load_searcher
from index.neighbours.searchers.base import Data, Positions, Similarity, drop_self, order, similarity_recall
from index.neighbours.searchers.exact import ExactSearcher
from index.stages.progress import progress
from index.store import Store
from index.store.arrays import Graph
from index.store.runs import Run, Runs
from schema import tables
from schema.arrays import Ints
from schema.records import Summary
from schema.settings import IndexSettings, Settings

WRITE_ROWS = 65_536

# Extending costs exact products of the new with all, both ways; past these shares a full build is no dearer. An
# approximate one looks at about a hundredth of all pairs.
EXTEND_SHARE = 0.25
EXTEND_SHARE_APPROXIMATE = 0.01


def run_index(store: Store, settings: Settings) -> Summary:
    """Build or extend the kNN graph and the search index of the current vectors.

    Does nothing where no item has a vector; raises StoreError when none were ever asked for.
    """
    key = store.encoder_key()
    table, source = f"neighbours_{key}", f"vectors_{key}"
    options = settings.index
    record = options.model_dump()
    runs = Runs(store)
    if runs.up_to_date("index", record, [source]):
        return Summary("index", skipped=True)
    if not store.count(source):
        return Summary("index", warnings=("no item has a vector: there is nothing to find neighbours of",))
    with runs.start("index", record, [source]) as run:
        vectors = store.vectors(key)
        n = len(vectors.rows)
        searcher = choose_searcher(n, options)
        share = EXTEND_SHARE_APPROXIMATE if searcher.approximate else EXTEND_SHARE
        old = _reusable(store, table, vectors.rows, options, share)
        with progress(n, "index", "vector") as bar:
            if old is not None and len(old.rows) == n:
                positions, similarity = _positions(old, vectors.rows), old.similarity
            elif old is not None:
                positions, similarity = _extend(old, vectors.rows, vectors.data, options)
                bar.add(n)
            else:
                positions, similarity = searcher.graph(vectors.data, options.k, bar)
        added = n - len(old.rows) if old is not None else n
        if added or old is None:
            schema = tables.neighbours(options.k)
            store.replace(table, _batches(vectors.rows, positions, similarity, schema), schema)
        run.outputs.append(table)
        run.counts.update(vectors=n, added=added)
        run.facts.update(searcher.facts, key=key, searcher=_name(searcher), k=options.k)
        run.facts["recall"] = _measure(vectors.data, similarity, options, searcher.approximate)
        run.facts["full_lists"] = int((positions[:, -1] >= 0).sum())
        truth = sample_truth(vectors, options)
        # 5 M x 512 and their neighbours are 7 GB, which the search index may need.
        del positions, similarity, old, vectors
        build_search_index(store, key, truth, options, run)
        return _summary(run)


def choose_searcher(n: int, options: IndexSettings) -> Searcher:
    """Return the searcher that the settings name; ``auto`` is exact on a GPU or for few items, else FAISS."""
    if options.searcher != "auto":
        return load_searcher(options.searcher, options)
    import torch

    exact = torch.cuda.is_available() or n <= options.exact_below
    return load_searcher("exact" if exact else "faiss", options)


def _name(searcher: Searcher) -> str:
    return type(searcher).__name__.removesuffix("Searcher").lower()


def _reusable(store: Store, table: str, rows: Ints, options: IndexSettings, share: float) -> Graph | None:
    """Return the stored graph when the items it covers still lead the vectors and its settings still hold.

    None, too, when the new items are more than ``share`` of the old ones.
    """
    if not store.has(table):
        return None
    last = Runs(store).last("index")
    if last is None or last["settings"] != options.model_dump(mode="json"):
        return None
    if store.schema(table).field("ids").type.list_size != options.k:
        return None
    old_rows = store.rows(table)
    count = len(old_rows)
    if not count or count > len(rows) or not np.array_equal(old_rows, rows[:count]):
        return None
    if len(rows) - count > share * count:
        return None
    return store.graph(table.removeprefix("neighbours_"))


def _extend(old: Graph, rows: Ints, data: Data, options: IndexSettings) -> tuple[Positions, Similarity]:
    """Give the new items their lists, and old lists the new items that are closer than what they hold.

    The same graph as an exact build over all items, when the old part was exact.
    """
    exact = ExactSearcher(options)
    count, k = len(old.rows), options.k
    new_positions, new_similarity = drop_self(*exact.join(data[count:], data, k + 1), first=count)
    closer, closer_similarity = exact.join(data[:count], data[count:], min(k, len(rows) - count))
    closer = np.where(closer >= 0, closer + count, -1)
    positions = np.concatenate([_positions(old, rows), closer], axis=1)
    similarity = np.concatenate([old.similarity, closer_similarity], axis=1)
    positions, similarity = order(positions, similarity)
    return (
        np.concatenate([positions[:, :k], new_positions]),
        np.concatenate([similarity[:, :k], new_similarity]),
    )


def _positions(graph: Graph, rows: Ints) -> Positions:
    found: Positions = np.where(graph.ids >= 0, np.searchsorted(rows, graph.ids), -1)
    return found


def _batches(
    rows: Ints, positions: Positions, similarity: Similarity, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    k = positions.shape[1]
    for start in range(0, len(rows), WRITE_ROWS):
        stop = min(len(rows), start + WRITE_ROWS)
        part = positions[start:stop]
        ids = np.where(part >= 0, rows[np.maximum(part, 0)], -1).astype(np.int32)
        values = np.ascontiguousarray(similarity[start:stop], dtype=np.float32)
        yield pa.record_batch(
            [
                pa.array(rows[start:stop]),
                pa.FixedSizeListArray.from_arrays(pa.array(ids.ravel()), k),
                pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), k),
            ],
            schema=schema,
        )


def _measure(data: Data, similarity: Similarity, options: IndexSettings, approximate: bool) -> float:
    """Return the recall of the graph on a sample; exact graphs are measured too, it keeps them honest."""
    rng = np.random.default_rng(options.seed + 3)
    size = min(len(data), options.recall_sample if approximate else 100)
    sample = np.sort(rng.choice(len(data), size, replace=False))
    positions, exact = ExactSearcher(options, "cpu").join(data[sample], data, options.k + 1)
    own = positions == sample[:, None]
    own[~own.any(axis=1), -1] = True
    return round(similarity_recall(similarity[sample], exact[~own].reshape(size, options.k)), 4)


def _summary(run: Run) -> Summary:
    notes = [f"recall {run.facts['recall']:.3f} against exact search ({run.facts['searcher']})"]
    if "search_recall" in run.facts:
        notes.append(f"search index {run.facts['search_index']}: recall@10 {run.facts['search_recall']:.3f}")
    counts = {**run.counts, "recall": run.facts["recall"]}
    return Summary("index", counts, tuple(notes), seconds=run.seconds)
