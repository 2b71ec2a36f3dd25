"""How an attribute is learned."""

from __future__ import annotations

from dataclasses import dataclass, field

LOWEST_RECALL = 0.8
"""Taggers are taken to state no less than this of what they see, unless other attributes show that they do."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """How the weight of a neighbour falls with its distance.

    ``temperature`` is per coordinate; at most ``reach`` reference items are asked; ``prior_weight`` is the weight of
    a vote for the prior, so that three who agree are less certain than three hundred.
    """

    temperature: float = 0.3
    reach: int = 256
    prior_weight: float = 1.0


@dataclass(frozen=True, slots=True)
class FitOptions:
    """How an attribute is learned; every switch has its row in the ablation table of the label benchmark."""

    folds: int = 5
    shrinkage: float = 0.03
    """How far the scatter inside the values is drawn towards a sphere."""
    dimensions: int = 24
    """Coordinates of the subspace at most."""
    kernel: Kernel = field(default_factory=Kernel)
    sources: tuple[str, ...] = ("knn", "probe", "zero_shot")
    neighbours: bool = True
    """Votes of single reference items."""
    centroids: bool = True
    """Closeness to the centre of each value."""
    applicability: bool = True
    """Learn whether an attribute can be told of an item at all."""
    tagging_recall: bool = True
    """Measure how much taggers leave out, and read held-out misses by it."""
    lowest_recall: float = LOWEST_RECALL
    false_tags: bool = True
    """Measure how often taggers state a wrong value, and read held-out contradictions by it."""
    new_styles: bool = True
    """Learn thresholds for pictures of a new style, too, by holding whole style clusters out."""
    noise_models: bool = True
    """Learn a second time from labelled items weighted by how credible they are, to find wrong tags."""
    pooled_thresholds: bool = True
    """Let the values of an attribute lend one another evidence for their thresholds."""
    confidence: float = 0.8
    """Confidence of the lower bound of the precision."""
    min_support: int = 15
    """Held-out items of a value below which it abstains."""
    seed: int = 0
