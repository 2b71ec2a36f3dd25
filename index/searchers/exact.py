"""Exact neighbours by tiled matrix products: bf16 with an fp32 re-rank on a GPU, fp32 on a CPU.

2 n^2 d operations: 5 M x 768 is 49 s of bf16 arithmetic on an H200, 100 K x 512 some 40 s on two CPU cores.
"""

from __future__ import annotations

import numpy as np
import torch

from index.progress import Bar
from index.searchers.base import Data, Positions, Searcher, Similarity, order, pad
from index.searchers.tiles import device_of, merge_top_k, to_tensor, top_k

# One tile of scores stays in the last-level cache of a CPU (512 x 8192 x 4 bytes = 16 MB); on a GPU it is large
# enough that the product runs at full rate and launches do not show.
CPU_TILE = (512, 8192)
GPU_TILE = (8192, 131_072)

# bf16 keeps 8 bits: true neighbours can fall a little below the k-th, so twice as many are re-ranked in fp32.
RERANK = 2


class ExactSearcher(Searcher):
    """Compares every query with every vector."""

    def __init__(self, settings: object, device: str = "auto") -> None:
        super().__init__(settings)  # type: ignore[arg-type]
        self.device = device_of(device)
        if self.settings.threads and self.device.type == "cpu":
            torch.set_num_threads(self.settings.threads)

    def join(self, queries: Data, data: Data, k: int, bar: Bar | None = None) -> tuple[Positions, Similarity]:
        """See Searcher.join."""
        n, m = len(data), len(queries)
        width = min(k, n)
        gpu = self.device.type == "cuda"
        rows, columns = GPU_TILE if gpu else CPU_TILE
        dtype = torch.bfloat16 if gpu else torch.float32
        keep = min(n, width * RERANK) if gpu else width
        positions = np.empty((m, width), dtype=np.int64)
        similarity = np.empty((m, width), dtype=np.float32)
        # On a GPU all vectors stay on the device (5 M x 768 x 2 bytes = 7.7 GB); a CPU converts tile by tile, and
        # takes many query rows per pass so that the conversion does not show.
        resident = to_tensor(data, self.device, dtype) if gpu else None
        step = rows if gpu else rows * 16
        with torch.inference_mode():
            for start in range(0, m, step):
                block = to_tensor(queries[start : start + step], self.device, dtype)
                best: list[tuple[torch.Tensor, torch.Tensor]] = []
                for left in range(0, n, columns):
                    right = min(n, left + columns)
                    tile = (
                        resident[left:right]
                        if resident is not None
                        else to_tensor(data[left:right], self.device, dtype)
                    )
                    for index, at in enumerate(range(0, len(block), rows)):
                        values, found = top_k(block[at : at + rows] @ tile.T, keep)
                        found = found + left
                        if left == 0:
                            best.append((values, found))
                        else:
                            best[index] = merge_top_k(*best[index], values, found, keep)
                found = torch.cat([pair[1] for pair in best])
                values = torch.cat([pair[0] for pair in best])
                if gpu:
                    values, found = self._rerank(queries[start : start + step], data, found, width)
                stop = start + len(block)
                positions[start:stop] = found.cpu().numpy()
                similarity[start:stop] = values.float().cpu().numpy()
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
