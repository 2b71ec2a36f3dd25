"""What an encoder is: prepared pictures in, unit vectors out; everything else about it has a default."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from schema.arrays import Floats16, Floats32, Pixels
from schema.errors import EncoderError
from schema.plugins import Options, options_of
from schema.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa
    from PIL.Image import Image

    from index.store import Store


@dataclass(frozen=True, slots=True)
class Batch:
    """Pictures on their way to a vector.

    ``images`` uint8 [n, height, width, 3] as ``Encoder.prepare`` made them; None for encoders that read no pictures.
    ``items`` has one row per picture: row, item_id, keys, places (see embed/vectors/stage.py); None for bare pictures.
    """

    images: Pixels | None
    items: pa.Table | None = None


class Encoder(ABC):
    """One way to make vectors. The settings travel, the encoder is built where it runs.

    A subclass says what it is (``identity``, ``dim``) and writes ``encode``; the rest has defaults.
    """

    reads_images: ClassVar[bool] = True
    has_text: ClassVar[bool] = False
    Options: ClassVar[type[Options]] = Options

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.options = self.options_of(settings)

    @classmethod
    def options_of(cls, settings: Settings) -> Any:
        """Return the options of this encoder, ``[encoder.NAME]`` in the settings, as its ``Options``.

        Raises SettingsError that names the unknown key or bad value, and what is allowed.
        """
        return options_of(cls, settings.encoder.plugins, settings.encoder.kind, "encoder")

    @abstractmethod
    def encode(self, batch: Batch) -> Floats32:
        """Return the vectors of a batch, float32 [n, dim], not normalised; a row of zeros or NaN is a failure."""

    @classmethod
    @abstractmethod
    def identity(cls, settings: Settings) -> tuple[str, dict[str, str]]:
        """Return a readable name and everything that changes the vectors (weights, preprocessing), without loading
        the model. Raises EncoderError when the settings name nothing that exists."""

    @property
    @abstractmethod
    def dim(self) -> int:
        """Return the width of the vectors."""

    @property
    def image_size(self) -> tuple[int, int]:
        """Return (height, width) of a prepared picture."""
        raise EncoderError(f"the encoder {self.settings.encoder.kind} reads no pictures")

    @property
    def cover(self) -> bool:
        """Tell whether a picture must cover the prepared size (crop) or fit into it (letterbox)."""
        return self.settings.encoder.fit == "crop"

    @property
    def batch_size(self) -> int:
        """Return how many pictures to hand over at once; it may shrink while running."""
        return self.settings.encoder.batch or 32

    @property
    def preprocessing(self) -> str:
        """Return in words how pictures are made ready."""
        return "none"

    @property
    def fixed_shape(self) -> bool:
        """Tell whether every batch must be full: a compiled model is compiled anew for each shape."""
        return self.settings.encoder.compile

    def facts(self) -> dict[str, str]:
        """Return what a run should record of how it encoded, such as device and precision."""
        return {}

    def missing(self, items: pa.Table) -> Sequence[str | None]:
        """Return per item why the encoder cannot have a vector for it, None where it can."""
        return [None] * items.num_rows

    def prepare(self, image: Image) -> Pixels:
        """Return a picture (PIL, RGB) ready for ``encode``: uint8 [height, width, 3]. Called from many threads."""
        raise EncoderError(f"the encoder {self.settings.encoder.kind} reads no pictures")

    def buffer(self, count: int) -> Pixels:
        """Return room for ``count`` prepared pictures, in memory from which the device reads fastest."""
        return np.zeros((count, *self.image_size, 3), dtype=np.uint8)

    def submit(self, batch: Batch) -> Callable[[], Floats32]:
        """Start on a batch and return a call that waits for its vectors; only on a device does this overlap."""
        vectors = self.encode(batch)
        return lambda: vectors

    def encode_texts(self, texts: Sequence[str]) -> Floats32:
        """Return the vectors of texts, float32 [n, dim], unit length.

        Raises EncoderError when the encoder has no text tower.
        """
        raise EncoderError(
            f"the encoder {self.settings.encoder.kind} has no text tower",
            "Query by image, or choose an open_clip model.",
        )

    def shipped_prompts(self) -> Mapping[str, Floats32]:
        """Return the vectors of prompts that lie beside the weights, by ``sentences_key``; {} where there are none."""
        return {}

    def check(self, store: Store) -> list[str]:
        """Raise EncoderError when the encoder does not fit this store; return notes worth a line each."""
        return []


def normalise(vectors: Floats32) -> tuple[Floats16, list[str | None]]:
    """Return unit vectors as float16 [n, d], and per row why there is none (its values are zero then)."""
    finite = np.asarray(np.isfinite(vectors).all(axis=1))
    data = np.where(finite[:, None], vectors, np.float32(0))
    # Scaled first: the squares of very large or small components would leave float32.
    largest = np.abs(data).max(axis=1, initial=0)
    data = data / np.where(largest > 0, largest, np.float32(1))[:, None]
    length = np.sqrt(np.einsum("ij,ij->i", data, data))
    unit = (data / np.where(length > 0, length, np.float32(1))[:, None]).astype(np.float16)
    reasons: list[str | None] = [None] * len(data)
    for index in np.flatnonzero(length == 0):
        reasons[index] = "the vector is all zeros" if finite[index] else "the vector holds NaN or infinity"
    return unit, reasons
