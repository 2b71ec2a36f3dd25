"""Vectors in fewer dimensions: the principal directions, as few of them as keep the true neighbours in a short list.

Inner products of the projections differ least from those of the vectors along the leading eigenvectors of the second
moments (Eckart and Young, 1936). How many directions that takes is not guessed: a sample looks for its true
neighbours among projections, and the fewest directions are taken at which it misses next to none.
"""

from __future__ import annotations

import numpy as np
import torch

from index.neighbours.searchers.base import Data, Positions
from index.neighbours.searchers.exact import ExactSearcher
from schema.settings import IndexSettings

# Rows of the second moments, and of one step of a projection.
SAMPLE = 65_536
# Directions tried, fewest first.
WIDTHS = (64, 128, 256)
# Share of true neighbours that the short list of a sample must hold, and how much longer it is than the lists asked.
KEPT = 0.99
LONGER = 1.25


class Projection:
    """Vectors on their leading principal directions; where none keep the neighbours, the vectors as they are.

    ``data`` float16 [n, width] are the projections, ``kept`` the share of true neighbours in the short lists of a
    sample.
    """

    def __init__(self, sample: Data, truth: Positions, data: Data, options: IndexSettings) -> None:
        """Find the fewest directions; ``truth`` int64 [m, k] are the true neighbours of ``sample`` among the data."""
        self.data, self.width, self.kept = data, data.shape[1], 1.0
        self._directions: torch.Tensor | None = None
        found = _directions(data, options.seed)
        for width in (each for each in WIDTHS if each <= data.shape[1] // 2):
            directions = found[:, :width].contiguous()
            reduced = _projected(data, directions)
            near, _ = ExactSearcher(options, "cpu").join(
                _projected(sample, directions), reduced, _longer(truth.shape[1])
            )
            kept = np.mean([np.isin(true, mine).mean() for true, mine in zip(truth, near, strict=True)])
            if kept >= KEPT:
                self.data, self.width, self.kept = reduced, width, float(kept)
                self._directions = directions
                return

    def __call__(self, data: Data) -> Data:
        """Return the projections of further vectors, float16 [m, width]."""
        return data if self._directions is None else _projected(data, self._directions)

    def short_list(self, k: int) -> int:
        """Return how many neighbours among projections are to be scored again for k true ones."""
        return k if self._directions is None else _longer(k)


def _longer(k: int) -> int:
    return int(np.ceil(k * LONGER))


def _directions(data: Data, seed: int) -> torch.Tensor:
    """Return the eigenvectors of the second moments of a sample, float32 [d, d], by falling eigenvalue."""
    rng = np.random.default_rng(seed + 4)
    rows = np.sort(rng.choice(len(data), min(len(data), SAMPLE), replace=False))
    part = torch.from_numpy(data[rows].astype(np.float32))
    vectors: torch.Tensor = torch.linalg.eigh((part.T @ part).double())[1]
    return vectors.flip(1).float().contiguous()


def _projected(data: Data, directions: torch.Tensor) -> Data:
    out = np.empty((len(data), directions.shape[1]), dtype=np.float16)
    for start in range(0, len(data), SAMPLE):
        part = torch.from_numpy(data[start : start + SAMPLE].astype(np.float32))
        out[start : start + SAMPLE] = (part @ directions).numpy()
    return out
