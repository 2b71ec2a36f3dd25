"""A noise model of the annotators, measured on their own tags: how much they leave out, and what they add wrongly.

A wrong value shows where the right one is tagged too, as a contradiction; on items with no other tag the same mistake
passes for an observed label. What is left out shows where the scorers are most certain: there the share of tagged
items stops rising, at the rate at which taggers state what they see.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from label.learn.calibration import Numbers
from label.learn.options import LOWEST_RECALL
from schema.arrays import Bools, Floats64
from schema.numbers.statistics import upper_bound

LEAST_ATTRIBUTES = 3
"""Fewer attributes than this do not show what is usual."""
LEAST_STATED = 40
"""Fewer tagged items than this do not show how much is left out."""
LEAST_WINDOW = 8
"""Fewer items than this say nothing of how often one value is tagged."""
AGREEMENT = (4.0, 200.0)
"""What all values together count for, in items, beside a single one: at least and at most."""
SHARE_FLOOR = 1e-4
"""Added to shares before they are divided by one another."""


def usual_recall(rates: Sequence[float]) -> float:
    """Return the tagging recall that multi-label attributes are taken to have, given ``rates`` of single-label ones.

    A picture has a hair colour, tagged or not, so the share that is tagged is known. Whether it shows a hat is not:
    there weak scorers look like careless taggers (0.85 was planted, drawn clothes came out at 0.40). So multi-label
    attributes are taken to be tagged no worse than all but a quarter of the others.
    """
    return float(np.quantile(rates, 0.25)) if len(rates) >= LEAST_ATTRIBUTES else LOWEST_RECALL


def tagging_recall(
    scores: Numbers, stated: Bools, lowest: float = LOWEST_RECALL, confidence: float = 0.8
) -> float:
    """Return the share of what there is to state that taggers do state, erring upward; at least ``lowest``.

    It is the upper bound of the share among the items with the highest ``scores`` [n], as many of them as make
    between a third and all of those ``stated`` [n], where that share is highest: fewer would flatter it by chance.
    """
    total = int(stated.sum())
    if total < LEAST_STATED:
        return 1.0
    order = np.argsort(-np.asarray(scores), kind="stable")
    hits = np.cumsum(stated[order])
    sizes = np.unique(np.linspace(total / 3, min(total, len(order)), 8).astype(int))
    in_window = hits[sizes - 1].astype(np.float64)
    best = int((in_window / sizes).argmax())
    bound = float(
        upper_bound(in_window[best : best + 1], sizes[best : best + 1].astype(float), confidence)[0]
    )
    return float(np.clip(bound, lowest, 1.0))


def recall_by_value(shares: Floats64, stated: Bools, recall: float) -> Floats64:
    """Return the tagging recall of each value, float64 [v], where ``recall`` is that of all together.

    Shares [m, v] are the scores. A value whose highest scores are tagged more often than ``recall`` is one that
    taggers seldom leave out, and its missing counts for more. It is drawn towards ``recall`` as far as the values are
    seen to agree (empirical Bayes, by the moments); less than ``recall`` is never assumed: that is a weak scorer.
    """
    v = shares.shape[1]
    hits, sizes = np.zeros(v), np.zeros(v)
    for value in range(v):
        total = int(stated[:, value].sum())
        right = np.cumsum(stated[np.argsort(-shares[:, value], kind="stable"), value])
        windows = np.unique(np.linspace(total / 2, total, 6).astype(int))
        windows = windows[windows >= LEAST_WINDOW]
        if len(windows):
            best = int((right[windows - 1] / windows).argmax())
            hits[value], sizes[value] = right[windows[best] - 1], windows[best]
    seen = sizes > 0
    spread = (sizes[seen] * (hits[seen] / sizes[seen] - recall) ** 2).sum()
    spread -= seen.sum() * recall * (1 - recall)
    between = max(float(spread / max(sizes.sum(), 1.0)), 1e-4)
    strength = float(np.clip(recall * (1 - recall) / between - 1, *AGREEMENT))
    return np.asarray(np.clip((hits + strength * recall) / (sizes + strength), recall, 1.0))


def false_tag_rates(shares: Floats64, contested: Sequence[Sequence[int]], counts: Numbers) -> Floats64:
    """Return how often each value [v] is tagged wrongly, per item that has another value.

    ``contested`` lists the value codes that contradict each other on one item, ``shares`` [c, v] are the scores of
    these items: the likelier a value, the less it is the wrong one. ``counts`` [v] are the items with one value.
    """
    v = len(counts)
    wrong = np.zeros(v)
    for item, codes in enumerate(contested):
        said = shares[item, list(codes)] + 1e-3
        wrong[list(codes)] += 1 - said / said.sum()
    others = np.asarray(counts, np.float64).sum() - counts + len(contested)
    return np.asarray(wrong / np.maximum(others, 1.0))


def false_tag_probability(
    shares: Floats64, applicability: Floats64, false_tags: Floats64, recall: float, replaces: float = 0.0
) -> Floats64:
    """Return the probability that the one observed value of an item is a false tag, float64 [n].

    ``shares`` [n] are the scores of the observed values, ``applicability`` [n] the probability that the attribute
    can be told, ``false_tags`` [n] the rate of false tags of that value, ``recall`` that of right ones. A false tag
    takes the place of the right one with the probability ``replaces``, else it stands alone only where the right one
    is left out.
    """
    right_one_missing = 1 - applicability * recall * (1 - replaces)
    wrong = false_tags * right_one_missing
    right = applicability * recall * shares * (1 - false_tags)
    return np.asarray(wrong / np.maximum(wrong + right, 1e-12))


def omission_posterior(probabilities: Floats64, recall: Floats64) -> Floats64:
    """Return the probabilities of values that an item's tagger has looked for and does not state.

    Bayes' rule with the rate r at which taggers state what is there: p (1 - r) / (p (1 - r) + 1 - p).
    """
    missed = probabilities * (1 - recall)
    return np.asarray(missed / np.maximum(missed + 1 - probabilities, 1e-12))


def label_noise_score(shares: Floats64, given: Bools) -> Floats64:
    """Return how far other values are likelier than the ``given`` ones [n, v], 0 to 1; above 0.5 another one leads.

    It is a margin in log shares: a tag is suspect where one other value is clear, less where no value is.
    """
    own = np.where(given, shares, 0).max(axis=1) + SHARE_FLOOR
    other = np.where(given, 0, shares).max(axis=1) + SHARE_FLOOR
    return np.asarray(other / (own + other))
