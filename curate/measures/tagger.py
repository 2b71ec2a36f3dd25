"""Tags of a tagger with their probabilities: WD v3 and its kin, or any ONNX file that says what its outputs mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from curate.measures.base import Measure
from curate.models.onnx_model import OnnxModel, file_digest, model_file
from curate.models.preprocessing import Preprocessing
from curate.models.tag_names import CHARACTER, FILES, RATING, TaggerTag, tagger_tags
from index.images.decode import Picture
from index.stages.row_plugin import Batch, Results
from schema.arrays import Floats32
from schema.errors import ModelError
from schema.ids import content_id
from schema.plugins import Options
from schema.settings import Settings
from schema.source_metadata import rating_letter
from schema.tags.parsing import canonical_tag

WD = Preprocessing(channels="bgr", scale=1.0, fit="pad", fill=255, resampling="bicubic")
"""What WD taggers take: BGR in 0..255, padded to a square with white. They are the NHWC ones."""
NORMALISED = Preprocessing(
    mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5), fit="pad", fill=255, resampling="bicubic"
)
"""What other taggers take where no file beside them says otherwise: RGB in -1..1."""
DECODED = 448


class TaggerOptions(Options):
    """``[measure.tagger]``."""

    path: str = Field(
        "", description="Folder of the tagger: model.onnx with selected_tags.csv or tag_mapping.json."
    )
    floor: float = Field(0.1, ge=0, lt=1, description="Probability from which a tag is kept in the table.")
    most: int = Field(300, ge=1, description="Most tags kept of one picture, the likeliest ones.")
    batch: int = Field(16, ge=1, description="Pictures at once.")
    device: str = Field("auto", description="auto, cpu, cuda or cuda:N.")


class Tagger(Measure):
    """What a tagger sees in a picture.

    - ``tagger_tags`` and ``tagger_probabilities``: tags that are likely enough, the likeliest first;
    - ``tagger_characters``: those of them that name characters;
    - ``tagger_rating``: g, s, q or e, the likeliest, with ``tagger_rating_probability``.

    The probabilities are the model's own and no calibrated ones: what is likely enough is for a reader to say.
    """

    name = "tagger"
    gives: ClassVar = {
        "tagger_tags": pa.list_(pa.string()),
        "tagger_probabilities": pa.list_(pa.float32()),
        "tagger_characters": pa.list_(pa.string()),
        "tagger_rating": pa.string(),
        "tagger_rating_probability": pa.float32(),
    }
    Options = TaggerOptions
    options: TaggerOptions

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._model: OnnxModel | None = None
        self._tags: list[TaggerTag] = []
        self._logits = False

    @classmethod
    def missing(cls, settings: Settings) -> str:
        """See Measure."""
        return "" if cls(settings).options.path else "a tagger: set measure.tagger.path to its folder"

    @property
    def batch_size(self) -> int:
        """See RowPlugin."""
        return self.options.batch

    @property
    def side(self) -> int:
        """See RowPlugin. Enough for every input: what is larger is reduced once more."""
        return 2 * DECODED

    def identity(self) -> dict[str, str]:
        """Return the digest of the model and of the files that say what it means."""
        if not self.options.path:
            return super().identity()
        model = model_file(self.options.path)
        beside = "".join(
            content_id((model.parent / name).read_bytes())
            for name in FILES
            if (model.parent / name).is_file()
        )
        return super().identity() | {"model": file_digest(model), "tags": content_id(beside.encode())}

    def load(self) -> None:
        """Open the model, and tell probabilities from log odds by what it makes of two plain pictures."""
        if not self.options.path:
            raise ModelError("no tagger is named", "Set measure.tagger.path to a folder with model.onnx.")
        path = model_file(self.options.path)
        self._tags = tagger_tags(path)
        model = OnnxModel(path, WD, device=self.options.device)
        if model.layout == "nchw":
            model = OnnxModel(path, NORMALISED, device=self.options.device)
        self._model = model
        shape = (*reversed(model.size), 3) if model.layout == "nhwc" else (3, *reversed(model.size))
        low, high = (-1.0, 1.0) if model.layout == "nchw" else (0.0, 255.0)
        probes: list[Floats32] = [np.full(shape, value, np.float32) for value in (low, high)]
        found = self._output(probes)
        if found.shape[1] != len(self._tags):
            raise ModelError(
                f"{path} gives {found.shape[1]} numbers, and {len(self._tags)} tags stand beside it"
            )
        self._logits = bool((found < 0).any() or (found > 1).any())

    def close(self) -> None:
        """Let go of the model."""
        self._model = None

    def facts(self) -> dict[str, Any]:
        """See RowPlugin."""
        device = self._model.device if self._model is not None else ""
        return {
            "device": device,
            "tags": len(self._tags),
            "outputs": "logits" if self._logits else "probabilities",
        }

    def prepare(self, picture: Picture) -> Floats32:
        """Return the numbers of one input."""
        assert self._model is not None
        return self._model.prepare(picture.image)[0]

    def compute(self, batch: Batch) -> Results:
        """See RowPlugin."""
        scores = self._output(batch.pictures)
        if self._logits:
            scores = (1 / (1 + np.exp(-np.clip(scores.astype(np.float64), -60, 60)))).astype(np.float32)
        rows = [self._row(row) for row in scores]
        return Results(dict(zip(self.gives, zip(*rows, strict=True), strict=True)))

    def _output(self, inputs: Sequence[Floats32]) -> Floats32:
        """Return the first output with a number for each tag; models that refine give the refined one last."""
        assert self._model is not None
        found = self._model.run(inputs)
        fitting = [value for value in found.values() if value.ndim == 2 and value.shape[1] == len(self._tags)]
        return fitting[-1] if fitting else next(iter(found.values())).reshape(len(inputs), -1)

    def _row(self, scores: Floats32) -> tuple[list[str], list[float], list[str], str | None, float | None]:
        order = np.argsort(-scores, kind="stable")
        kept: list[tuple[str, float, str]] = []
        for place in order.tolist():
            if scores[place] < self.options.floor or len(kept) >= self.options.most:
                break
            tag = self._tags[place]
            if tag.category != RATING:
                kept.append((canonical_tag(tag.name) or tag.name, float(scores[place]), tag.category))
        rating, sure = self._rating(scores)
        characters = [name for name, _, category in kept if category == CHARACTER]
        return [name for name, *_ in kept], [score for _, score, _ in kept], characters, rating, sure

    def _rating(self, scores: Floats32) -> tuple[str | None, float | None]:
        places = [place for place, tag in enumerate(self._tags) if tag.category == RATING]
        if not places:
            return None, None
        best = max(places, key=lambda place: scores[place])
        name = self._tags[best].name
        return rating_letter(name) or None, float(scores[best])
