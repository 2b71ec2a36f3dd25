"""How the taggers of a collection tag, measured on their own tags: how much they leave out, what they add wrongly.

A wrong value shows where the right one is stated too, as a contradiction; on items that state nothing else the same
slip passes for a statement. What is left out shows where the votes are surest: there the share of statements
stops rising, at the rate at which taggers say what they see.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from label.calibrate import Doubles, Weights, upper_bound

LEAST_RECALL = 0.6
"""Less than this is never assumed: votes that stop rising lower are weak votes, not lazy taggers."""


def recall(chances: Weights, stated: npt.NDArray[np.bool_], confidence: float = 0.8) -> float:
    """Return the share of statements that taggers make where there is something to state, erring upward.

    It is the upper bound of the share among the items whose votes [n] are surest, as many of them as hold between a
    third and all of the statements, where that share is highest: fewer would flatter it by chance.
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
    return float(np.clip(bound, LEAST_RECALL, 1.0))


def slips(shares: Doubles, contested: Sequence[Sequence[int]], counts: Weights) -> Doubles:
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
    given: Doubles, presence: Doubles, slip: Doubles, rate: float, instead: float = 0.0
) -> Doubles:
    """Return the chance that the single statement of an item is a slip, float64 [n].

    ``given`` [n] is the vote's share for the stated value, ``presence`` [n] the chance that the attribute applies,
    ``slip`` [n] the rate of wrong statements of that value, ``rate`` the recall of right ones; a wrong statement takes
    the place of the right one with the chance ``instead``, else it stands alone only where the right one is left out.
    """
    silent = 1 - presence * rate * (1 - instead)
    wrong = slip * silent
    return np.asarray(wrong / np.maximum(wrong + presence * rate * given * (1 - slip), 1e-12))
