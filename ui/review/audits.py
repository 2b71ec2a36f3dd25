"""What the audit queue measures: the true precision of machine labels, with its exact interval."""

from __future__ import annotations

from dataclasses import dataclass

from index.reviews.log import live_batches
from index.reviews.records import AUDIT
from schema.numbers.statistics import interval
from schema.vocabulary import Attribute
from ui.review.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Estimate:
    """Audited labels: how many were decided, how many were correct, and the 95 % Clopper-Pearson interval."""

    decided: int
    correct: int
    low: float
    high: float

    @property
    def text(self) -> str:
        """The share and its interval as words."""
        return f"{self.precision:.0%} ({self.low:.0%} to {self.high:.0%})"

    @property
    def precision(self) -> float:
        """The share that was correct."""
        return self.correct / self.decided if self.decided else 0.0


def audited(workspace: Workspace) -> list[Attribute]:
    """Return the attributes of which anything was audited."""
    seen = {r.attribute for r in workspace.reviews() if r.queue == AUDIT}
    return [attribute for attribute in workspace.attributes if attribute.name in seen]


def estimate(workspace: Workspace, attribute: Attribute) -> Estimate:
    """Return what the audit has found so far of one attribute; each item counts once, with its last decision."""
    reviews = workspace.reviews()
    live = live_batches(reviews)
    outcome: dict[int, bool] = {}
    batches: dict[tuple[int, str], set[str]] = {}
    for review in reviews:
        if review.attribute != attribute.name or not live[review.batch] or review.queue != AUDIT:
            continue
        shown = set(review.shown)
        said = batches.setdefault((review.row, review.batch), set())
        if review.action in ("set", "add") and review.value is not None:
            said.add(review.value)
        outcome[review.row] = said == shown if attribute.multi_label else shown == said
    correct = sum(outcome.values())
    low, high = interval(correct, len(outcome))
    return Estimate(len(outcome), correct, low, high)
