"""Exact top-k of matrix products, tile by tile, on CPU or GPU.

The k largest of a row lie in its k blocks of largest maximum, so one pass takes the maxima of blocks of 32 and only
few values are ever looked at again.
"""

from __future__ import annotations

import numpy as np
import torch

from schema.arrays import Floats16, Ints, Ints32

BLOCK = 32

# Below every cosine: marks what is no candidate.
NONE = -2.0


def device_of(name: str) -> torch.device:
    """Return the device that ``auto`` or an explicit name stands for."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)


def to_tensor(data: Floats16, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """Move float16 rows to a device as the type that products are taken in."""
    tensor = torch.from_numpy(np.ascontiguousarray(data))
    return tensor.to(device=device, non_blocking=True).to(dtype)


def product(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Return left [m, d] times the transpose of right [n, d], float32, on the CPU.

    By oneDNN where torch has it: MKL, which torch asks otherwise, leaves half of an AMD processor's AVX-512 unused
    (2048 x 2048 x 512 on one Zen 5 core: 93 GFLOP/s by MKL, 210 by oneDNN, both float32 throughout).
    """
    if torch.backends.mkldnn.is_available():
        found: torch.Tensor = torch.ops.mkldnn._linear_pointwise(left, right, None, "none", [], "")
        return found
    return left @ right.T


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
    values, columns = of_blocks(blocks, blocks.amax(dim=2), k)
    if whole < c:
        tail = torch.arange(whole, c, device=scores.device).expand(m, c - whole)
        values, columns = torch.cat([values, scores[:, whole:]], 1), torch.cat([columns, tail], 1)
    values, at = torch.topk(values, k, dim=1, sorted=False)
    return values, torch.gather(columns, 1, at)


def of_blocks(blocks: torch.Tensor, maxima: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
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


def padded(rows: int, whole: int = BLOCK) -> int:
    """Return a number of rows rounded up to a multiple of ``whole``."""
    return -(-rows // whole) * whole


def block_names(rows: Ints) -> Ints32:
    """Return the names of the rows of a tile that is filled up to whole blocks: int32, -1 for the filling."""
    names = np.full(padded(len(rows)), -1, dtype=np.int32)
    names[: len(rows)] = rows
    return names
