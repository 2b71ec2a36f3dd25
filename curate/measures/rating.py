"""How safe a picture is: general, sensitive, questionable or explicit, by the best source that says so.

In this order: the source's own rating, tags, a tagger, a classifier. The classifier's probability is kept beside it for
every picture: below ``low`` it is taken for safe, above ``high`` for unsafe, and between lies a band for reviewers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from curate.measures.base import Measure
from curate.models.rating_models import RatingModel, digest_of, open_rating_model
from curate.protected_words import says_sexual
from index.images.decode import Picture
from index.stages.row_plugin import Batch, Results
from schema.plugins import Options
from schema.settings import Settings
from schema.source_metadata import RATINGS, rating_letter

LEVELS = ("low", "band", "high")


class RatingOptions(Options):
    """``[measure.rating]``."""

    tagger: str = Field(
        "", description="ONNX tagger, a folder with selected_tags.csv that names its ratings."
    )
    classifier: str = Field(
        "", description="ONNX classifier, file or folder; open-nsfw: that of the extra nsfw."
    )
    low: float = Field(
        0.2, ge=0, le=1, description="Probability of unsafe below which a picture is taken for safe."
    )
    high: float = Field(
        0.8, ge=0, le=1, description="Probability of unsafe from which it is taken for unsafe."
    )
    device: str = Field("auto", description="auto, cpu, cuda or cuda:N.")


class Rating(Measure):
    """Rating of an item.

    - ``rating``: g, s, q or e; null where nothing says it, or the classifier is in doubt;
    - ``rating_source``: source, tags, tagger or classifier;
    - ``rating_score``: probability that it is questionable or explicit, of the classifier, else of the tagger;
    - ``rating_level``: low, band or high, the score beside the limits;
    - ``rating_conflict``: words say safe and the score is high, or words say unsafe and it is low.
    """

    name = "rating"
    needs: ClassVar = ("source_rating", "tags")
    gives: ClassVar = {
        "rating": pa.string(),
        "rating_source": pa.string(),
        "rating_score": pa.float32(),
        "rating_level": pa.string(),
        "rating_conflict": pa.bool_(),
    }
    Options = RatingOptions

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        named = {"tagger": self.options.tagger, "classifier": self.options.classifier}
        self._named = {kind: name for kind, name in named.items() if name}
        self._models: dict[str, RatingModel] = {}
        # Without a model no picture is opened.
        self.reads = "pixels" if self._named else "text"

    def identity(self) -> dict[str, str]:
        """Return the digests of its models."""
        return super().identity() | {kind: digest_of(name) for kind, name in self._named.items()}

    def load(self) -> None:
        """Open the models."""
        self._models = {
            kind: open_rating_model(name, self.options.device) for kind, name in self._named.items()
        }

    def close(self) -> None:
        """Let go of the models."""
        self._models = {}

    def prepare(self, picture: Picture) -> dict[str, Any]:
        """Return the input of each model."""
        return {kind: model.prepare(picture.image) for kind, model in self._models.items()}

    def compute(self, batch: Batch) -> Results:
        """See RowPlugin."""
        stated = batch.items.column("source_rating").to_pylist()
        tags = batch.items.column("tags").to_pylist()
        words = [_stated(rating, names or ()) for rating, names in zip(stated, tags, strict=True)]
        rated = {
            kind: model.rate([picture[kind] for picture in batch.pictures])
            for kind, model in self._models.items()
        }
        rows = [
            self._row(
                words[at], {kind: (scores[at], letters[at]) for kind, (scores, letters) in rated.items()}
            )
            for at in range(len(batch))
        ]
        return Results(dict(zip(self.gives, zip(*rows, strict=True), strict=True)))

    def _row(
        self, words: tuple[str, str], rated: dict[str, tuple[np.float32, str]]
    ) -> tuple[str | None, str | None, float | None, str | None, bool]:
        rating, source = words
        score = next((float(rated[kind][0]) for kind in ("classifier", "tagger") if kind in rated), None)
        level = None if score is None else self._level(score)
        conflict = bool(rating and level and (level == "high" if rating in ("g", "s") else level == "low"))
        if not rating and rated.get("tagger", (0, ""))[1]:
            rating, source = rated["tagger"][1], "tagger"
        if not rating and "classifier" in rated:
            rating, source = self._classified(*rated["classifier"]), "classifier"
        return rating or None, (source or None) if rating else None, score, level, conflict

    def _level(self, score: float) -> str:
        return "low" if score < self.options.low else "high" if score >= self.options.high else "band"

    def _classified(self, score: np.float32, letter: str) -> str:
        if letter:
            return letter
        return {"low": "g", "band": "", "high": "e"}[self._level(float(score))]


def _stated(rating: str | None, tags: Sequence[str]) -> tuple[str, str]:
    """Return the rating that words give and which words, empty for none."""
    if rating and rating_letter(rating) in RATINGS:
        return rating_letter(rating), "source"
    named = [rating_letter(tag) for tag in tags if tag.lower().startswith("rating")]
    worst = max((letter for letter in named if letter), key="gsqe".index, default="")
    if any(says_sexual(tag) for tag in tags):
        worst = max(worst or "q", "q", key="gsqe".index)
    return worst, "tags" if worst else ""
