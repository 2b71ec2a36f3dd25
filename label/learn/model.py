"""The model of one attribute: judges by fold, the pool of what they say, calibrators and thresholds; then frozen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from label.learn.calibration import Curve, Threshold
from label.learn.combine import Pool
from label.learn.knn import Kernel
from label.learn.knn_scorer import FLOOR, Electors, logit
from label.learn.label_noise import LEAST_RECALL, left_out, slip_chance
from label.learn.sources.base import Judge
from schema.arrays import Bools, Floats32, Floats64, Ints

SAYABLE = 0.5
"""Below this chance that an attribute can be told at all, no value of it is voted for."""
IDENTITY = Curve(1.0, 0.0, np.array([0.0, 1.0]), np.array([0.0, 1.0]))
LEAST_SLIP = 0.001
"""No value is never stated wrongly."""
FAINT = 0.01
"""Votes for one of several values below this say nothing about how far a clear vote can be believed."""
UNLIKELY = 0.05
"""A value of several that is stated where the votes give it less than this is a slip of the tagger."""


@dataclass(frozen=True, slots=True)
class Choices:
    """How an attribute is learned; every switch has its row in the ablation table."""

    folds: int = 5
    shrinkage: float = 0.03
    size: int = 24
    kernel: Kernel = field(default_factory=Kernel)
    sources: tuple[str, ...] = ("votes", "probe", "prompts")
    votes: bool = True
    bodies: bool = True
    presence: bool = True
    recall: bool = True
    least_recall: float = LEAST_RECALL
    slips: bool = True
    kinds: bool = True
    audit: bool = True
    pooled: bool = True
    confidence: float = 0.8
    min_support: int = 15
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Bench:
    """The judges of one fold: none of them has seen a donor of it."""

    judges: tuple[Judge, ...]
    whether: Electors | None

    def bases(self) -> list[Floats32]:
        """Return the projections [p, r] that the judges need, in order."""
        return [judge.basis for judge in (*self.judges, self.whether) if judge is not None]

    @property
    def which(self) -> Electors | None:
        """The donors that vote, if any do."""
        return next((judge for judge in self.judges if isinstance(judge, Electors)), None)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names of the kinds of evidence, in order."""
        return tuple(kind for judge in self.judges for kind in judge.kinds)


@dataclass(frozen=True, slots=True)
class Heard:
    """Uncalibrated evidence on n items: ``evidence`` [s, n, v], ``presence`` [t, n] log odds that a tagger would
    state a value, ``support`` [n] effective voters, ``cells`` int16 [2, n] of the items among the donors, ``strange``
    [n] how unlike all donors an item is, 0 to 1."""

    evidence: Floats32
    presence: Floats32
    support: Floats32
    cells: npt.NDArray[np.int16]
    strange: Floats32

    def of(self, rows: Ints) -> Heard:
        """Return the evidence on the items at ``rows`` [m]."""
        return Heard(
            self.evidence[:, rows],
            self.presence[:, rows],
            self.support[rows],
            self.cells[:, rows],
            self.strange[rows],
        )

    def blank(self, n: int) -> Heard:
        """Return room for evidence of this kind on n items."""
        return Heard(
            np.empty((len(self.evidence), n, self.evidence.shape[2]), np.float32),
            np.empty((len(self.presence), n), np.float32),
            np.empty(n, np.float32),
            np.empty((len(self.cells), n), np.int16),
            np.empty(n, np.float32),
        )

    def put(self, rows: Ints, part: Heard) -> None:
        """Set the evidence on the items at ``rows``."""
        self.evidence[:, rows] = part.evidence
        self.presence[:, rows] = part.presence
        self.support[rows] = part.support
        self.cells[:, rows] = part.cells
        self.strange[rows] = part.strange


