"""The pictures of an export: source bytes that are those which were ingested, read ahead by threads, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa

from curate.transforms.base import Box, CannotTransform
from curate.transforms.chain import Chain
from index.images.decode import BadImage
from schema.ids import content_id

BoxReader: TypeAlias = "Callable[[Sequence[int]], Mapping[int, Sequence[Box]]]"

ENDINGS = {
    "jpeg": "jpg",
    "png": "png",
    "webp": "webp",
    "gif": "gif",
    "avif": "avif",
    "bmp": "bmp",
    "tiff": "tif",
}
CHUNK = 64
"""Rows whose pictures are in memory together."""
AHEAD = 4
"""Pictures that each thread may be ahead of the writer: memory holds so many."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A row that was not written: its item, what kind of failure it is (these are counted), and the full reason."""

    item_id: str
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture as it is exported: bytes, ending and size; ``path`` is a file of this machine with these."""

    data: bytes
    ending: str
    width: int | None = None
    height: int | None = None
    path: Path | None = None
    record: str | None = None


class Pictures:
    """Reads the pictures of rows, and transforms them where a ``chain`` says how; a text has None.

    ``boxes`` gives what detectors found on the pictures of rows, by row.
    """

    def __init__(
        self,
        read: Callable[[str], bytes],
        threads: int = 4,
        chain: Chain | None = None,
        boxes: BoxReader | None = None,
    ) -> None:
        self._read = read
        self._threads = threads
        self._chain = chain
        self._boxes = boxes

    def chunks(
        self, batch: pa.RecordBatch, failures: list[Failure]
    ) -> Iterator[tuple[pa.RecordBatch, list[Picture | None]]]:
        """Yield the rows of a batch with their pictures, some at a time; those to leave out go to ``failures``.

        Rows of transformed pictures have the size that these have now, and say what was done.
        """
        for start in range(0, batch.num_rows, CHUNK):
            part = batch.slice(start, CHUNK)
            kept: list[int] = []
            pictures: list[Picture | None] = []
            for place, (_, picture) in enumerate(self.each(part.to_pylist())):
                if isinstance(picture, Failure):
                    failures.append(picture)
                    continue
                kept.append(place)
                pictures.append(picture)
            if kept:
                rows = part.take(pa.array(kept))
                yield (_as_transformed(rows, pictures) if self._chain else rows), pictures

    def each(
        self, records: Iterable[Mapping[str, Any]]
    ) -> Iterator[tuple[Mapping[str, Any], Picture | Failure | None]]:
        """Yield every record with its picture, in order; the next ones are read meanwhile."""
        records = list(records)
        boxes = self._boxes([record["row"] for record in records]) if self._boxes and self._chain else {}
        waiting: deque[tuple[Mapping[str, Any], Future[Picture | Failure | None]]] = deque()
        with ThreadPoolExecutor(self._threads, thread_name_prefix="export") as pool:
            for record in records:
                waiting.append((record, pool.submit(self.of, record, boxes.get(record["row"], ()))))
                if len(waiting) > AHEAD * self._threads:
                    first, future = waiting.popleft()
                    yield first, future.result()
            for first, future in waiting:
                yield first, future.result()

    def of(self, record: Mapping[str, Any], boxes: Sequence[Box] = ()) -> Picture | Failure | None:
        """Return the picture of a row, those bytes that were ingested, or why there is none."""
        if record["width"] is None:
            return None
        item, uri = record["item_id"], record["uri"]
        try:
            data = self._read(uri)
        except Exception as error:  # any reader of any source; the row gets its reason
            return Failure(item, "cannot be read", f"cannot read {uri}: {error}")
        if content_id(data) != item:
            return Failure(item, "changed since ingest", f"{uri} changed since it was ingested")
        if self._chain is not None:
            return self._transformed(self._chain, item, data, boxes)
        ending = ENDINGS.get((record["format"] or "").lower(), "bin")
        path = Path(uri) if uri and "://" not in uri and not uri.startswith("tar:") else None
        return Picture(data, ending, record["width"], record["height"], path)

    @staticmethod
    def _transformed(chain: Chain, item: str, data: bytes, boxes: Sequence[Box]) -> Picture | Failure:
        try:
            done = chain.apply(item, data, boxes)
        except (BadImage, CannotTransform) as error:
            return Failure(item, "cannot be transformed", str(error))
        return Picture(done.data, done.ending, done.width, done.height, None, done.record)


def _as_transformed(rows: pa.RecordBatch, pictures: Sequence[Picture | None]) -> pa.RecordBatch:
    """Return rows with the size of the exported pictures and what was done to them."""
    sizes = {
        "width": [picture and picture.width for picture in pictures],
        "height": [picture and picture.height for picture in pictures],
        "transforms": [picture and picture.record for picture in pictures],
    }
    for name, values in sizes.items():
        place = rows.schema.get_field_index(name)
        if place >= 0:
            field = rows.schema.field(place)
            rows = rows.set_column(place, field, pa.array(values, field.type))
    return rows
