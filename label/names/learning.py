"""Learning names: the space, the references, how sure a match is, and which stated names are doubtful."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from label.names.confidence import Confidence, Trials, Wanted, fit_confidence
from label.names.doubt import fit_doubt
from label.names.identity_space import IdentitySpace, References, build_references, learn_space
from label.names.matching import Matcher
from schema.arrays import Bools, Floats16, Floats32, Floats64, Ints

FOLDS = 5
TRIALS = 50_000
"""Held-out pictures at most by which confidence is fitted."""
SHRINKAGES = (0.02, 0.1, 0.3, 0.6)
"""Shrinkages of the space that are tried on held-out pictures."""
TRIED = 2
"""Folds on which they are tried."""
LEAST_NAMES = 5
LEAST_PICTURES = 30
"""With fewer names, or named pictures, nothing is learned."""


@dataclass(frozen=True, slots=True)
class NamedPictures:
    """Pictures that show one named character: ``vectors`` [n, d], ``names`` [n] from 0 to ``classes`` - 1, and
    ``folds`` [n] from 0 to 4, equal for copies of one another."""

    vectors: Floats16
    names: Ints
    folds: Ints
    classes: int


@dataclass(frozen=True, slots=True)
class HeldOut:
    """How names do on held-out pictures: ``probabilities`` [n] of the best name, whether it was ``right`` and whether
    it was ``accepted``, whether the picture was of a ``stranger``, how likely its stated name is ``wrong``."""

    probabilities: Floats64
    right: Bools
    accepted: Bools
    stranger: Bools
    wrong: Floats64

    @property
    def precision(self) -> float:
        """Return the share of right names among those accepted for pictures of known names; NaN without any.

        A picture counts as far as its stated name is not doubted.
        """
        given = self.accepted & ~self.stranger
        mass = 1 - self.wrong[given]
        return float(mass @ self.right[given] / mass.sum()) if mass.sum() > 0 else float("nan")

    @property
    def coverage(self) -> float:
        """Return the share of pictures of known names that get a name; NaN without any."""
        known = ~self.stranger
        return float(self.accepted[known].mean()) if known.any() else float("nan")

    @property
    def strangers_named(self) -> float:
        """Return the share of strangers' pictures that get a name; NaN without any."""
        return float(self.accepted[self.stranger].mean()) if self.stranger.any() else float("nan")


@dataclass(frozen=True, slots=True)
class Belief:
    """How far stated names are to be believed: ``wrong`` [n] the probability that each is wrong, NaN where no other
    picture has that name, and the most likely ``other`` name [n], -1 for none; ``wrong_share`` over all."""

    wrong: Floats64
    other: Ints
    wrong_share: float


@dataclass(frozen=True, slots=True)
class NameModel:
    """What was learned: the space, all references, how sure a match is, and how far stated names are believed."""

    space: IdentitySpace
    references: References
    confidence: Confidence
    stated: Belief
    held_out: HeldOut

    def matcher(self) -> Matcher:
        """Return what compares pictures with all references."""
        return Matcher(self.references, self.space.between)


def learn_names(pictures: NamedPictures, centre: Floats32, wanted: Wanted, seed: int = 0) -> NameModel | None:
    """Return what is learned of named pictures; None where there are too few. ``centre`` [d] is the mean of all."""
    named = np.unique(pictures.names)
    if len(named) < LEAST_NAMES or len(pictures.names) < LEAST_PICTURES:
        return None
    learner = _Learner(pictures, centre, 0.0, seed)
    learner = replace(learner, shrinkage=learner.best_shrinkage())
    stated = _believe(learner)
    if stated is None:
        return None
    wrong = np.nan_to_num(stated.wrong, nan=stated.wrong_share)
    rehearsals = [_rehearse(learner, wrong, fold) for fold in range(FOLDS)]
    whole = [each for each in rehearsals if each is not None]
    if not whole:
        return None
    trials = Trials(*(np.concatenate([getattr(each, name) for each in whole]) for name in Trials.__slots__))
    if not trials.right.any():
        return None
    confidence, probabilities = fit_confidence(trials, wanted)
    space = learn_space(pictures.vectors, pictures.names, centre, learner.shrinkage, seed)
    references = build_references(space.coordinates(pictures.vectors), pictures.names, pictures.classes)
    accepted = confidence.accepted(probabilities, trials.counts)
    held_out = HeldOut(probabilities, trials.right, accepted, trials.stranger, trials.wrong)
    return NameModel(space, references, confidence, stated, held_out)


@dataclass(frozen=True, slots=True)
class _Fold:
    """The space and the references that are learned without some pictures."""

    space: IdentitySpace
    matcher: Matcher


