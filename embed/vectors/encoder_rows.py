"""An encoder as a plug-in over rows: pictures into its buffers, texts through its text tower, unit vectors out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from embed.encoders import Encoder, encoder_class, encoder_key, load_encoder, normalise
from embed.encoders.base import Batch as Pictures
from embed.vectors.device_jpeg import device_jpeg
from index.images.decode import Picture
from index.stages.row_plugin import Batch, Results, RowPlugin
from index.store import Store
from schema import tables
from schema.arrays import Floats32, Pixels
from schema.errors import EncoderError
from schema.settings import Settings


class EncoderRows(RowPlugin):
    """Embeds items with the encoder that the settings name, into ``vectors_KEY``."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._kind = encoder_class(settings.encoder.kind)
        self._key = encoder_key(settings)
        self._encoder: Encoder | None = None
        self._free: list[Pixels] = []
        if not self._kind.reads_images:
            self.reads = "text"

    @property
    def encoder(self) -> Encoder:
        """The encoder. Raises EncoderError before ``load``."""
        if self._encoder is None:
            raise EncoderError("the encoder was not loaded")
        return self._encoder

    @property
    def label(self) -> str:
        """See RowPlugin."""
        return f"embed {self._key}"

    @property
    def table(self) -> str:
        """See RowPlugin."""
        return f"vectors_{self._key}"

    @property
    def columns(self) -> tuple[pa.Field, ...]:
        """See RowPlugin."""
        return (tables.vectors(self.encoder.dim).field("vector"),)

    def schema(self) -> pa.Schema:
        """See RowPlugin."""
        return tables.vectors(self.encoder.dim)

    @property
    def takes_texts(self) -> bool:
        """Whether the encoder can have vectors for items that are only a text."""
        return self._kind.has_text or not self._kind.reads_images

    @property
    def where(self) -> str:
        """See RowPlugin."""
        return "status IN ('ok', 'text')" if self.takes_texts else "status = 'ok'"

    @property
    def side(self) -> int:
        """See RowPlugin."""
        return max(self.encoder.image_size) if self._kind.reads_images else 0

    @property
    def cover(self) -> bool:
        """See RowPlugin."""
        return self.encoder.cover

    @property
    def batch_size(self) -> int:
        """See RowPlugin."""
        return self.encoder.batch_size

    @property
    def fixed_shape(self) -> bool:
        """See RowPlugin."""
        return self.encoder.fixed_shape

    def load(self) -> None:
        """Build the encoder. Raises EncoderError or DownloadError when it cannot be built."""
        if self._encoder is None:
            self._encoder = load_encoder(self.settings)

    def check(self, store: Store) -> list[str]:
        """See RowPlugin."""
        return self.encoder.check(store)

    def facts(self) -> dict[str, Any]:
        """See RowPlugin."""
        encoder = self.encoder
        return {"dim": encoder.dim, "preprocessing": encoder.preprocessing, **encoder.facts()}

    def items(self, store: Store, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield the items; an encoder that looks vectors up gets keys and places of their copies, too."""
        if self._kind.reads_images:
            return store.scan("items", names)
        return placed(store, [*names, "keys", "source", "ordinal"])

    def prepare(self, picture: Picture) -> Pixels:
        """See RowPlugin."""
        return self.encoder.prepare(picture.image)

    def buffer(self, count: int) -> Pixels:
        """Return room for prepared pictures; full ones are used again."""
        if count != self.encoder.batch_size:
            return self.encoder.buffer(count)
        if self._free and len(self._free[-1]) == count:
            return self._free.pop()
        self._free.clear()
        return self.encoder.buffer(count)

    def release(self, pictures: Pixels) -> None:
        """Keep a full buffer for a later batch."""
        if len(pictures) == self.encoder.batch_size:
            self._free.append(pictures)

    def from_files(self) -> Callable[[Sequence[bytes]], Sequence[Any]] | None:
        """Return the decoder of a GPU, if there is one and the settings leave it on."""
        if self.settings.encoder.jpeg != "auto":
            return None
        decoder = device_jpeg(
            getattr(self.encoder, "preprocess", None), getattr(self.encoder, "device", None)
        )
        return decoder.prepare if decoder is not None else None

    def compute(self, batch: Batch) -> Results:
        """See RowPlugin."""
        return self.submit(batch)()

    def submit(self, batch: Batch) -> Callable[[], Results]:
        """See RowPlugin."""
        wait = self.encoder.submit(Pictures(batch.pictures, batch.items))
        return lambda: self._results(batch, np.array(wait()[: len(batch)]))

    def _results(self, batch: Batch, vectors: Floats32) -> Results:
        encoder = self.encoder
        status = batch.items.column("status").to_pylist()
        written = [row for row, kind in enumerate(status) if kind == "text"]
        if written and encoder.has_text:
            texts = batch.texts
            vectors[written] = encoder.encode_texts([texts[row] for row in written])
        unit, unusable = normalise(vectors)
        missing = encoder.missing(batch.items)
        unread = batch.reasons or [None] * len(batch)
        reasons = [
            first or second or third for first, second, third in zip(unread, missing, unusable, strict=True)
        ]
        failed = pa.array([reason is not None for reason in reasons], pa.bool_())
        values = pa.FixedSizeListArray.from_arrays(
            pa.array(unit.reshape(-1), pa.float16()), encoder.dim, mask=failed
        )
        return Results({"vector": values}, reasons)


def placed(store: Store, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Yield items with ``places``: where they and their copies stand when all listings are laid end to end."""
    starts: dict[int, int] = {}
    total = 0
    listed = [record for batch in store.scan("sources", ["source", "listed"]) for record in batch.to_pylist()]
    for record in sorted(listed, key=lambda record: int(record["source"])):
        starts[int(record["source"])] = total
        total += int(record["listed"])
    copies: dict[int, list[int]] = {}
    for batch in store.scan("copies", ["row", "source", "ordinal"]):
        for row, source, ordinal in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            if ordinal >= 0:  # -1 is no entry of a listing
                copies.setdefault(row, []).append(starts.get(source, 0) + ordinal)
    for batch in store.items(names):
        columns = {name: batch.column(batch.schema.get_field_index(name)) for name in names}
        sources, ordinals = columns.pop("source").to_pylist(), columns.pop("ordinal").to_pylist()
        places = [
            [starts.get(source, 0) + ordinal, *copies.get(row, [])]
            for row, source, ordinal in zip(columns["row"].to_pylist(), sources, ordinals, strict=True)
        ]
        columns["places"] = pa.array(places, pa.list_(pa.int64()))
        yield pa.RecordBatch.from_pydict(columns)
