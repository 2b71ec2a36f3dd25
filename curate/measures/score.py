"""A score of each item by a model of the user's: a head on the stored vectors, or an ONNX classifier of pictures.

A head (curate/models/heads.py) names its encoder and is refused for another one. An ONNX file gives one number, or
ordered classes from worst to best, whose score is the mean of their numbers, weighted by their probabilities.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from curate.measures.vectors import VectorMeasure, write_percentiles
from curate.models.heads import Head, load_head
from curate.models.onnx_model import OnnxModel, digest, file_digest
from index.images.decode import Picture
from index.stages.row_plugin import Batch, Results
from index.store import Store
from schema.errors import ModelError
from schema.plugins import Options
from schema.settings import Settings

# Ordered classes that are known by name, worst first: those of imgutils' anime_dbaesthetic.
ORDERED = ("worst", "low", "normal", "good", "great", "best", "masterpiece")


class ScoreOptions(Options):
    """``[measure.score]``."""

    model: str = Field(
        "", description="A head, FILE.safetensors with FILE.json beside it, or an ONNX file or folder."
    )
    device: str = Field("auto", description="auto, cpu, cuda or cuda:N; for ONNX.")


class Score(VectorMeasure):
    """Score of an item.

    - ``score``: what the model gives; ``score_percentile``: its percentile in the collection;
    - ``score_class``: the likeliest class of a model of ordered classes; ``score_model``: its file's name.
    """

    name = "score"
    gives: ClassVar = {
        "score": pa.float32(),
        "score_percentile": pa.float32(),
        "score_class": pa.string(),
        "score_model": pa.string(),
    }
    Options = ScoreOptions

    def __init__(self, settings: Settings, bound: dict[str, Any] | None = None) -> None:
        super().__init__(settings, bound)
        self._path = Path(self.options.model).expanduser()
        self._is_head = self._path.suffix == ".safetensors"
        if not self._is_head:
            self.reads = "pixels"
        self._head: Head | None = None
        self._model: OnnxModel | None = None

    @classmethod
    def missing(cls, settings: Settings) -> str:
        """Return that no model is named."""
        return "" if cls(settings).options.model else "measure.score.model names no model"

    def bind(self, store: Store) -> None:
        """See VectorMeasure; a head of another encoder is refused with ModelError."""
        if not self.options.model:
            raise ModelError("measure.score.model names no model", "Name a head or an ONNX file.")
        if not self._is_head:
            return
        super().bind(store)
        head = load_head(self._path)
        if not head.fits(self.encoder):
            raise ModelError(
                f"{self._path} was made for vectors of {head.encoder}, the store's are of {self.encoder}",
                "Embed with its encoder, or name a head of this one.",
            )
        width = store.schema(self.vectors_table).field("vector").type.list_size
        if head.layers[0][0].shape[1] != width:
            raise ModelError(f"{self._path} takes {head.layers[0][0].shape[1]} numbers, vectors have {width}")

    def identity(self) -> dict[str, str]:
        """Return the digest of the model."""
        if not self.options.model:
            return super().identity()
        if not self._is_head:
            return super().identity() | {"model": file_digest(self._path)}
        if not self._path.is_file():
            raise ModelError(f"there is no model {self._path}")
        beside = self._path.with_suffix(".json")
        digests = [digest(path) for path in (self._path, beside) if path.is_file()]
        return super().identity() | {"model": " ".join(digests)}

    def load(self) -> None:
        """Open the model."""
        if self._is_head:
            self._head = load_head(self._path)
        else:
            self._model = OnnxModel(self._path, device=self.options.device)
            self._names = self._model.labels()

    def prepare(self, picture: Picture) -> Any:
        """See RowPlugin."""
        assert self._model is not None
        return self._model.prepare(picture.image)[0]

    def compute(self, batch: Batch) -> Results:
        """See RowPlugin."""
        model = [self._path.stem] * len(batch)
        if self._head is not None:
            return Results({"score": self._head(batch.vectors.astype(np.float32)), "score_model": model})
        assert self._model is not None
        answers = next(iter(self._model.run(list(batch.pictures)).values()))
        answers = answers.reshape(len(batch), -1)
        if answers.shape[1] == 1:
            return Results({"score": answers[:, 0], "score_model": model})
        names = self._ordered(answers.shape[1])
        if answers.min() < 0 or answers.max() > 1:
            answers = np.exp(answers - answers.max(axis=1, keepdims=True))
        shares = answers / np.maximum(answers.sum(axis=1, keepdims=True), 1e-9)
        order = [names.index(name) for name in sorted(names, key=_rank(names))]
        score = shares[:, order] @ np.arange(len(names), dtype=np.float32)
        best = [names[at] for at in answers.argmax(axis=1)]
        return Results({"score": score, "score_class": best, "score_model": model})

    def finish(self, store: Store) -> list[str]:
        """Rank the collection."""
        write_percentiles(store, self.table, {"score": "score_percentile"})
        return []

    def _ordered(self, count: int) -> list[str]:
        if self._names and len(self._names) != count:
            raise ModelError(f"{self._path} gives {count} numbers, and names {len(self._names)} classes")
        return self._names or [str(number) for number in range(count)]


def _rank(names: list[str]) -> Any:
    """Return the order of the classes: by the known names where all are known, else as the model gives them."""
    if set(names) <= set(ORDERED):
        return ORDERED.index
    return names.index
