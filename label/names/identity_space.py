"""A space in which pictures of one name lie close: what differs within a name is scaled to one, what differs between
names is kept.

The model is that of two covariances, also called probabilistic linear discriminant analysis: a picture is the mean of
its name plus noise that all names share. It scores a name by how much more likely the picture is as one of its
pictures than as one of somebody never seen, so a name of few pictures is trusted less, without a rule of its own, and
'nobody known' is an answer.

References: S. Ioffe, 'Probabilistic linear discriminant analysis', ECCV 2006; N. Brümmer and E. de Villiers, 'The
speaker partitioning problem', Odyssey 2010.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from schema.arrays import Floats16, Floats32, Ints

LEARNED_FROM = 200_000
"""Pictures at most from which the space is learned; more change it no longer."""
SIZE = 160
"""Directions kept at most."""
LEAST = 0.02
"""Directions along which names differ less than this, against what differs within a name, only add noise."""
STEP = 1 << 14


@dataclass(frozen=True, slots=True)
class IdentitySpace:
    """The map from vectors [n, d] to coordinates [n, r]: minus ``centre`` [d], times ``basis`` [d, r].

    Along each coordinate pictures of one name vary by 1, and names by ``between`` [r].
    """

    centre: Floats32
    basis: Floats32
    between: Floats32

    def coordinates(self, vectors: Floats16 | Floats32) -> Floats32:
        """Return the coordinates of vectors [n, d], float32 [n, r]."""
        found = np.empty((len(vectors), self.basis.shape[1]), np.float32)
        for start in range(0, len(vectors), STEP):
            part = np.asarray(vectors[start : start + STEP], np.float32)
            found[start : start + len(part)] = (part - self.centre) @ self.basis
        return found


def learn_space(
    vectors: Floats16 | Floats32, names: Ints, centre: Floats32, shrinkage: float, seed: int = 0
) -> IdentitySpace:
    """Return the space of pictures [n, d] and the number of the name of each [n].

    ``centre`` [d] is the mean of the whole collection, unnamed pictures included. Names with one picture say nothing
    of what differs within a name, but do of what differs between names. ``shrinkage`` in 0 to 1 draws the scatter
    within names towards a sphere: the more, the fewer pictures there are.
    """
    from scipy.linalg import eigh, solve_triangular

    if len(names) > LEARNED_FROM:
        kept = np.sort(np.random.default_rng(seed).choice(len(names), LEARNED_FROM, replace=False))
        vectors, names = vectors[kept], names[kept]
    _, place, counts = np.unique(names, return_inverse=True, return_counts=True)
    dim, classes = vectors.shape[1], len(counts)
    sums = np.zeros((classes, dim), np.float64)
    gram = np.zeros((dim, dim), np.float64)
    for start in range(0, len(vectors), STEP):
        part = np.asarray(vectors[start : start + STEP], np.float32) - centre
        np.add.at(sums, place[start : start + len(part)], part)
        gram += part.T @ part
    means = sums / counts[:, None]
    freedom = max(len(names) - classes, 1)
    within = (gram - (means * counts[:, None]).T @ means) / freedom
    sphere = max(float(np.trace(within)) / dim, 1e-9) * np.eye(dim)
    within = (1 - shrinkage) * within + shrinkage * sphere
    factor = np.linalg.cholesky(within)
    whitened = solve_triangular(factor, means.T, lower=True).T
    # The means of few pictures scatter by more than the names do: by the noise of a mean.
    spread = whitened.T @ whitened / max(classes, 1) - float((1 / counts).mean()) * np.eye(dim)
    between, directions = eigh(spread)
    order = np.argsort(-between)[:SIZE]
    order = order[between[order] > LEAST]
    if not len(order):
        order = np.argsort(-between)[:1]
    basis = solve_triangular(factor.T, directions[:, order], lower=False)
    # The sign of an eigenvector is arbitrary: fixed, so that two runs give the same.
    signs = np.sign(basis[np.abs(basis).argmax(axis=0), np.arange(len(order))])
    return IdentitySpace(
        np.asarray(centre, np.float32),
        np.ascontiguousarray(basis * signs, np.float32),
        np.maximum(between[order], LEAST).astype(np.float32),
    )


@dataclass(frozen=True, slots=True)
class References:
    """The pictures whose names are known, sorted by name: ``coordinates`` [m, r] and ``names`` [m] from 0 to c - 1.

    Picture ``starts[name]`` is the first of a name, ``counts`` [c] say how many each has, ``means`` [c, r] are theirs.
    """

    coordinates: Floats32
    names: Ints
    starts: Ints
    counts: Ints
    means: Floats32
    order: Ints
    """Which of the pictures given each is [m]."""


def build_references(coordinates: Floats32, names: Ints, classes: int) -> References:
    """Return pictures at coordinates [m, r] with names [m] in 0 to ``classes`` - 1, sorted by name."""
    order = np.argsort(names, kind="stable")
    sorted_names, sorted_coordinates = names[order], np.ascontiguousarray(coordinates[order])
    counts = np.bincount(sorted_names, minlength=classes)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    means = np.zeros((classes, coordinates.shape[1]), np.float32)
    present = np.flatnonzero(counts)
    if len(present):
        means[present] = np.add.reduceat(sorted_coordinates, starts[present]) / counts[present, None]
    return References(sorted_coordinates, sorted_names, starts, counts, means, order)


@dataclass(frozen=True, slots=True)
class Gaussians:
    """What a name's next picture looks like: coefficients of a log-likelihood ratio against a stranger's picture.

    The ratio of a picture z is z^2 @ square.T + z @ line.T + constant, all names at once.
    """

    square: Floats32
    line: Floats32
    constant: Floats32

    def ratios(self, coordinates: Floats32) -> Floats32:
        """Return the log-likelihood ratio of each name [n, c] for pictures at coordinates [n, r]."""
        found = coordinates @ self.line.T
        found += (coordinates**2) @ self.square.T
        found += self.constant
        return np.asarray(found, np.float32)

    def pairwise(self, coordinates: Floats32) -> Floats32:
        """Return the ratio of the i-th of these for the i-th picture at coordinates [n, r], float32 [n]."""
        lines = np.einsum("ij,ij->i", coordinates, self.line)
        return np.asarray(lines + np.einsum("ij,ij->i", coordinates**2, self.square) + self.constant)


def predictive(between: Floats32, means: Floats32, counts: Ints) -> Gaussians:
    """Return the coefficients for names with these ``means`` [c, r] of ``counts`` [c] pictures; a name without any
    has the ratio of a stranger, 0."""
    n = counts[:, None].astype(np.float32)
    shrunk = n * between / (n * between + 1)
    centre = shrunk * means
    variance = 1 + between / (n * between + 1)
    stranger = 1 + between
    square = (1 / stranger - 1 / variance) / 2
    line = centre / variance
    constant = (-(centre**2) / variance - np.log(variance / stranger)).sum(axis=1) / 2
    return Gaussians(square.astype(np.float32), line.astype(np.float32), constant.astype(np.float32))
