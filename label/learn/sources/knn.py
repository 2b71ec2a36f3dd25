"""Votes of donors as a source: one by one, and as bodies by the centre of each value."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from label.learn.knn_scorer import elect
from label.learn.sources.base import Drill, Judge, LearnedSource


class VoteSource(LearnedSource):
    """Seats the donors of the other folds in the attribute's own subspace."""

    word: ClassVar[str] = "vote"

    def train(self, drill: Drill) -> Judge | None:
        """Return the electors of one fold."""
        choices = drill.choices
        if not (choices.votes or choices.bodies):
            return None
        basis, electors = elect(
            drill.question,
            drill.question.targets,
            drill.white,
            drill.sums(),
            drill.voters,
            choices.shrinkage,
            choices.size,
            choices.kernel,
            choices.seed,
        )
        named = (("votes", choices.votes), ("value centres", choices.bodies))
        kinds = tuple(name for name, on in named if on)
        return replace(electors, basis=drill.features.unfold(basis), kinds=kinds)
