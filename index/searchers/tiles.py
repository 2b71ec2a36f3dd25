"""Exact top-k of matrix products, tile by tile, on CPU or GPU.

The k largest of a row lie in its k blocks of largest maximum, so one pass takes the maxima of blocks of 32 and only
few values are ever looked at again. Once lists are full, blocks whose maximum does not reach the k-th similarity are
skipped: of n columns a row takes in some k ln(n / k), and the cost is that of the product.
"""

from __future__ import annotations

from collections.abc import Callable

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
    """The k best of every row seen so far, with room for as many that are not sorted in yet: n x 2k x 8 bytes.

    What passes the k-th best is put down beside the list, and sorted in when there is no room left: a row is then
    touched once for some k entries and not once for each. ``worst`` may lag behind; it is never too high.
    """

    def __init__(self, rows: int, k: int) -> None:
        self.k = k
        self.values = torch.full((rows, 2 * k), NONE)
        self.columns = torch.full((rows, 2 * k), -1, dtype=torch.int32)
        self.worst = torch.full((rows,), NONE)
        self.waiting = torch.zeros(rows, dtype=torch.int64)

    def offer(
        self,
        scores: torch.Tensor,
        rows: slice | torch.Tensor,
        columns: torch.Tensor,
        turned: bool = False,
        wanted: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None = None,
    ) -> None:
        """Take in a tile [m, c] for m rows, each once; ``columns`` int32 [c] names its columns, c whole blocks.

        With ``turned`` the tile is [c, m]: it is read as it lies, since maxima along its columns cost a thirtieth of
        those of a transposed view. NONE in a tile is never taken, nor a place (row, column) of the tile that
        ``wanted`` denies.
        """
        if turned:
            lying = scores.view(-1, BLOCK, scores.shape[1])
            blocks, maxima = lying.permute(2, 0, 1), lying.amax(dim=1).T
        else:
            blocks = scores.view(len(scores), -1, BLOCK)
            maxima = blocks.amax(dim=2)
        m, count = maxima.shape
        worst = self.worst[rows]
        row, block = (maxima > worst[:, None]).nonzero(as_tuple=True)
        if not len(row):
            return
        if wanted is None and len(row) > m * min(self.k, count) // 2:
            values, at = _of_blocks(blocks, maxima, self.k)
            self._merge(_numbers(rows), values, columns[at])
            return
        found = blocks[row, block]
        hit, lane = (found > worst[row, None]).nonzero(as_tuple=True)
        row, place, value = row[hit], block[hit] * BLOCK + lane, found[hit, lane]
        if wanted is not None:
            keep = wanted(row, place)
            row, place, value = row[keep], place[keep], value[keep]
        self._put(_numbers(rows)[row], columns[place], value)

    def best(self, rows: slice) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the k best of some rows, unordered: values float32 [m, k], NONE where there are fewer; columns."""
        self._sort_in(_numbers(rows))
        return self.values[rows, : self.k], self.columns[rows, : self.k]

    def _put(self, row: torch.Tensor, column: torch.Tensor, value: torch.Tensor) -> None:
        """Put entries, which come grouped by row, down beside the lists of their rows."""
        while len(row):
            touched, inverse, counts = torch.unique_consecutive(row, return_inverse=True, return_counts=True)
            full = self.waiting[touched] + counts > self.k
            self._sort_in(touched[full])
            first = (self.waiting[touched] - counts.cumsum(0) + counts)[inverse]
            slot = first + torch.arange(len(row))
            fits = slot < self.k
            at = row * (2 * self.k) + self.k + slot
            self.values.view(-1)[at[fits]] = value[fits]
            self.columns.view(-1)[at[fits]] = column[fits]
            self.waiting[touched] = torch.clamp(self.waiting[touched] + counts, max=self.k)
            row, column, value = row[~fits], column[~fits], value[~fits]

    def _sort_in(self, at: torch.Tensor) -> None:
        for part in at.split(65_536):
            values, columns = self.values[part], self.columns[part]
            best, place = torch.topk(values, self.k, dim=1, sorted=False)
            self._keep(part, best, torch.gather(columns, 1, place))

    def _merge(self, at: torch.Tensor, values: torch.Tensor, columns: torch.Tensor) -> None:
        values, columns = torch.cat([self.values[at], values], 1), torch.cat([self.columns[at], columns], 1)
        best, place = torch.topk(values, self.k, dim=1, sorted=False)
        self._keep(at, best, torch.gather(columns, 1, place))

    def _keep(self, at: torch.Tensor, values: torch.Tensor, columns: torch.Tensor) -> None:
        self.values[at] = torch.nn.functional.pad(values, (0, self.k), value=NONE)
        self.columns[at] = torch.nn.functional.pad(
            torch.where(values > NONE, columns, -1), (0, self.k), value=-1
        )
        self.worst[at] = values.amin(dim=1)
        self.waiting[at] = 0


def _numbers(rows: slice | torch.Tensor) -> torch.Tensor:
    return torch.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows
