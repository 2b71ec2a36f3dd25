"""The rule that makes a label: which value wins, how certain it is, and what is left open.

A value that people state stands: review > tag > text > detector. Where nothing is stated, the model gives the values
that reach their threshold; a multi-label attribute may get more beside those that are stated, less what a stated value
implies. Two cases are weighed:

- *Omissions.* Who states some values of a multi-label attribute has looked for the others, and who tags a character
  and no value of an attribute that may be absent may have seen that there is none. What such an item leaves out is
  less probable than the scores say (see ``omission_posterior``), and has to reach the target precision as it is then.
- *Conflicts.* Values of a single-label attribute that an item's tags give and that contradict each other are no
  omission, and none of them stands; one of them is given where it alone takes the target precision of what all of
  them are given.

All arrays are [n, v] over n items with scores and the v values of the model, or [n].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from label.learn.label_noise import omission_posterior
from label.learn.model import AttributeModel, accepted
from label.observed.labels import REVIEW, SOURCES
from schema.arrays import Bools, Floats32, Floats64, Ints, Ints8

MODEL = len(SOURCES)
"""Code of the model as the source of a value, after those of people."""
NONE_OF_THEM = 0.1
"""What it counts for, in a conflict, that none of the contradicting values is right: this share of the rest."""


@dataclass(frozen=True, slots=True)
class DecisionRule:
    """What holds for all items of an attribute: its kind, the precision that is promised, the taggers' recall [v], and
    ``most`` [v], the highest probability that the held-out items could show."""

    multi_label: bool
    may_be_absent: bool
    target_precision: float
    recall: Floats64
    most: Floats64

    @classmethod
    def of(cls, model: AttributeModel) -> DecisionRule:
        """Return the rule of a model; no value is more certain than all its held-out items right, and two more wrong
        by the rule of succession."""
        most = np.array([1 - 1 / (threshold.total + 2) for threshold in model.thresholds])
        return cls(model.multi_label, model.may_be_absent, model.target_precision, model.recalls, most)


@dataclass(frozen=True, slots=True)
class Statements:
    """What people said of n items about one attribute.

    ``source`` int8 [n, v] is the code of the source that states a value, 0 where none does. ``any_stated`` [n] and
    ``any_tagged`` [n] tell whether any value at all is stated, by anybody or by others than reviewers: a stated value
    need not be one of the model's. ``implied`` [n, v] are values that stated ones are a kind of, ``contested`` [n, v]
    those that contradict each other, ``in_conflict`` [n] whether there are such, ``rejected`` [n, v] those that a
    reviewer ruled out. ``tagged`` [n] tells whether an item has tags, ``open`` [n] whether the model may add to it.
    """

    source: Ints8
    any_stated: Bools
    any_tagged: Bools
    implied: Bools
    contested: Bools
    in_conflict: Bools
    rejected: Bools
    tagged: Bools
    open: Bools


@dataclass(frozen=True, slots=True)
class Predictions:
    """What the model gives n items: calibrated ``probability`` [n, v], the ``threshold`` [n, v] or [v] that each value
    has to reach, and the ``reliability`` [n, v] of stated values (elsewhere anything)."""

    probability: Floats64
    threshold: Floats64
    reliability: Floats32


@dataclass(frozen=True, slots=True)
class Decisions:
    """The values of n items: ``source`` int8 [n, v] (0: the item has not this value) and ``confidence`` [n, v].

    ``probability`` and ``required`` [n, v] are what the model gives each value and what it has to reach, omissions
    weighed; ``passes`` [n, v] tells which do. ``omits`` [n] tells whose silence was weighed, ``missing`` [n, v] values
    that the scores give a tagged item which does not state them, ``resolved`` [n] the contested value that the model
    gives, -1 for none.
    """

    source: Ints8
    confidence: Floats32
    probability: Floats64
    required: Floats64
    passes: Bools
    omits: Bools
    missing: Bools
    resolved: Ints


def decide(rule: DecisionRule, said: Statements, model: Predictions) -> Decisions:
    """Return the values of n items, from what people said and what the model predicts."""
    stated = said.source > 0
    probability = np.where(said.rejected, 0.0, model.probability)
    passes = accepted(probability, model.threshold, rule.multi_label)
    allowed = said.open[:, None] & ~stated
    allowed &= ~said.implied if rule.multi_label else ~said.any_stated[:, None]
    missing = passes & allowed & said.tagged[:, None]
    omits = omission_speaks(rule, said)
    omitted = omits[:, None] & ~stated
    probability, required = weigh_omissions(rule, probability, model.threshold, omitted)
    passes &= ~omitted | (probability >= rule.target_precision)
    source = np.where(passes & allowed, np.int8(MODEL), said.source)
    confidence = np.where(stated, model.reliability, probability).astype(np.float32)
    confidence[said.source == REVIEW] = 1
    if not rule.multi_label:
        winner, share = resolve_contested(rule, said, probability, source)
        items = np.flatnonzero(winner >= 0)
        source[items, winner[items]] = MODEL
        confidence[items, winner[items]] = share[items]
    settled = (source == MODEL) & said.contested
    resolved = np.where(settled.any(axis=1), settled.argmax(axis=1), -1)
    return Decisions(source, confidence, probability, required, passes, omits, missing, resolved)


def omission_speaks(rule: DecisionRule, said: Statements) -> Bools:
    """Return which items' silence on other values counts against these, bool [n].

    A reviewer who confirms one of several values has said nothing of the others.
    """
    if rule.multi_label:
        return said.any_tagged
    return said.tagged & ~said.any_tagged & ~said.in_conflict & rule.may_be_absent


def weigh_omissions(
    rule: DecisionRule, probability: Floats64, threshold: Floats64, omitted: Bools
) -> tuple[Floats64, Floats64]:
    """Return the probabilities [n, v] with the ``omitted`` values [n, v] weighed, and what each has to reach.

    Thresholds are learned on probabilities that know nothing of an item's own tags: an omitted value has to reach its
    threshold before it is weighed, and the target precision after. No probability is taken to be nearer to 1 than the
    held-out items can show.
    """
    required = np.broadcast_to(threshold, probability.shape)
    items = np.flatnonzero(omitted.any(axis=1))
    if not len(items):
        return probability, required
    probability, required = probability.copy(), required.copy()
    weighed = omission_posterior(np.minimum(probability[items], rule.most), rule.recall)
    probability[items] = np.where(omitted[items], weighed, probability[items])
    before = required[items]
    after = np.maximum(omission_posterior(np.minimum(before, rule.most), rule.recall), rule.target_precision)
    required[items] = np.where(omitted[items] & (before <= 1), after, before)
    return probability, required


def resolve_contested(
    rule: DecisionRule, said: Statements, probability: Floats64, source: Ints8
) -> tuple[Ints, Floats64]:
    """Return the contested value that the model is certain enough of, int64 [n], -1 for none, and its share [n]."""
    resolved, share = np.full(len(source), -1, np.int64), np.zeros(len(source))
    items = np.flatnonzero(
        (said.contested.sum(axis=1) > 1) & said.open & ~said.any_stated & ~(source > 0).any(axis=1)
    )
    if len(items):
        contested = np.where(said.contested[items], probability[items], 0.0)
        best, total = contested.argmax(axis=1), contested.sum(axis=1)
        rest = NONE_OF_THEM * np.maximum(1 - total, 0.0)
        share[items] = contested[np.arange(len(items)), best] / np.maximum(total + rest, 1e-9)
        resolved[items] = np.where(share[items] >= rule.target_precision, best, -1)
    return resolved, share
