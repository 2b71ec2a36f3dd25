"""How the taggers of a collection tag, measured on their own tags: how much they leave out, what they add wrongly.

A wrong value shows where the right one is stated too, as a contradiction; on items that state nothing else the same
slip passes for a statement. What is left out shows where the votes are surest: there the share of statements
stops rising, at the rate at which taggers say what they see.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from label.learn.calibration import Weights, upper_bound
from schema.arrays import Bools, Floats64

LEAST_RECALL = 0.8
"""Less than this is not assumed unless other attributes show it: votes that stop rising lower are weak votes."""


def usual_recall(rates: Sequence[float]) -> float:
    """Return how often taggers state what is there, as far as attributes of one value, which have ``rates``, show it.

    A picture has a hair colour, stated or not, so the share that states it is known. Whether it shows a hat is not:
    there weak votes look like lazy taggers (asked for 0.85, drawn clothes came out at 0.40), so several-of
    attributes are taken to be tagged no worse than all but a quarter of the others.
    """
    return float(np.quantile(rates, 0.25)) if len(rates) >= LEAST_ATTRIBUTES else LEAST_RECALL


LEAST_ATTRIBUTES = 3
"""Fewer attributes than this do not show what is usual."""


def recall(chances: Weights, stated: Bools, least: float = LEAST_RECALL, confidence: float = 0.8) -> float:
    """Return the share of statements that taggers make where there is something to state, erring upward.

    It is the upper bound of the share among the items whose votes [n] are surest, as many of them as hold between a
    third and all of the statements, where that share is highest: fewer would flatter it by chance; at least ``least``.
    """
    total = int(stated.sum())
    if total < 40:
        return 1.0
    order = np.argsort(-np.asarray(chances), kind="stable")
    right = np.cumsum(stated[order])
    sizes = np.unique(np.linspace(total / 3, min(total, len(order)), 8).astype(int))
    found = right[sizes - 1].astype(np.float64)
    at = int((found / sizes).argmax())
    bound = float(upper_bound(found[at : at + 1], sizes[at : at + 1].astype(float), confidence)[0])
    return float(np.clip(bound, least, 1.0))


def recalls(shares: Floats64, stated: Bools, rate: float) -> Floats64:
    """Return the recall of taggers for each of several values, float64 [v], ``rate`` being that of all together.

    Shares [m, v] are the votes. A value whose surest votes are stated more often than ``rate`` is one that taggers
    seldom leave out, and what is not stated of it counts for more. It is drawn to ``rate`` as far as the values are
    seen to agree (empirical Bayes, by the moments); less than ``rate`` is never assumed: that is a weak vote.
    """
    v = shares.shape[1]
    hits, sizes = np.zeros(v), np.zeros(v)
    for at in range(v):
        total = int(stated[:, at].sum())
        right = np.cumsum(stated[np.argsort(-shares[:, at], kind="stable"), at])
        windows = np.unique(np.linspace(total / 2, total, 6).astype(int))
        windows = windows[windows >= LEAST_WINDOW]
        if len(windows):
            best = int((right[windows - 1] / windows).argmax())
            hits[at], sizes[at] = right[windows[best] - 1], windows[best]
    seen = sizes > 0
    spread = (sizes[seen] * (hits[seen] / sizes[seen] - rate) ** 2).sum() - seen.sum() * rate * (1 - rate)
    between = max(float(spread / max(sizes.sum(), 1.0)), 1e-4)
    strength = float(np.clip(rate * (1 - rate) / between - 1, *AGREEMENT))
    return np.asarray(np.clip((hits + strength * rate) / (sizes + strength), rate, 1.0))


LEAST_WINDOW = 8
"""Fewer votes than this say nothing of how often one value is stated."""
AGREEMENT = (4.0, 200.0)
"""What all values together count for, in items, beside a single one."""


def slips(shares: Floats64, contested: Sequence[Sequence[int]], counts: Weights) -> Floats64:
    """Return how often each value [v] is stated wrongly, per item that states another value.

    ``contested`` lists the value codes that contradict each other on one item, ``shares`` [c, v] are the votes on
    these items: the likelier a value, the less it is the slip. ``counts`` [v] are the single statements.
    """
    v = len(counts)
    wrong = np.zeros(v)
    for row, codes in enumerate(contested):
        said = shares[row, list(codes)] + 1e-3
        wrong[list(codes)] += 1 - said / said.sum()
    others = np.asarray(counts, np.float64).sum() - counts + len(contested)
    return np.asarray(wrong / np.maximum(others, 1.0))


def slip_chance(
    given: Floats64, presence: Floats64, slip: Floats64, rate: float, instead: float = 0.0
) -> Floats64:
    """Return the chance that the single statement of an item is a slip, float64 [n].

    ``given`` [n] is the vote's share for the stated value, ``presence`` [n] the chance that the attribute applies,
    ``slip`` [n] the rate of wrong statements of that value, ``rate`` the recall of right ones; a wrong statement takes
    the place of the right one with the chance ``instead``, else it stands alone only where the right one is left out.
    """
    silent = 1 - presence * rate * (1 - instead)
    wrong = slip * silent
    return np.asarray(wrong / np.maximum(wrong + presence * rate * given * (1 - slip), 1e-12))


def left_out(chances: Floats64, rates: Floats64) -> Floats64:
    """Return the chances of values that an item's tagger leaves out while stating others of the attribute.

    Bayes, from the rate r at which taggers state what is there: p (1 - r) / (p (1 - r) + 1 - p).
    """
    missed = chances * (1 - rates)
    return np.asarray(missed / np.maximum(missed + 1 - chances, 1e-12))
