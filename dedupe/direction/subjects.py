"""Copies as they are measured: thumbnails from the store, files read again where they can be, the last used held."""

from __future__ import annotations

import io
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from PIL import Image

from dedupe.compare.image import Picture
from dedupe.direction.files import FullPicture, Subject
from index.images.decode import BadImage, decode, to_rgb
from index.images.reader import Reader, ReadError
from schema.settings import IngestSettings

# Decoded files held by one thread, in bytes: some eighty pictures of a megapixel.
HELD = 256 * 2**20


@dataclass(frozen=True, slots=True)
class FileLimits:
    """How files are read again: as ingest read them, and none of more than ``pixels``."""

    ingest: IngestSettings
    pixels: int


class Subjects:
    """Subjects by row for one thread. ``items`` say uri, width and height; ``picture`` returns a thumbnail made
    ready."""

    def __init__(
        self,
        items: Mapping[int, Mapping[str, Any]],
        picture: Callable[[int], Picture | None],
        reader: Reader,
        limits: FileLimits,
    ) -> None:
        self._items, self._picture, self._reader, self._limits = items, picture, reader, limits
        self._ready: OrderedDict[int, Subject] = OrderedDict()
        self.problems: Counter[str] = Counter()
        """Why files could not be read again, with how many."""

    def get(self, row: int) -> Subject | None:
        """Return a row made ready, or None where there is no picture to see."""
        if row in self._ready:
            self._ready.move_to_end(row)
            return self._ready[row]
        picture = self._picture(row)
        item = self._items[row]
        if picture is None or picture.flat or not item["width"] or not item["height"]:
            return None
        self._ready[row] = Subject((item["width"], item["height"]), picture, lambda: self._read(row))
        held = 0
        for mate in reversed(list(self._ready)):
            held += self._ready[mate].held
            if held > HELD and mate != row:
                del self._ready[mate]
        return self._ready[row]

    def _read(self, row: int) -> FullPicture | None:
        item = self._items[row]
        try:
            if item["width"] * item["height"] > self._limits.pixels:
                raise ReadError("more pixels than dedupe.full_pixels")
            if not item["uri"]:
                raise ReadError("no address")
            data = self._reader.read(item["uri"])
            picture = decode(
                data,
                background=to_rgb(self._limits.ingest.background),
                max_pixels=self._limits.ingest.max_pixels,
            )
        except (ReadError, BadImage) as error:
            self.problems[str(error)] += 1
            return None
        if (picture.width, picture.height) != (item["width"], item["height"]):
            self.problems["the file has changed since it was taken in"] += 1
            return None
        pixels = np.asarray(picture.image)
        return (
            FullPicture(pixels, *header(data))
            if picture.format in ("jpeg", "tiff", "webp")
            else FullPicture(pixels)
        )


def header(data: bytes) -> tuple[dict[int, list[int]] | None, bool, bool, int]:
    """Return the quantisation tables of a JPEG, whether the file names a camera and an editing program, and its day."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            exif = image.getexif()
            camera = bool(exif.get(_MAKE) or exif.get(_MODEL))
            software = str(exif.get(_SOFTWARE) or "").lower()
            taken = exif.get_ifd(_EXIF).get(_ORIGINAL) or exif.get(_DATE)
            return (
                getattr(image, "quantization", None),
                camera,
                any(name in software for name in EDITORS),
                _day(str(taken or "")),
            )
    except Exception:  # a torn header raises what it likes, and says nothing
        return None, False, False, 0


def _day(text: str) -> int:
    """Days since 1970 of an EXIF date such as 2024:05:31 12:00:00, 0 for none."""
    try:
        return max(0, (date.fromisoformat(text[:10].replace(":", "-")) - date(1970, 1, 1)).days)
    except ValueError:
        return 0


_MAKE, _MODEL, _SOFTWARE, _DATE, _EXIF, _ORIGINAL = 0x010F, 0x0110, 0x0131, 0x0132, 0x8769, 0x9003
EDITORS = (
    "photoshop",
    "gimp",
    "paint.net",
    "lightroom",
    "picsart",
    "canva",
    "snapseed",
    "pixlr",
    "imagemagick",
    "waifu2x",
)
"""Programs that edit pictures; those that draw them are none."""
