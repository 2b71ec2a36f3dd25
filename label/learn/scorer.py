"""What a scorer is, and how the scorers of a fold speak together.

A scorer gives each value of an attribute evidence on items at its own coordinates. It is made of plain arrays and has
not seen a labelled item of the fold that it scores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from label.learn.knn import VoteResult
from label.learn.knn_scorer import KnnScorer
from schema.arrays import Floats32, Floats64, Ints


class Scorer(Protocol):
    """Scores the values of one attribute. A frozen dataclass of arrays and plain values, so that it can be stored."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names of the kinds of evidence that it gives, in order."""

    def projection(self) -> Floats32:
        """Return the matrix [p, r] from plain features to the coordinates that ``score`` reads."""

    def score(self, coordinates: Floats32) -> tuple[Floats32, VoteResult | None]:
        """Return evidence float32 [kinds, n, v] on items at coordinates [n, r], and the vote if there was one.

        Evidence is log odds of the values of a multi-label attribute, log shares of those of a single-label one.
        """


@dataclass(frozen=True, slots=True)
class FoldScorers:
    """The scorers of one fold: none of them has seen a labelled item of it.

    ``applicability`` votes on whether a tagger would state any value at all; None where every item has one.
    """

    scorers: tuple[Scorer, ...]
    applicability: KnnScorer | None

    def projections(self) -> list[Floats32]:
        """Return the projections [p, r] of all scorers, in order."""
        extra = [] if self.applicability is None else [self.applicability.projection()]
        return [scorer.projection() for scorer in self.scorers] + extra

    @property
    def knn(self) -> KnnScorer | None:
        """The scorer whose reference items vote, if there is one."""
        return next((scorer for scorer in self.scorers if isinstance(scorer, KnnScorer)), None)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names of the kinds of evidence, in order."""
        return tuple(kind for scorer in self.scorers for kind in scorer.kinds)

    def score(self, coordinates: Sequence[Floats32], values: int, ood: Floats32) -> Scores:
        """Return the scores of n items for so many values, at the items' coordinates for each projection in order.

        ``ood`` [n] is their out-of-distribution score.
        """
        places = iter(coordinates)
        n = len(coordinates[0]) if coordinates else 0
        support = np.zeros(n, np.float32)
        log_odds = np.empty((0, n), np.float32)
        cells = np.full((2, n), -1, np.int16)
        parts: list[Floats32] = []
        for scorer in self.scorers:
            evidence, votes = scorer.score(next(places))
            if votes is not None:
                support, cells[0] = votes.support, votes.cell
            parts.append(evidence)
        if self.applicability is not None:
            evidence, votes = self.applicability.score(next(places), count_support=False)
            cells[1] = votes.cell
            # The last column of this scorer is 'no value is stated'.
            log_odds = -_logit(np.exp(evidence[:, :, -1])).astype(np.float32)
        whole = np.concatenate(parts) if parts else np.zeros((0, n, values), np.float32)
        return Scores(whole, log_odds, support, cells, ood)


@dataclass(frozen=True, slots=True)
class Scores:
    """Uncalibrated scores of n items: ``evidence`` [s, n, v]; ``applicability`` [t, n], log odds that a tagger would
    state a value; ``support`` [n] effective number of votes; ``cells`` int16 [2, n] that the items asked; ``ood`` [n],
    the out-of-distribution score, 0 to 1."""

    evidence: Floats32
    applicability: Floats32
    support: Floats32
    cells: npt.NDArray[np.int16]
    ood: Floats32

    def take(self, places: Ints) -> Scores:
        """Return the scores of the items at ``places`` [m]."""
        return Scores(
            self.evidence[:, places],
            self.applicability[:, places],
            self.support[places],
            self.cells[:, places],
            self.ood[places],
        )

    def empty(self, n: int) -> Scores:
        """Return room for scores of this shape on n items."""
        return Scores(
            np.empty((len(self.evidence), n, self.evidence.shape[2]), np.float32),
            np.empty((len(self.applicability), n), np.float32),
            np.empty(n, np.float32),
            np.empty((len(self.cells), n), np.int16),
            np.empty(n, np.float32),
        )

    def put(self, places: Ints, part: Scores) -> None:
        """Set the scores of the items at ``places``."""
        self.evidence[:, places] = part.evidence
        self.applicability[:, places] = part.applicability
        self.support[places] = part.support
        self.cells[:, places] = part.cells
        self.ood[places] = part.ood


def score_by_fold(folds: Ints, score: Callable[[int, Ints], Scores]) -> Scores:
    """Return the scores of items [n] of several folds, put together from what ``score`` gives for each fold."""
    whole: Scores | None = None
    for fold in np.unique(folds).tolist():
        places = np.flatnonzero(folds == fold)
        part = score(fold, places)
        if whole is None:
            whole = part.empty(len(folds))
        whole.put(places, part)
    assert whole is not None
    return whole


def side_by_side(projections: Iterable[Sequence[Floats32]], width: int) -> Floats32:
    """Return all projections [width, r] of all models as one matrix, so that one product serves them all."""
    flat = [projection for mine in projections for projection in mine]
    return np.concatenate([np.empty((width, 0), np.float32), *flat], axis=1)


def apart(coordinates: Floats32, projections: Sequence[Sequence[Floats32]]) -> list[list[Floats32]]:
    """Return coordinates under all projections side by side as those under each projection of each model."""
    ends = np.cumsum([matrix.shape[1] for mine in projections for matrix in mine], dtype=np.int64)
    parts = iter(np.split(coordinates, ends[:-1], axis=1) if len(ends) else [])
    return [[next(parts) for _ in mine] for mine in projections]


def _logit(p: npt.NDArray[np.floating]) -> Floats64:
    """Return log odds, clipped so that none is infinite."""
    q = np.clip(p, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(q) - np.log1p(-q), np.float64)
