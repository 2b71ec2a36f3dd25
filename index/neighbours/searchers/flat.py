"""Exact neighbours by FAISS's flat index: the independent second opinion, on the CPU or on its GPU build."""

from __future__ import annotations

import numpy as np

from index.neighbours.searchers.base import Data, Positions, Searcher, Similarity, order, pad
from index.stages.progress import Bar

QUERY_ROWS = 4096
ADD_ROWS = 65_536


class FlatSearcher(Searcher):
    """faiss.IndexFlat with inner product over float16 codes (n x d x 2 bytes)."""

    def join(self, queries: Data, data: Data, k: int, bar: Bar | None = None) -> tuple[Positions, Similarity]:
        """See Searcher.join."""
        import faiss

        width = min(k, len(data))
        index = faiss.IndexFlatIP(data.shape[1])
        for start in range(0, len(data), ADD_ROWS):
            index.add(data[start : start + ADD_ROWS].astype(np.float32))
        if faiss.get_num_gpus() > 0 and k <= 2048:
            index = faiss.index_cpu_to_all_gpus(index)
        positions = np.empty((len(queries), width), dtype=np.int64)
        similarity = np.empty((len(queries), width), dtype=np.float32)
        for start in range(0, len(queries), QUERY_ROWS):
            stop = min(len(queries), start + QUERY_ROWS)
            similarity[start:stop], positions[start:stop] = index.search(
                queries[start:stop].astype(np.float32), width
            )
            if bar is not None:
                bar.add(stop - start)
        return pad(*order(positions, similarity), k)
