"""Exact top-k of matrix products, tile by tile, on CPU or GPU.

The k largest of a row lie in its k blocks of largest maximum, so one pass takes the maxima of blocks of 32 and only
few values are ever looked at again. Once lists are full, blocks whose maximum does not reach the k-th similarity are
skipped: of n columns a row takes in some k ln(n / k), and the cost is that of the product.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

BLOCK = 32

# Below every cosine: marks what is no candidate.
NONE = -2.0


def device_of(name: str) -> torch.device:
    """Return the device that ``auto`` or an explicit name stands for."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)


def to_tensor(data: npt.NDArray[np.float16], device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """Move float16 rows to a device as the type that products are taken in."""
    tensor = torch.from_numpy(np.ascontiguousarray(data))
    return tensor.to(device=device, non_blocking=True).to(dtype)


def top_k(scores: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the k largest values and their columns of each row, unordered: [m, c] -> [m, k], [m, k]."""
    m, c = scores.shape
    if c <= k:
        return scores, torch.arange(c, device=scores.device).expand(m, c)
    if c < 4 * k * BLOCK:
        values, columns = torch.topk(scores, k, dim=1, sorted=False)
        return values, columns
    whole = c // BLOCK * BLOCK
    blocks = scores[:, :whole].view(m, -1, BLOCK)
    values, columns = _of_blocks(blocks, blocks.amax(dim=2), k)
    if whole < c:
        tail = torch.arange(whole, c, device=scores.device).expand(m, c - whole)
        values, columns = torch.cat([values, scores[:, whole:]], 1), torch.cat([columns, tail], 1)
    values, at = torch.topk(values, k, dim=1, sorted=False)
    return values, torch.gather(columns, 1, at)


def _of_blocks(blocks: torch.Tensor, maxima: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return values and columns of the k blocks of largest maximum: [m, b, 32] -> [m, k x 32] each."""
    m, count, _ = blocks.shape
    best = torch.topk(maxima, min(k, count), dim=1, sorted=False).indices
    values = torch.gather(blocks, 1, best[:, :, None].expand(m, best.shape[1], BLOCK)).reshape(m, -1)
    columns = best[:, :, None] * BLOCK + torch.arange(BLOCK, device=blocks.device)
    return values, columns.reshape(m, -1)


def merge_top_k(
    values: torch.Tensor, columns: torch.Tensor, more: torch.Tensor, more_columns: torch.Tensor, k: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the k best of two top-k lists of the same rows."""
    values, columns = torch.cat([values, more], 1), torch.cat([columns, more_columns], 1)
    if values.shape[1] <= k:
        return values, columns
    values, at = torch.topk(values, k, dim=1, sorted=False)
    return values, torch.gather(columns, 1, at)


def padded(rows: int) -> int:
    """Return a number of rows rounded up to whole blocks."""
    return -(-rows // BLOCK) * BLOCK


class Lists:
    """The k best of every row seen so far, in memory of n x k x 8 bytes.

    ``values`` float32 [n, k], NONE where there is nothing yet; ``columns`` int32 [n, k], -1 there. Unordered.
    """

    def __init__(self, rows: int, k: int) -> None:
        self.k = k
        self.values = torch.full((rows, k), NONE)
        self.columns = torch.full((rows, k), -1, dtype=torch.int32)
        self.worst = torch.full((rows,), NONE)

    def offer(self, blocks: torch.Tensor, rows: slice | torch.Tensor, columns: torch.Tensor) -> None:
        """Take in a tile as blocks [m, b, 32] for m rows, each once; ``columns`` int32 [b x 32] names its columns.

        Any strides do, so that the transpose of a tile is offered as a view. NONE in a tile is never taken.
        """
        m, count, _ = blocks.shape
        worst = self.worst[rows]
        maxima = blocks.amax(dim=2)
        row, block = (maxima > worst[:, None]).nonzero(as_tuple=True)
        if not len(row):
            return
        if len(row) > m * min(self.k, count) // 2:
            values, at = _of_blocks(blocks, maxima, self.k)
            self._merge(rows, values, columns[at])
            return
        found = blocks[row, block]
        hit, lane = (found > worst[row, None]).nonzero(as_tuple=True)
        self._scatter(rows, row[hit], columns[block[hit] * BLOCK + lane], found[hit, lane])

    def _scatter(
        self, rows: slice | torch.Tensor, row: torch.Tensor, column: torch.Tensor, value: torch.Tensor
    ) -> None:
        """Merge single entries, which come sorted by row, into the lists of the rows they belong to."""
        touched, inverse, counts = torch.unique_consecutive(row, return_inverse=True, return_counts=True)
        slot = torch.arange(len(row)) - (counts.cumsum(0) - counts)[inverse]
        width = int(counts.max())
        values = torch.full((len(touched), width), NONE)
        columns = torch.full((len(touched), width), -1, dtype=torch.int32)
        values[inverse, slot] = value
        columns[inverse, slot] = column
        self._merge(touched + rows.start if isinstance(rows, slice) else rows[touched], values, columns)

    def _merge(self, at: slice | torch.Tensor, values: torch.Tensor, columns: torch.Tensor) -> None:
        values, columns = merge_top_k(self.values[at], self.columns[at], values, columns, self.k)
        self.values[at] = values
        self.columns[at] = torch.where(values > NONE, columns, -1)
        self.worst[at] = values.amin(dim=1)
