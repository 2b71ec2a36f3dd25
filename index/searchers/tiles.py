"""Exact top-k of a matrix product, tile by tile, on CPU or GPU.

The k largest of a row lie in its k blocks of largest maximum, so one pass takes the maxima of blocks of 32 and
only k x 32 values per row are ever compared again: the cost stays that of the product.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

BLOCK = 32


def device_of(name: str) -> torch.device:
    """Return the device that ``auto`` or an explicit name stands for."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)


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
    best = torch.topk(blocks.amax(dim=2), k, dim=1, sorted=False).indices
    values = torch.gather(blocks, 1, best[:, :, None].expand(m, k, BLOCK)).reshape(m, -1)
    columns = (best[:, :, None] * BLOCK + torch.arange(BLOCK, device=scores.device)).reshape(m, -1)
    if whole < c:
        tail = torch.arange(whole, c, device=scores.device).expand(m, c - whole)
        values, columns = torch.cat([values, scores[:, whole:]], 1), torch.cat([columns, tail], 1)
    values, at = torch.topk(values, k, dim=1, sorted=False)
    return values, torch.gather(columns, 1, at)


def merge_top_k(
    values: torch.Tensor, columns: torch.Tensor, more: torch.Tensor, more_columns: torch.Tensor, k: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the k best of two top-k lists of the same rows."""
    values, columns = torch.cat([values, more], 1), torch.cat([columns, more_columns], 1)
    if values.shape[1] <= k:
        return values, columns
    values, at = torch.topk(values, k, dim=1, sorted=False)
    return values, torch.gather(columns, 1, at)


def to_tensor(data: npt.NDArray[np.float16], device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """Move float16 rows to a device as the type that products are taken in."""
    tensor = torch.from_numpy(np.ascontiguousarray(data))
    return tensor.to(device=device, non_blocking=True).to(dtype)
