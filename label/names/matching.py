"""Which known name a picture is most likely to show: the closest name by its mean and by its closest picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from label.names.identity_space import Gaussians, References, predictive
from schema.arrays import Floats32, Ints

CANDIDATES = 5
"""Names whose single pictures are looked at: those whose means are the most likely."""
CELLS = 1 << 24
"""Scores held in memory at one time."""
PICTURES = 64
"""Pictures of a name that are compared one by one at most, evenly spread over it."""


@dataclass(frozen=True, slots=True)
class Match:
    """The most likely name of each of n pictures, and what tells how sure that is.

    ``best`` is a name, -1 where there is none; ``score`` and, of the next one, ``second_score`` are log-likelihood
    ratios against a stranger, of the mean and the closest picture together; ``closest`` the part of the closest
    picture; ``stated`` the score of the name that was said, -inf where none was; ``count`` pictures that ``best`` has.
    """

    best: Ints
    score: Floats32
    second_score: Floats32
    closest: Floats32
    stated: Floats32
    count: Ints

    def features(self) -> Floats32:
        """Return what confidence is fitted on, float32 [n, 4]."""
        rest = np.maximum(self.second_score, 0)
        return np.stack(
            [
                _signed_root(self.score),
                _signed_root(self.score - rest),
                _signed_root(self.closest),
                np.log1p(self.count).astype(np.float32),
            ],
            axis=1,
        )

    def doubt_features(self) -> Floats32:
        """Return what doubt in the stated name is fitted on, float32 [n, 2]: how far behind the best other name or a
        stranger it lies, and how unlikely it is by itself."""
        ahead = np.maximum(np.where(self.best == -1, 0, self.score), 0) - self.stated
        return np.stack([_signed_root(ahead), _signed_root(self.stated)], axis=1)


def _signed_root(values: Floats32) -> Floats32:
    # The sums of many directions grow like their number, and their errors like its root.
    return np.asarray(np.sign(values) * np.sqrt(np.abs(values)), np.float32)


class Matcher:
    """Compares pictures with the references of all names."""

    def __init__(self, references: References, between: Floats32) -> None:
        self.references = references
        self.between = between
        self.known = np.flatnonzero(references.counts)
        self.names = predictive(between, references.means[self.known], references.counts[self.known])
        single = np.ones(len(references.coordinates), np.int64)
        self.pictures = predictive(between, references.coordinates, single)

    def match(self, coordinates: Floats32, stated: Ints | None = None) -> Match:
        """Return the most likely names of pictures at coordinates [n, r].

        With ``stated`` [n] (-1: none) that name is scored apart, and ``best`` is the most likely *other* one.
        """
        n = len(coordinates)
        said = np.full(n, -1, np.int64) if stated is None else np.asarray(stated, np.int64)
        parts = [
            self._part(coordinates[start : start + step], said[start : start + step])
            for step in [max(1, CELLS // max(len(self.known), 1))]
            for start in range(0, n, step)
        ]
        if not parts:
            empty, none = np.empty(0, np.float32), np.empty(0, np.int64)
            return Match(none, empty, empty, empty, empty, none)
        return Match(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def _part(self, coordinates: Floats32, said: Ints) -> tuple[np.ndarray, ...]:
        n, known = len(coordinates), self.known
        if not len(known):
            nobody = np.full(n, -1, np.int64)
            low = np.full(n, -np.inf, np.float32)
            return nobody, low, low, low, low, np.zeros(n, np.int64)
        means = self.names.ratios(coordinates)
        stated = np.full(n, -np.inf, np.float32)
        place = np.searchsorted(known, said)
        there = (said >= 0) & (known[np.minimum(place, len(known) - 1)] == said)
        rows = np.flatnonzero(there)
        if len(rows):
            stated[rows] = means[rows, place[rows]] + self._closest(coordinates[rows], said[rows])
            means[rows, place[rows]] = -np.inf
        top = min(CANDIDATES, len(known))
        nearest = np.argpartition(-means, top - 1, axis=1)[:, :top]
        scores = np.take_along_axis(means, nearest, axis=1)
        closest = np.empty_like(scores)
        for column in range(top):
            closest[:, column] = self._closest(coordinates, known[nearest[:, column]])
        scores = scores + closest
        order = np.argsort(-scores, axis=1, kind="stable")
        first = order[:, :1]
        best = np.take_along_axis(nearest, first, axis=1)[:, 0]
        score = np.take_along_axis(scores, first, axis=1)[:, 0]
        beside = np.take_along_axis(closest, first, axis=1)[:, 0]
        second_score = np.full(n, -np.inf, np.float32)
        if top > 1:
            second_score = np.take_along_axis(scores, order[:, 1:2], axis=1)[:, 0]
        nobody = ~np.isfinite(score)
        name = np.where(nobody, -1, known[best])
        return name, score, second_score, beside, stated, self.references.counts[known[best]]

    def _closest(self, coordinates: Floats32, names: Ints) -> Floats32:
        """Return the ratio of the closest picture of a name each [n] for pictures at coordinates [n, r]."""
        starts, counts = self.references.starts[names], self.references.counts[names]
        found = np.full(len(coordinates), -np.inf, np.float32)
        for step in range(int(min(counts.max(initial=0), PICTURES))):
            rows = np.flatnonzero(counts > step)
            spread = step * counts[rows] // np.minimum(counts[rows], PICTURES)
            pictures = starts[rows] + spread
            one = Gaussians(
                self.pictures.square[pictures], self.pictures.line[pictures], self.pictures.constant[pictures]
            )
            found[rows] = np.maximum(found[rows], one.pairwise(coordinates[rows]))
        return found
