"""The facts that ingest takes of a picture, as a plug-in over rows: a run that reads pictures can take them too."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pyarrow as pa

from index.images.decode import Picture
from index.images.facts import Facts, measure
from index.stages.row_plugin import Batch, Results, RowPlugin
from schema import tables

_OF_PICTURE = ("width", "height", "format", "frames", "lossless", "alpha")
_OF_PIXELS = tuple(each.name for each in fields(Facts))


class PictureFacts(RowPlugin):
    """Size, format, perceptual hash, sharpness, border and thumbnail, as ``items`` and ``thumbnails`` hold them."""

    parallel = True

    @property
    def label(self) -> str:
        """See RowPlugin."""
        return "facts"

    @property
    def table(self) -> str:
        """See RowPlugin."""
        return "measures_facts"

    @property
    def columns(self) -> tuple[pa.Field, ...]:
        """See RowPlugin."""
        kinds = {
            **dict(zip(tables.ITEMS.names, tables.ITEMS, strict=True)),
            "thumbnail": tables.THUMBNAILS.field(1),
        }
        return tuple(kinds[name].with_nullable(True) for name in (*_OF_PICTURE, *_OF_PIXELS))

    def prepare(self, picture: Picture) -> list[Any]:
        """Return the facts of one picture in the order of the columns."""
        facts = measure(picture.image, self.settings.ingest.thumbnail)
        return [
            *(getattr(picture, name) for name in _OF_PICTURE),
            *(getattr(facts, name) for name in _OF_PIXELS),
        ]

    def compute(self, batch: Batch) -> Results:
        """See RowPlugin."""
        names = (*_OF_PICTURE, *_OF_PIXELS)
        return Results(dict(zip(names, zip(*batch.pictures, strict=True), strict=True)))