@dataclass(frozen=True, slots=True)
class _Learner:
    """Named pictures, and how they are learned from."""

    pictures: NamedPictures
    centre: Floats32
    shrinkage: float
    seed: int

    def without(self, out: Bools) -> _Fold | None:
        """Learn from the pictures that are not ``out`` [n]; None where fewer than two names are left."""
        vectors, names = self.pictures.vectors[~out], self.pictures.names[~out]
        if np.unique(names).size < 2:
            return None
        space = learn_space(vectors, names, self.centre, self.shrinkage, self.seed)
        references = build_references(space.coordinates(vectors), names, self.pictures.classes)
        return _Fold(space, Matcher(references, space.between))

    def best_shrinkage(self) -> float:
        """Return the strongest shrinkage that is as good as the best one, within the error of a share.

        Stronger ones are better calibrated; the rule is that of Breiman, Friedman, Olshen and Stone (1984).
        """
        found = {shrinkage: self.accuracy(shrinkage) for shrinkage in SHRINKAGES}
        best, total = max(found.values())
        error = (best * (1 - best) / max(total, 1)) ** 0.5
        return max(shrinkage for shrinkage, (share, _) in found.items() if share >= best - error)

    def accuracy(self, shrinkage: float) -> tuple[float, int]:
        """Return the share of held-out pictures whose most likely name is the stated one, and how many there were."""
        right = total = 0
        for fold in range(TRIED):
            out = self.pictures.folds == fold
            held = replace(self, shrinkage=shrinkage).without(out)
            tested = _sample(np.flatnonzero(out), np.random.default_rng([self.seed, fold]))
            if held is not None:
                match = held.matcher.match(held.space.coordinates(self.pictures.vectors[tested]))
                right += int((match.best == self.pictures.names[tested]).sum())
                total += len(tested)
        return right / max(total, 1), total


def _believe(learner: _Learner) -> Belief | None:
    """Return how far each stated name is to be believed. A picture and its copies never speak for themselves."""
    pictures = learner.pictures
    n = len(pictures.names)
    stated, drawn = np.full((n, 2), np.nan, np.float32), [np.empty((0, 2), np.float32)]
    other = np.full(n, -1, np.int64)
    random = np.random.default_rng(learner.seed)
    for fold in range(FOLDS):
        tested = np.flatnonzero(pictures.folds == fold)
        held = learner.without(pictures.folds == fold)
        if held is None or not len(tested):
            continue
        coordinates = held.space.coordinates(pictures.vectors[tested])
        names = pictures.names[tested]
        match = held.matcher.match(coordinates, names)
        compared = held.matcher.references.counts[names] > 0
        stated[tested[compared]] = match.doubt_features()[compared]
        other[tested] = np.where(match.score > 0, match.best, -1)
        sampled = _sample(np.flatnonzero(compared), random)
        names_drawn = held.matcher.known[random.integers(0, len(held.matcher.known), len(sampled))]
        features = held.matcher.match(coordinates[sampled], names_drawn).doubt_features()
        drawn.append(features[names_drawn != names[sampled]])
    compared = ~np.isnan(stated[:, 0])
    made_up = np.concatenate(drawn)
    if not compared.any() or not len(made_up):
        return None
    doubt = fit_doubt(stated[compared], made_up)
    wrong = np.full(n, np.nan)
    wrong[compared] = doubt(stated[compared])
    return Belief(wrong, other, float(wrong[compared].mean()))


def _rehearse(learner: _Learner, wrong: Floats64, fold: int) -> Trials | None:
    """Return what happens when one fold is held out, and a fifth of the names whole; None where nothing is left."""
    pictures, seed = learner.pictures, learner.seed
    random = np.random.default_rng([seed, fold])
    left_out = np.random.default_rng(seed).permutation(pictures.classes) % FOLDS == fold
    stranger = left_out[pictures.names]
    held = learner.without((pictures.folds == fold) | stranger)
    if held is None:
        return None
    counts = held.matcher.references.counts
    known = (pictures.folds == fold) & ~stranger & (counts[pictures.names] > 0)
    tested = _sample(np.flatnonzero(known | stranger), random)
    match = held.matcher.match(held.space.coordinates(pictures.vectors[tested]))
    strange = stranger[tested]
    return Trials(
        match.features(),
        (match.best == pictures.names[tested]) & ~strange,
        strange,
        match.count,
        np.full(len(tested), fold, np.int64),
        wrong[tested],
    )


def _sample(rows: Ints, random: np.random.Generator) -> Ints:
    most = TRIALS // FOLDS
    return rows if len(rows) <= most else np.sort(random.choice(rows, most, replace=False))