@dataclass(frozen=True, slots=True)
class AttributeModel:
    """Everything needed to label items of one attribute and to explain the labels.

    ``rate`` is how often taggers state what is there, ``slip`` [v] how often they state each value wrongly.
    """

    name: str
    kind: str
    values: tuple[str, ...]
    asked: float
    choices: Choices
    benches: tuple[Bench, ...]
    pool: Pool
    presence_pool: Pool | None
    curves: tuple[Curve, ...]
    presence: Curve | None
    thresholds: tuple[Threshold, ...]
    absent: bool
    rate: float
    slip: Floats64
    far: Curve | None = None
    far_thresholds: tuple[Threshold, ...] = ()
    auditors: tuple[Bench, ...] = ()
    """Judges of the stated values alone, by fold; they do not believe donors that the others contradict."""
    audit_pool: Pool | None = None
    rates: Floats64 = field(default_factory=lambda: np.empty(0))
    """``rate`` by value [v], for several-of attributes."""

    def hear(self, fold: int, coordinates: Sequence[Floats32], strange: Floats32) -> Heard:
        """Return the evidence on items of one fold, at the coordinates of each judge in the order of ``bases``."""
        return hear(self.benches[fold], coordinates, len(self.values), strange)

    def audit(self, fold: int, coordinates: Sequence[Floats32]) -> Floats64:
        """Return what the auditors give each value of items at the coordinates for each of them, float64 [n, v]."""
        assert self.audit_pool is not None
        none = np.zeros(len(coordinates[0]) if coordinates else 0, np.float32)
        return self.audit_pool(hear(self.auditors[fold], coordinates, len(self.values), none).evidence)

    def chances(self, heard: Heard) -> Floats64:
        """Return calibrated probabilities float64 [n, v]."""
        presence = _presence(heard, self.presence_pool, self.presence)
        shares = self.pool(heard.evidence)
        return _chances(self.kind, shares, presence, self.curves, self.absent, self.far, heard.strange)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names of the kinds of evidence, in the order of the pool's weights."""
        return self.benches[0].kinds

    def sayable(self, heard: Heard) -> Floats64:
        """Return the chance that the attribute can be told of each item at all, float64 [n]."""
        return _presence(heard, self.presence_pool, self.presence)

    def reliability(self, heard: Heard, chances: Floats64, least: float = 0.0) -> Floats64:
        """Return the chance that each value [n, v] is right, given that a tag states it.

        Above 0, ``least`` is the least rate of slips supposed, and that they replace the right statement.
        """
        slip = np.maximum(self.slip, least)
        if self.kind == "many":
            given = chances
            wrong = slip * (1 - given)
            return np.asarray(1 - wrong / np.maximum(wrong + self.rates * given, 1e-12))
        presence = _presence(heard, self.presence_pool, self.presence)[:, None]
        return 1 - slip_chance(self.pool(heard.evidence), presence, slip, self.rate, float(least > 0))

    def left_out(self, chances: Floats64) -> Floats64:
        """Return the chances [n, v] of values on items whose tagger has looked, and leaves them out.

        No chance is taken to be nearer to 1 than as many held-out items as stood can show (rule of succession).
        """
        most = np.array([1 - 1 / (threshold.total + 2) for threshold in self.thresholds])
        rates = self.rates if self.kind == "many" else np.full(len(most), self.rate)
        return left_out(np.minimum(chances, most), rates)

    def silent(self, stated: Bools, tagged: Bools) -> Bools:
        """Return which items' silence speaks, bool [n]: who states some of several values has looked for the others,
        and who tags a character and nothing of the kind may have seen that there is nothing.

        ``stated`` bool [n, v] are the values that tags or text state, ``tagged`` bool [n] tells where tags are.
        """
        some = np.asarray(stated.any(axis=1))
        silence: Bools = some if self.kind == "many" else tagged & ~some & self.absent
        return silence

    def beside(self, chances: Floats64, stated: Bools, tagged: Bools) -> Floats64:
        """Return the chances [n, v] with the silence of items weighed where it speaks (see ``silent``)."""
        where = self.silent(stated, tagged)[:, None] & ~stated
        return np.where(where, self.left_out(chances), chances)

    def needs(self, stated: Bools, tagged: Bools) -> Floats64:
        """Return what each value [n, v] has to reach beside what the items state: where silence speaks, what is asked.

        Thresholds are learned on chances that know nothing of an item's own tags.
        """
        where = self.silent(stated, tagged)[:, None] & ~stated
        at = np.array([threshold.at for threshold in self.thresholds])
        return np.asarray(np.maximum(at, np.where(where, self.asked, 0.0)))

    def accept(self, heard: Heard, chances: Floats64) -> Bools:
        """Return which values stand, bool [n, v]: at or above their threshold, and for one-of the item's best.

        The stranger the item, the nearer its threshold is to the one learned on kinds of picture held out whole.
        """
        at = np.array([threshold.at for threshold in self.thresholds])
        if self.far is not None:
            apart = np.array(
                [max(threshold.at, near) for threshold, near in zip(self.far_thresholds, at, strict=True)]
            )
            at = at + heard.strange[:, None] * (apart - at)
        passed: Bools = chances >= at
        if self.kind == "one":
            passed &= np.arange(len(self.values)) == chances.argmax(axis=1)[:, None]
        return passed


