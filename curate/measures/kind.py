"""What kind of picture it is: photo, 3D, drawing, line art, comic page, and whether a generator made it.

The kind comes from a classifier where one is named, else from tags, else from the pixels where they are plain about it;
a kind that nothing says is null. That a picture was generated comes from tags, from the prompt that a generator wrote
into the file, or from a classifier, and is null where none of them says it: absence of a prompt proves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from curate.measures.base import Measure
from curate.measures.colour import Colour
from curate.models.onnx_model import OnnxModel, file_digest
from index.images.decode import Picture
from index.stages.row_plugin import Batch, Results
from schema.arrays import Floats32
from schema.errors import ModelError
from schema.plugins import Options
from schema.settings import Settings

KINDS = ("photo", "3d", "drawing", "line art", "comic page")

_TAGS: tuple[tuple[str, frozenset[str]], ...] = (
    ("comic page", frozenset("comic manga 4koma multiple_4koma comic_page manga_page webtoon".split())),
    ("photo", frozenset("photo photo_(medium) photorealistic_photo cosplay_photo photo_background_only".split())),
    ("3d", frozenset("3d 3d_(artwork) mmd koikatsu_(medium) blender_(medium) source_filmmaker_(medium) vrm".split())),
    ("line art", frozenset("lineart line_art sketch monochrome_lineart coloring_page uncolored".split())),
    ("drawing", frozenset("traditional_media illustration painting_(medium) digital_(artwork) pixel_art".split())),
)  # fmt: skip
_GENERATED = frozenset(
    """ai-generated ai_generated ai-assisted ai_art stable_diffusion novelai midjourney nijijourney dall-e
    generated_by_ai ai_artwork""".split()
)
# What classifiers call these kinds; imgutils' anime_classify among them (3d, bangumi, comic, illustration,
# not_painting).
_NAMES = {
    "photo": "photo", "real": "photo", "photograph": "photo", "not_painting": "photo", "realistic": "photo",
    "3d": "3d", "cgi": "3d", "render": "3d",
    "drawing": "drawing", "illustration": "drawing", "anime": "drawing", "bangumi": "drawing", "painting": "drawing",
    "line_art": "line art", "lineart": "line art", "sketch": "line art",
    "comic": "comic page", "manga": "comic page", "comic_page": "comic page", "manga_page": "comic page",
    "ai": "generated", "ai_generated": "generated", "generated": "generated", "fake": "generated", "sd": "generated",
    "human": "made", "not_ai": "made", "made": "made", "human_made": "made",
}  # fmt: skip
# Line art by its pixels: lines on paper and hardly a colour. A drawing: so much of the area is flat in few colours.
_LINES, _FLAT, _FEW = 0.6, 0.5, 40


class KindOptions(Options):
    """``[measure.kind]``."""

    classifier: str = Field(
        "", description="ONNX classifier of kinds, file or folder, with the names of its classes."
    )
    generated: str = Field(
        "", description="ONNX classifier of generated pictures, with names such as ai and human."
    )
    least: float = Field(
        0.5, ge=0, le=1, description="Least probability of a classifier's answer that counts."
    )
    device: str = Field("auto", description="auto, cpu, cuda or cuda:N.")


class Kind(Measure):
    """Kind of a picture.

    - ``kind``: photo, 3d, drawing, line art, comic page, or null; ``kind_source``: classifier, tags or pixels;
    - ``kind_score``: probability, where a classifier said it;
    - ``kind_generated``: made by a generator, null where nothing says; ``kind_generated_source``: tags, prompt or
      classifier; ``kind_generated_score``: probability, where a classifier said it.
    """

    name = "kind"
    needs: ClassVar = ("tags", "has_prompt")
    gives: ClassVar = {
        "kind": pa.string(),
        "kind_source": pa.string(),
        "kind_score": pa.float32(),
        "kind_generated": pa.bool_(),
        "kind_generated_source": pa.string(),
        "kind_generated_score": pa.float32(),
    }
    Options = KindOptions

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        named = {"classifier": self.options.classifier, "generated": self.options.generated}
        self._named = {use: path for use, path in named.items() if path}
        self._models: dict[str, _Classes] = {}
        self._colour = Colour(settings.model_copy(update={"measure": type(settings.measure)()}))

    def identity(self) -> dict[str, str]:
        """Return the digests of its models."""
        return super().identity() | {use: file_digest(path) for use, path in self._named.items()}

    def load(self) -> None:
        """Open the models."""
        self._models = {use: _Classes(path, self.options.device) for use, path in self._named.items()}

    def prepare(self, picture: Picture) -> dict[str, Any]:
        """Return the input of each model, and what the measure colour wants."""
        inputs: dict[str, Any] = {use: model.prepare(picture) for use, model in self._models.items()}
        return inputs | {"colour": self._colour.prepare(picture)}

    def compute(self, batch: Batch) -> Results:
        """See RowPlugin."""
        answers = {
            use: model.classify([picture[use] for picture in batch.pictures])
            for use, model in self._models.items()
        }
        looks = self._colour.compute(
            Batch(batch.items, [picture["colour"] for picture in batch.pictures])
        ).columns
        tags = batch.items.column("tags").to_pylist()
        prompts = batch.items.column("has_prompt").to_pylist()
        rows = []
        for at in range(len(batch)):
            given = {use: found[at] for use, found in answers.items()}
            words = {tag.lower().replace(" ", "_") for tag in tags[at] or ()}
            look = {name: values[at] for name, values in looks.items()}
            rows.append((*self._kind(given, words, look), *self._generated(given, words, bool(prompts[at]))))
        return Results(dict(zip(self.gives, zip(*rows, strict=True), strict=True)))

    def _kind(
        self, given: dict[str, dict[str, float]], words: set[str], look: dict[str, Any]
    ) -> tuple[str | None, str | None, float | None]:
        shares = {name: share for name, share in given.get("classifier", {}).items() if name in KINDS}
        if shares:
            best = max(shares, key=lambda name: shares[name])
            if shares[best] >= self.options.least:
                return best, "classifier", shares[best]
        for name, tags in _TAGS:
            if words & tags:
                return name, "tags", None
        if look["colour_line_art"] >= _LINES and look["colour_tones"] == "grey":
            return "line art", "pixels", None
        if look["colour_flat_share"] >= _FLAT and 2 <= look["colour_flat"] <= _FEW:
            return "drawing", "pixels", None
        return None, None, None

    def _generated(
        self, given: dict[str, dict[str, float]], words: set[str], prompt: bool
    ) -> tuple[bool | None, str | None, float | None]:
        if words & _GENERATED:
            return True, "tags", None
        if prompt:
            return True, "prompt", None
        shares = given.get("generated") or given.get("classifier", {})
        if "generated" not in shares:
            return None, None, None
        share = shares["generated"]
        decided = max(share, shares.get("made", 1 - share)) >= self.options.least
        return (share >= 0.5 if decided else None), ("classifier" if decided else None), share


def _logistic(values: Floats32) -> Floats32:
    found: Floats32 = (1 / (1 + np.exp(-values))).astype(np.float32)
    return found


class _Classes:
    """A classifier whose classes are told by name; probabilities of one kind add up."""

    def __init__(self, path: str, device: str) -> None:
        self._model = OnnxModel(path, device=device)
        names = self._model.labels()
        self._kinds = [
            _NAMES.get(name.strip().lower().replace(" ", "_").replace("-", "_"), "") for name in names
        ]
        if not any(self._kinds):
            raise ModelError(
                f"no class of {path} is a known kind: {', '.join(names) or 'it names none'}",
                f"Name its classes in a JSON beside it, among: {', '.join(_NAMES)}",
            )

    def prepare(self, picture: Picture) -> Floats32:
        return self._model.prepare(picture.image)[0]

    def classify(self, inputs: Sequence[Floats32]) -> list[dict[str, float]]:
        answers: Floats32 = next(iter(self._model.run(inputs).values())).reshape(len(inputs), -1)
        if answers.shape[1] != len(self._kinds):
            raise ModelError(
                f"{self._model.path} gives {answers.shape[1]} numbers, and names {len(self._kinds)}"
            )
        if answers.shape[1] == 1:
            answers = answers if answers.min() >= 0 and answers.max() <= 1 else _logistic(answers)
        else:
            if answers.min() < 0 or answers.max() > 1:
                answers = np.exp(answers - answers.max(axis=1, keepdims=True))
            answers = answers / np.maximum(answers.sum(axis=1, keepdims=True), 1e-9)
        found = []
        for row in answers:
            shares: dict[str, float] = {}
            for kind, share in zip(self._kinds, row, strict=True):
                if kind:
                    shares[kind] = shares.get(kind, 0.0) + float(share)
            found.append(shares)
        return found
