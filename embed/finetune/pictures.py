"""Where training pictures come from: drawn avatars, or the tagged items of a store. Both look the same to training."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from embed.avatars.collection import Collection
from embed.finetune.phrases import Labels
from schema.arrays import Pixels


class Pictures(Protocol):
    """Pictures with what is known of them; pixels come square, letterboxed on white."""

    def __len__(self) -> int: ...

    def labels(self, at: int) -> Labels:
        """What picture ``at`` shows."""

    def text(self, at: int) -> str | None:
        """A description of picture ``at`` as somebody wrote it, or None."""

    def pixels(self, picks: Sequence[int]) -> Pixels:
        """uint8 [n, size, size, 3]."""


class Drawn:
    """Drawn avatars."""

    def __init__(self, collection: Collection) -> None:
        self._pixels, self._captions = collection.pixels, collection.captions
        self._labels = [_as_lists(truth) for truth in collection.truth]

    def __len__(self) -> int:
        return len(self._labels)

    def labels(self, at: int) -> Labels:
        """What the drawing shows, without what cannot be seen."""
        return self._labels[at]

    def text(self, at: int) -> str | None:
        """The caption made when it was drawn."""
        return self._captions[at]

    def pixels(self, picks: Sequence[int]) -> Pixels:
        """uint8 [n, size, size, 3]."""
        return np.stack([self._pixels[at] for at in picks])


class Joined:
    """Several picture sets as one."""

    def __init__(self, parts: Sequence[Pictures]) -> None:
        self._parts = list(parts)
        self._starts = np.cumsum([0, *(len(part) for part in parts)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def _find(self, at: int) -> tuple[Pictures, int]:
        part = int(np.searchsorted(self._starts, at, side="right")) - 1
        return self._parts[part], at - int(self._starts[part])

    def labels(self, at: int) -> Labels:
        """What picture ``at`` shows."""
        part, inner = self._find(at)
        return part.labels(inner)

    def text(self, at: int) -> str | None:
        """The description of picture ``at``."""
        part, inner = self._find(at)
        return part.text(inner)

    def pixels(self, picks: Sequence[int]) -> Pixels:
        """uint8 [n, size, size, 3]."""
        return np.stack([part.pixels([inner])[0] for part, inner in (self._find(at) for at in picks)])


class Thumbnails:
    """Tagged items of a store, from their stored thumbnails (at most 256 px: more than any tower here reads)."""

    def __init__(
        self, thumbnails: Sequence[bytes], labels: Sequence[Labels], texts: Sequence[str | None], size: int
    ) -> None:
        self._thumbnails, self._labels, self._texts, self._size = thumbnails, labels, texts, size

    def __len__(self) -> int:
        return len(self._labels)

    def labels(self, at: int) -> Labels:
        """What the item's tags say."""
        return self._labels[at]

    def text(self, at: int) -> str | None:
        """The item's text, if it has one."""
        return self._texts[at]

    def pixels(self, picks: Sequence[int]) -> Pixels:
        """uint8 [n, size, size, 3]."""
        from PIL import Image

        from embed.encoders.preprocess import letterbox

        white = (255, 255, 255)
        side = (self._size, self._size)
        opened = (Image.open(io.BytesIO(self._thumbnails[at])).convert("RGB") for at in picks)
        return np.stack([np.asarray(letterbox(image, side, white)) for image in opened])


def _as_lists(truth: Mapping[str, str | list[str] | None]) -> dict[str, tuple[str, ...]]:
    given = {
        name: (value,) if isinstance(value, str) else tuple(value or ()) for name, value in truth.items()
    }
    return {name: values for name, values in given.items() if values}
