"""The k best of every row, filled tile by tile.

Once lists are full, blocks whose maximum does not reach the k-th similarity are skipped: of n columns a row takes in
some k ln(n / k), and the cost is that of the product.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from index.neighbours.searchers.tiles import BLOCK, NONE, of_blocks
from schema.arrays import Floats32, Ints, Ints32

Keys = Ints

# Sorts behind every entry.
EMPTY = np.iinfo(np.int64).max


def keys_of(values: Floats32, columns: npt.NDArray[np.integer]) -> Keys:
    """Return one number per entry that sorts by falling value, then by column: a sort of pairs by one compare.

    The bits of a float32 sort as an integer once those of negative ones are turned over.
    """
    bits = values.view(np.int32)
    rising = bits ^ ((bits >> 31) & 0x7FFFFFFF)
    return (~rising).astype(np.int64) << 32 | columns.astype(np.int64)


def values_of(keys: Keys) -> Floats32:
    """Return the values of keys; of EMPTY, NONE."""
    rising = ~(keys >> 32).astype(np.int32)
    values = (rising ^ ((rising >> 31) & 0x7FFFFFFF)).view(np.float32)
    return np.where(keys == EMPTY, np.float32(NONE), values)


def columns_of(keys: Keys) -> Ints:
    """Return the columns of keys; of EMPTY, -1."""
    return np.where(keys == EMPTY, -1, keys & 0x7FFFFFFF)


class Lists:
    """The k best of every row seen so far, with room for half as many that are not sorted in: n x 1.5 k x 8 bytes.

    What passes the k-th best is put down beside the list, and sorted in when there is no room left: a row is then
    touched once for some k / 2 entries and not once for each. ``worst`` may lag behind; it is never too high.
    """

    def __init__(self, rows: int, k: int) -> None:
        self.k, self._room = k, (k + 1) // 2
        self.keys = np.full((rows, k + self._room), EMPTY, dtype=np.int64)
        self.worst = np.full(rows, NONE, dtype=np.float32)
        self._waiting = np.zeros(rows, dtype=np.int32)

    def __len__(self) -> int:
        return len(self.worst)

    def offer(self, scores: torch.Tensor, rows: Ints, columns: Ints32, turned: bool = False) -> None:
        """Take in a tile [m, c] for m rows, each once; ``columns`` names its columns, c whole blocks.

        With ``turned`` the tile is [c, m]. NONE in a tile is never taken.
        """
        blocks, maxima = _blocks(scores, turned)
        m, count = maxima.shape
        worst = torch.from_numpy(self.worst[rows])
        row, block = (maxima > worst[:, None]).nonzero(as_tuple=True)
        if not len(row):
            return
        if len(row) > m * min(self.k, count) // 2:
            values, at = of_blocks(blocks, maxima, self.k)
            if values.shape[1] > self.k:
                values, best = torch.topk(values, self.k, dim=1, sorted=False)
                at = torch.gather(at, 1, best)
            found = keys_of(values.contiguous().numpy(), columns[at.numpy()])
            found[values.numpy() == NONE] = EMPTY
            self._keep(rows, np.concatenate([self.keys[rows], found], axis=1))
            return
        passing = blocks[row, block]
        hit, lane = (passing > worst[row, None]).nonzero(as_tuple=True)
        place = (block[hit] * BLOCK + lane).numpy()
        self.put(rows[row[hit].numpy()], keys_of(passing[hit, lane].numpy(), columns[place]))

    def take(self, rows: Ints, values: Floats32, columns: Ints32) -> None:
        """Take in those entries that pass the lists as they are now."""
        new = np.flatnonzero(values > self.worst[rows])
        new = new[np.argsort(rows[new], kind="stable")]
        self.put(rows[new], keys_of(values[new], columns[new]))

    def put(self, rows: Ints, keys: Keys) -> None:
        """Put entries, which come grouped by row, down beside the lists of their rows."""
        while len(rows):
            starts = np.flatnonzero(np.diff(rows, prepend=-1))
            touched, counts = rows[starts], np.diff(starts, append=len(rows))
            used = self._waiting[touched]
            full = used + counts > self._room
            if full.any():
                self._keep(touched[full], self.keys[touched[full]])
                used[full] = 0
            slot = np.arange(len(rows)) - np.repeat(starts - used, counts)
            self._waiting[touched] = np.minimum(used + counts, self._room)
            at = rows * self.keys.shape[1] + self.k + slot
            if counts.max(initial=0) <= self._room:
                self.keys.ravel()[at] = keys
                return
            fits = slot < self._room
            self.keys.ravel()[at[fits]] = keys[fits]
            rows, keys = rows[~fits], keys[~fits]

    def best(self, rows: Ints) -> Keys:
        """Return the keys of the k best of some rows, closest first, EMPTY where there are fewer: int64 [m, k]."""
        keys: Keys = np.sort(self.keys[rows], axis=1)[:, : self.k]
        return keys

    def _keep(self, rows: Ints, keys: Keys) -> None:
        keys = np.partition(keys, self.k - 1, axis=1)[:, : self.k]
        self.keys[rows, : self.k] = keys
        self.keys[rows, self.k :] = EMPTY
        self.worst[rows] = values_of(keys[:, self.k - 1])
        self._waiting[rows] = 0


def _blocks(scores: torch.Tensor, turned: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a tile by blocks of columns, [m, b, 32], and their maxima [m, b].

    A turned tile is read as it lies, since maxima along its columns cost a thirtieth of those of a transposed view.
    """
    if turned:
        lying = scores.view(-1, BLOCK, scores.shape[1])
        return lying.permute(2, 0, 1), lying.amax(dim=1).T
    blocks = scores.view(len(scores), -1, BLOCK)
    return blocks, blocks.amax(dim=2)
