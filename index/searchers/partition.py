"""Approximate neighbours for the CPU: FAISS k-means splits the space, lists are joined with the lists around them.

All queries of a list share its probes, so the work is large matrix products instead of one scan per query, and
similarities are exact for every pair that is looked at. The number of probes is raised until a sample reaches
the recall.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from index.progress import Bar
from index.searchers.base import Data, Positions, Searcher, Similarity, order, similarity_recall
from index.searchers.exact import ExactSearcher
from index.searchers.tiles import device_of, to_tensor, top_k

# k-means needs some 40 points a centroid to place it; more only costs time.
TRAIN_PER_LIST = 48
# Rows of one product: 2048 x 65536 scores are 512 MB at most, whatever the skew of the lists.
QUERY_ROWS = 2048
CANDIDATES = 32_768


class PartitionSearcher(Searcher):
    """Joins each cell of a k-means partition with its nearest cells."""

    approximate = True

    def join(self, queries: Data, data: Data, k: int, bar: Bar | None = None) -> tuple[Positions, Similarity]:
        """See Searcher.join."""
        n = len(data)
        lists = max(1, int(2 ** np.round(np.log2(max(1.0, np.sqrt(n) * 2)))))
        if n < 4 * TRAIN_PER_LIST or lists < 8:
            return ExactSearcher(self.settings, "cpu").join(queries, data, k, bar)
        centroids = self._train(data, lists)
        of_data = _assign(data, centroids)
        of_queries = of_data if queries is data else _assign(queries, centroids)
        by_list = np.argsort(of_data, kind="stable")
        bounds = np.searchsorted(of_data[by_list], np.arange(lists + 1))
        sorted_data = data[by_list]
        near = np.argsort(-(centroids @ centroids.T), axis=1, kind="stable").astype(np.int32)
        near = _self_first(near)
        probes = self._tune(queries, data, of_queries, sorted_data, bounds, near, k)
        self.facts.update(lists=lists, probes=probes)
        positions = np.full((len(queries), k), -1, dtype=np.int64)
        similarity = np.full((len(queries), k), -1.0, dtype=np.float32)
        query_order = by_list if queries is data else np.argsort(of_queries, kind="stable")
        query_bounds = (
            bounds if queries is data else np.searchsorted(of_queries[query_order], np.arange(lists + 1))
        )
        with torch.inference_mode():
            for cell in range(lists):
                mine = query_order[query_bounds[cell] : query_bounds[cell + 1]]
                for start in range(0, len(mine), QUERY_ROWS):
                    part = mine[start : start + QUERY_ROWS]
                    found, values = _join_cell(queries[part], sorted_data, bounds, near[cell, :probes], k)
                    width = found.shape[1]
                    at = np.where(found >= 0, by_list[np.maximum(found, 0)], -1)
                    positions[part, :width], similarity[part, :width] = order(at, values)
                    if bar is not None:
                        bar.add(len(part))
        return positions, similarity

    def _train(self, data: Data, lists: int) -> npt.NDArray[np.float32]:
        import faiss

        rng = np.random.default_rng(self.settings.seed)
        sample = np.sort(rng.choice(len(data), min(len(data), lists * TRAIN_PER_LIST), replace=False))
        if self.settings.threads:
            faiss.omp_set_num_threads(self.settings.threads)
        kmeans = faiss.Kmeans(
            data.shape[1],
            lists,
            niter=8,
            spherical=True,
            seed=self.settings.seed + 1,
            min_points_per_centroid=1,
            gpu=faiss.get_num_gpus() > 0,
        )
        kmeans.train(data[sample].astype(np.float32))
        return np.asarray(kmeans.centroids, dtype=np.float32)

    def _tune(
        self,
        queries: Data,
        data: Data,
        of_queries: npt.NDArray[np.int32],
        sorted_data: Data,
        bounds: npt.NDArray[np.int64],
        near: npt.NDArray[np.int32],
        k: int,
    ) -> int:
        """Return the number of probes at which a sample of queries reaches the asked recall."""
        rng = np.random.default_rng(self.settings.seed + 2)
        size = min(len(queries), max(100, self.settings.recall_sample // 2))
        sample = np.sort(rng.choice(len(queries), size, replace=False))
        _, exact = ExactSearcher(self.settings, "cpu").join(queries[sample], data, k)
        target = self.settings.recall + (1 - self.settings.recall) * 0.15
        probes = 2
        while probes < near.shape[1]:
            found = np.full((size, k), -1.0, dtype=np.float32)
            for index, query in enumerate(sample):
                cells = near[of_queries[query], :probes]
                _, values = _join_cell(queries[query : query + 1], sorted_data, bounds, cells, k)
                found[index, : values.shape[1]] = -np.sort(-values, axis=1)
            recall = similarity_recall(found, exact)
            self.facts["tuned_recall"] = round(recall, 4)
            if recall >= target:
                return probes
            probes = int(np.ceil(probes * 1.5))
        return int(near.shape[1])


def _self_first(near: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Put each cell at the head of its own row, also where two centroids coincide."""
    own = np.arange(len(near), dtype=near.dtype)
    rest = near[near != own[:, None]].reshape(len(near), -1)
    return np.concatenate([own[:, None], rest], axis=1)


def _assign(data: Data, centroids: npt.NDArray[np.float32], step: int = 65_536) -> npt.NDArray[np.int32]:
    device = device_of("auto")
    table = torch.from_numpy(centroids).to(device)
    out = np.empty(len(data), dtype=np.int32)
    with torch.inference_mode():
        for start in range(0, len(data), step):
            scores = to_tensor(data[start : start + step], device, torch.float32) @ table.T
            out[start : start + step] = scores.argmax(dim=1).cpu().numpy()
    return out


def _join_cell(
    queries: Data, sorted_data: Data, bounds: npt.NDArray[np.int64], cells: npt.NDArray[np.int32], k: int
) -> tuple[Positions, Similarity]:
    """Return the k best of the vectors in ``cells`` as positions in ``sorted_data``; [m, <= k] each."""
    device = device_of("auto")
    left = to_tensor(queries, device, torch.float32)
    spans: list[npt.NDArray[np.int64]] = []
    best_values: list[torch.Tensor] = []
    best_columns: list[npt.NDArray[np.int64]] = []
    waiting = 0

    def flush() -> None:
        nonlocal waiting
        where = np.concatenate(spans)
        values, columns = top_k(left @ to_tensor(sorted_data[where], device, torch.float32).T, k)
        best_values.append(values)
        best_columns.append(where[columns.cpu().numpy()])
        spans.clear()
        waiting = 0

    for cell in cells:
        for start in range(int(bounds[cell]), int(bounds[cell + 1]), CANDIDATES):
            stop = min(int(bounds[cell + 1]), start + CANDIDATES)
            spans.append(np.arange(start, stop))
            waiting += stop - start
            if waiting >= CANDIDATES:
                flush()
    if waiting:
        flush()
    if not best_values:
        return np.full((len(queries), k), -1), np.full((len(queries), k), -1.0, dtype=np.float32)
    values, columns = torch.cat(best_values, 1), np.concatenate(best_columns, 1)
    if values.shape[1] > k:
        values, at = torch.topk(values, k, dim=1, sorted=False)
        columns = np.take_along_axis(columns, at.cpu().numpy(), 1)
    return columns, values.cpu().numpy()
