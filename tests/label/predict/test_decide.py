"""The rule that makes a label, against a plain reading of it item by item, and monotone in the evidence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from label.observed.labels import REVIEW, SOURCES
from label.predict.decide import MODEL, NONE_OF_THEM, DecisionRule, Decisions, Predictions, Statements, decide

N, V = 40, 4
TAG, TEXT = SOURCES.index("tag"), SOURCES.index("text")


def rule_of(multi_label: bool, may_be_absent: bool = False) -> DecisionRule:
    recall, most = np.array([0.9, 0.8, 0.7, 0.6]), np.array([0.99, 0.95, 0.98, 0.9])
    return DecisionRule(multi_label, may_be_absent, 0.85, recall, most)


def nothing_said(n: int) -> Statements:
    off, none = np.zeros(n, bool), np.zeros((n, V), bool)
    return Statements(
        np.zeros((n, V), np.int8),
        off,
        off.copy(),
        none,
        none.copy(),
        off.copy(),
        none.copy(),
        off.copy(),
        ~off,
    )


def random_case(seed: int, multi_label: bool) -> tuple[Statements, Predictions]:
    """Return statements and predictions of N items as they can come, most of them odd."""
    rng = np.random.default_rng(seed)
    source = np.where(rng.random((N, V)) < 0.15, rng.integers(1, REVIEW + 1, (N, V)), 0).astype(np.int8)
    if not multi_label:
        source[np.arange(V) != rng.integers(0, V, N)[:, None]] = 0
    elsewhere = rng.random(N) < 0.1
    any_stated = (source > 0).any(axis=1) | elsewhere
    any_tagged = ((source > 0) & (source < REVIEW)).any(axis=1) | elsewhere
    contested = (rng.random((N, V)) < 0.5) & (rng.random(N) < 0.3)[:, None] & ~any_stated[:, None]
    rejected = (rng.random((N, V)) < 0.1) & (source == 0)
    said = Statements(
        source,
        any_stated,
        any_tagged,
        (rng.random((N, V)) < 0.1) & any_stated[:, None] & multi_label,
        contested & (not multi_label),
        contested.any(axis=1) & (not multi_label),
        rejected,
        any_tagged | (rng.random(N) < 0.5),
        rng.random(N) < 0.8,
    )
    probability = rng.random((N, V)) ** 0.5
    if not multi_label:
        probability /= probability.sum(axis=1, keepdims=True)
        sharp = rng.random(N) < 0.5
        probability[sharp] = np.where(
            probability[sharp] == probability[sharp].max(axis=1)[:, None], 0.97, 0.01
        )
    threshold = np.where(rng.random((N, V)) < 0.1, 2.0, rng.uniform(0.5, 0.95, (N, V)))
    # Most conflicts are between values that would not be given by themselves.
    threshold[said.in_conflict & (rng.random(N) < 0.7)] = 2.0
    return said, Predictions(probability, threshold, rng.random((N, V)).astype(np.float32))


def posterior(p: float, recall: float) -> float:
    return p * (1 - recall) / (p * (1 - recall) + 1 - p)


def oracle(
    rule: DecisionRule, said: Statements, model: Predictions, item: int
) -> dict[int, tuple[int, float]]:
    """Return by value (source, confidence) of one item, by the words of the rule."""
    own = {v: int(said.source[item, v]) for v in range(V) if said.source[item, v]}
    found = {
        v: (source, 1.0 if source == REVIEW else float(model.reliability[item, v]))
        for v, source in own.items()
    }
    p = {v: 0.0 if said.rejected[item, v] else float(model.probability[item, v]) for v in range(V)}
    if rule.multi_label:
        weighed = bool(said.any_tagged[item])
        may_get = [v for v in range(V) if v not in own and not said.implied[item, v]]
    else:
        weighed = rule.may_be_absent and bool(
            said.tagged[item] and not said.any_tagged[item] and not said.in_conflict[item]
        )
        best = max(range(V), key=lambda v: p[v])
        may_get = [] if said.any_stated[item] else [best]
    if not said.open[item]:
        return found
    for v in may_get:
        if p[v] < model.threshold[item, v]:
            continue
        confidence = posterior(min(p[v], rule.most[v]), rule.recall[v]) if weighed else p[v]
        if not weighed or confidence >= rule.target_precision:
            found[v] = (MODEL, confidence)
    rivals = [v for v in range(V) if said.contested[item, v]]
    if not rule.multi_label and not found and not said.any_stated[item] and len(rivals) > 1:
        total = sum(p[v] for v in rivals)
        best = max(rivals, key=lambda v: p[v])
        share = p[best] / max(total + NONE_OF_THEM * max(1 - total, 0.0), 1e-9)
        if share >= rule.target_precision:
            found[best] = (MODEL, share)
    return found


def values_of(decisions: Decisions, item: int) -> dict[int, tuple[int, float]]:
    return {
        v: (int(decisions.source[item, v]), float(decisions.confidence[item, v]))
        for v in range(V)
        if decisions.source[item, v]
    }


@pytest.mark.parametrize("may_be_absent", [False, True])
@pytest.mark.parametrize("multi_label", [False, True])
def test_it_decides_as_the_rule_reads(multi_label: bool, may_be_absent: bool) -> None:
    rule = rule_of(multi_label, may_be_absent)
    given_by_model = resolved = 0
    for seed in range(30):
        said, model = random_case(seed, multi_label)
        decisions = decide(rule, said, model)
        for item in range(N):
            expected = oracle(rule, said, model, item)
            found = values_of(decisions, item)
            assert {v: source for v, (source, _) in found.items()} == {
                v: source for v, (source, _) in expected.items()
            }
            for v, (_, confidence) in found.items():
                assert confidence == pytest.approx(expected[v][1], abs=1e-6)
            given_by_model += MODEL in decisions.source[item]
            resolved += decisions.resolved[item] >= 0
    assert given_by_model > 100
    assert (resolved > 5) != multi_label


@settings(max_examples=150)
@given(st.integers(0, 10_000), st.booleans(), st.booleans(), st.integers(0, V - 1), st.floats(0, 1))
def test_more_evidence_for_a_value_never_costs_it(
    seed: int, multi_label: bool, may_be_absent: bool, value: int, more: float
) -> None:
    """A higher probability of one value, those of the others no higher, never takes it away or lowers it."""
    rule = rule_of(multi_label, may_be_absent)
    said, model = random_case(seed, multi_label)
    higher = model.probability.copy()
    higher[:, value] += (1 - higher[:, value]) * more
    if not multi_label:
        others = np.arange(V) != value
        rest = model.probability[:, others].sum(axis=1)
        scale = np.where(rest > 0, np.minimum((1 - higher[:, value]) / np.maximum(rest, 1e-12), 1), 1)
        higher[:, others] *= scale[:, None]
    before, after = decide(rule, said, model), decide(rule, said, replace(model, probability=higher))
    had = before.source[:, value] == MODEL
    assert np.all(after.source[had, value] == MODEL)
    assert np.all(after.confidence[had, value] >= before.confidence[had, value] - 1e-6)
    stated = said.source > 0
    np.testing.assert_array_equal(after.source[stated], said.source[stated])


@settings(max_examples=100)
@given(st.integers(0, 10_000), st.booleans(), st.integers(0, V - 1))
def test_a_tag_for_a_value_never_takes_it_away(seed: int, multi_label: bool, value: int) -> None:
    """Who states what the model gave keeps it, now from the tag."""
    said, model = random_case(seed, multi_label)
    before = decide(rule_of(multi_label), said, model)
    had = before.source[:, value] == MODEL
    source = said.source.copy()
    source[had, value] = TAG
    more = replace(said, source=source, any_stated=said.any_stated | had, any_tagged=said.any_tagged | had)
    after = decide(rule_of(multi_label), more, model)
    assert np.all(after.source[had, value] == TAG)


@given(st.integers(0, 10_000), st.booleans())
def test_a_reviewer_is_never_overruled(seed: int, multi_label: bool) -> None:
    said, model = random_case(seed, multi_label)
    decisions = decide(rule_of(multi_label, True), said, model)
    assert not np.any((decisions.source == MODEL) & said.rejected)
    assert not np.any((decisions.source == MODEL) & ~said.open[:, None])
    reviewed = said.source == REVIEW
    assert np.all(decisions.confidence[reviewed] == 1)
    assert np.all(decisions.source[reviewed] == REVIEW)


@pytest.mark.parametrize(
    ("multi_label", "may_be_absent", "expected"),
    [(True, False, [True, False, False, False]), (False, True, [False, True, False, False]),
     (False, False, [False, False, False, False])],
)  # fmt: skip
def test_omissions_are_weighed_where_somebody_has_looked(
    multi_label: bool, may_be_absent: bool, expected: list[bool]
) -> None:
    """Of four items one states a value, one is tagged without any, one has no tags, one has contradicting tags."""
    said = nothing_said(4)
    said.source[0, 0] = TAG
    said.any_stated[0] = said.any_tagged[0] = True
    said.tagged[[0, 1, 3]] = True
    said.in_conflict[3] = True
    said.contested[3, :2] = True
    rule = replace(
        rule_of(multi_label, may_be_absent),
        recall=np.full(V, 0.8),
        most=np.full(V, 0.99),
        target_precision=0.9,
    )
    model = Predictions(np.full((4, V), 0.9), np.full(V, 0.85), np.ones((4, V), np.float32))
    decisions = decide(rule, said, model)
    assert decisions.omits.tolist() == expected
    weighed = np.array(expected)[:, None] & (said.source == 0)
    np.testing.assert_allclose(decisions.probability, np.where(weighed, posterior(0.9, 0.8), 0.9))
    np.testing.assert_allclose(decisions.required, np.where(weighed, 0.9, 0.85))
    # A probability of 1 is no more than what the held-out items could show.
    certain = decide(rule, said, replace(model, probability=np.ones((4, V))))
    np.testing.assert_allclose(certain.probability, np.where(weighed, posterior(0.99, 0.8), 1.0))


def test_a_value_that_abstains_is_never_given() -> None:
    said = nothing_said(1)
    model = Predictions(np.ones((1, V)), np.full(V, 2.0), np.ones((1, V), np.float32))
    for multi_label in (False, True):
        decisions = decide(rule_of(multi_label), said, model)
        assert not decisions.source.any() and np.all(decisions.required == 2)
        said.tagged[0] = said.any_tagged[0] = True