@dataclass(frozen=True, slots=True)
class Dispute:
    """Items whose tags contradict each other: ``rows`` int64 [c], value codes of each, plain features, folds."""

    rows: Ints
    codes: tuple[tuple[int, ...], ...]
    plain: Floats32
    folds: Ints


@dataclass(frozen=True, slots=True)
class Contested:
    """A dispute with the evidence [s, c, v] on it."""

    rows: Ints
    codes: tuple[tuple[int, ...], ...]
    evidence: Floats32


def hear(bench: Bench, coordinates: Sequence[Floats32], v: int, strange: Floats32) -> Heard:
    """Return what the judges of one fold say of n items, from the items' coordinates for each judge."""
    places = iter(coordinates)
    parts: list[Floats32] = []
    n = len(coordinates[0]) if coordinates else 0
    support = np.zeros(n, np.float32)
    presence = np.empty((0, n), np.float32)
    cells = np.full((2, n), -1, np.int16)
    for judge in bench.judges:
        said, tally = judge.judge(next(places))
        if tally is not None:
            support, cells[0] = tally.support, tally.cell
        parts.append(said)
    if bench.whether is not None:
        said, tally = bench.whether.judge(next(places), counted=False)
        cells[1] = tally.cell
        presence = -logit(np.exp(said[:, :, -1])).astype(np.float32)
    evidence = np.concatenate(parts) if parts else np.zeros((0, n, v), np.float32)
    return Heard(evidence, presence, support, cells, strange)


def doubt(shares: Floats64, given: Bools) -> Floats64:
    """Return how far other values are likelier than the given ones [n, v], 0 to 1; above 0.5 another one leads.

    It is a margin in log shares: a tag is suspect where one other value is clear, less where no value is.
    """
    mine = np.where(given, shares, 0).max(axis=1) + FLOOR
    other = np.where(given, 0, shares).max(axis=1) + FLOOR
    return np.asarray(other / (mine + other))


def _presence(heard: Heard, pool: Pool | None, curve: Curve | None) -> Floats64:
    if pool is None or curve is None:
        return np.ones(heard.evidence.shape[1])
    return curve(pool(heard.presence[:, :, None])[:, 0])


def _chances(
    kind: str,
    shares: Floats64,
    presence: Floats64,
    curves: Sequence[Curve],
    absent: bool,
    far: Curve | None,
    strange: Floats32,
) -> Floats64:
    if kind == "many":
        found = np.stack([curve(shares[:, at]) for at, curve in enumerate(curves)], axis=1)
        return found if far is None else _estranged(found, far(shares), strange[:, None])
    best = shares.argmax(axis=1)
    top = shares[np.arange(len(best)), best]
    # Where there may be nothing to say, the chance shrinks; elsewhere a value is there, though few may state it.
    score = top * presence if absent else top
    sure = curves[0](score)
    if far is not None:
        sure = _estranged(sure, far(score), strange)
    if not absent:
        sure = sure * (presence >= SAYABLE)
    # The calibrated chance is the best value's; the others share what is left as they shared the vote.
    found = shares * ((1 - sure) / np.maximum(1 - top, 1e-9))[:, None]
    found = np.minimum(found, sure[:, None])
    found[np.arange(len(best)), best] = sure
    found[sure <= 0] = 0
    return np.asarray(found)


def _estranged(near: Floats64, far: Floats64, strange: npt.NDArray[np.floating]) -> Floats64:
    return np.asarray(near + strange * (np.minimum(near, far) - near))


def by_fold(folds: Ints, listen: Callable[[int, Ints], Heard]) -> Heard:
    """Return the evidence on items [n] of several folds, put together from what ``listen`` gives for each fold."""
    whole: Heard | None = None
    for fold in np.unique(folds).tolist():
        pick = np.flatnonzero(folds == fold)
        part = listen(fold, pick)
        if whole is None:
            whole = part.blank(len(folds))
        whole.put(pick, part)
    assert whole is not None
    return whole
