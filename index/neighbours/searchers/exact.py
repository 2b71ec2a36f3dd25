"""Exact neighbours by tiled matrix products: bf16 with an fp32 re-rank on a GPU, fp32 on a CPU.

2 n^2 d operations for a join: 5 M x 768 is 49 s of bf16 arithmetic on an H200. On a CPU the graph takes half of them,
since one product of two blocks serves the lists of both.
"""

from __future__ import annotations

import numpy as np
import torch

from index.neighbours.searchers.base import Data, Positions, Searcher, Similarity, order, pad
from index.neighbours.searchers.lists import Lists, columns_of, values_of
from index.neighbours.searchers.tiles import (
    NONE,
    block_names,
    device_of,
    merge_top_k,
    product,
    to_tensor,
    top_k,
)
from index.stages.progress import Bar
from schema.arrays import Ints32

# One tile of scores (2048 x 2048 x 4 bytes = 16 MB) stays in the last-level cache of a CPU; on a GPU it is large
# enough that the product runs at full rate and launches do not show.
CPU_TILE = 2048
GPU_TILE = (8192, 131_072)

# bf16 keeps 8 bits: true neighbours can fall a little below the k-th, so twice as many are re-ranked in fp32.
RERANK = 2
OUT_ROWS = 65_536


class ExactSearcher(Searcher):
    """Compares every query with every vector."""

    def __init__(self, settings: object, device: str = "auto") -> None:
        super().__init__(settings)  # type: ignore[arg-type]
        self.device = device_of(device)
        if self.settings.threads and self.device.type == "cpu":
            torch.set_num_threads(self.settings.threads)

    def join(self, queries: Data, data: Data, k: int, bar: Bar | None = None) -> tuple[Positions, Similarity]:
        """See Searcher.join."""
        if self.device.type == "cuda":
            return self._join_on_gpu(queries, data, k, bar)
        width = min(k, len(data))
        lists = Lists(len(queries), max(1, width))
        with torch.inference_mode():
            # Sixteen tiles of queries at a time, so that the conversion of the data does not show.
            step = CPU_TILE * 16
            for start in range(0, len(queries), step):
                block = _rows(queries, start, start + step)
                for left in range(0, len(data), CPU_TILE):
                    tile, names = _tile(data, left)
                    for at in range(0, len(block), CPU_TILE):
                        scores = product(block[at : at + CPU_TILE], tile)
                        if names[-1] < 0:
                            scores[:, names < 0] = NONE
                        rows = np.arange(start + at, start + at + len(scores))
                        lists.offer(scores, rows, names)
                if bar is not None:
                    bar.add(len(block))
        return pad(*_arrays(lists, width), k)

    def graph(self, data: Data, k: int, bar: Bar | None = None) -> tuple[Positions, Similarity]:
        """See Searcher.graph."""
        n = len(data)
        if self.device.type == "cuda" or n < 2:
            return super().graph(data, k, bar)
        width = min(k, n - 1)
        lists = Lists(n, width)
        with torch.inference_mode():
            for first in range(0, n, CPU_TILE):
                block, names = _tile(data, first)
                mine = np.arange(first, min(n, first + CPU_TILE))
                for second in range(first, n, CPU_TILE):
                    tile, others = (block, names) if second == first else _tile(data, second)
                    scores = product(block, tile)
                    if others[-1] < 0:
                        scores[:, others < 0] = NONE
                    if second == first:
                        scores.fill_diagonal_(NONE)
                    lists.offer(scores[: len(mine)], mine, others)
                    if second != first:
                        theirs = np.arange(second, min(n, second + CPU_TILE))
                        lists.offer(scores[:, : len(theirs)], theirs, names, turned=True)
                if bar is not None:
                    bar.add(len(mine))
        return pad(*_arrays(lists, width), k)

    def _join_on_gpu(
        self, queries: Data, data: Data, k: int, bar: Bar | None
    ) -> tuple[Positions, Similarity]:
        """All vectors stay on the device (5 M x 768 x 2 bytes = 7.7 GB); queries come in blocks."""
        n, m = len(data), len(queries)
        width = min(k, n)
        rows, columns = GPU_TILE
        keep = min(n, width * RERANK)
        positions = np.empty((m, width), dtype=np.int64)
        similarity = np.empty((m, width), dtype=np.float32)
        with torch.inference_mode():
            resident = to_tensor(data, self.device, torch.bfloat16)
            for start in range(0, m, rows):
                block = to_tensor(queries[start : start + rows], self.device, torch.bfloat16)
                values, found = top_k(block @ resident[:columns].T, keep)
                for left in range(columns, n, columns):
                    more, at = top_k(block @ resident[left : left + columns].T, keep)
                    values, found = merge_top_k(values, found, more, at + left, keep)
                stop = start + len(block)
                values, found = self._rerank(queries[start:stop], data, found, width)
                positions[start:stop] = found.numpy()
                similarity[start:stop] = values.numpy()
                if bar is not None:
                    bar.add(stop - start)
        return pad(*order(positions, similarity), k)

    def _rerank(
        self, queries: Data, data: Data, found: torch.Tensor, k: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Score candidates again from the stored float16 with fp32 sums, and keep the k best."""
        wanted = found.cpu().numpy()
        values = np.empty(wanted.shape, dtype=np.float32)
        for start in range(0, len(wanted), 1024):
            stop = start + 1024
            left = torch.from_numpy(queries[start:stop].astype(np.float32)).to(self.device)
            right = torch.from_numpy(data[wanted[start:stop]]).to(self.device).float()
            values[start:stop] = torch.bmm(right, left[:, :, None])[:, :, 0].cpu().numpy()
        best, at = torch.topk(torch.from_numpy(values), k, dim=1, sorted=False)
        return best, torch.gather(torch.from_numpy(wanted), 1, at)


def _rows(data: Data, start: int, stop: int) -> torch.Tensor:
    return to_tensor(data[start:stop], torch.device("cpu"), torch.float32)


def _tile(data: Data, start: int) -> tuple[torch.Tensor, Ints32]:
    """Return a tile of rows filled up with zeros to whole blocks, and their positions, -1 for the filling."""
    part = _rows(data, start, start + CPU_TILE)
    names = block_names(np.arange(start, start + len(part)))
    return torch.nn.functional.pad(part, (0, 0, 0, len(names) - len(part))), names


def _arrays(lists: Lists, width: int) -> tuple[Positions, Similarity]:
    """Return lists as arrays, closest first, what is missing as -1."""
    positions = np.empty((len(lists), width), dtype=np.int64)
    similarity = np.empty((len(lists), width), dtype=np.float32)
    for start in range(0, len(positions), OUT_ROWS):
        rows = np.arange(start, min(len(positions), start + OUT_ROWS))
        keys = lists.best(rows)
        positions[rows], similarity[rows] = columns_of(keys), np.maximum(values_of(keys), -1.0)
    return positions, similarity
