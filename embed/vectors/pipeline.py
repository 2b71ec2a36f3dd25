"""Decoding ahead of the encoder: threads fill buffers of uint8 pictures while the encoder works on the one before.

Threads and not processes: Pillow's decoders and resize release the GIL, and nothing is copied between processes.
At most ``DEPTH`` batches wait, so memory does not grow however slow the encoder is.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pyarrow as pa

from embed.encoders.base import Batch, Encoder, normalise
from embed.vectors.device_jpeg import DeviceJpeg, device_jpeg
from index.images.decode import BadImage, decode, to_rgb
from index.images.reader import Reader, ReadError
from schema.arrays import Floats32, Pixels
from schema.ids import content_id

# One batch in the encoder, one ready, one being filled: a fourth would only cost memory.
DEPTH = 3
# Pictures per task of a thread: enough to hide the queue, few enough to spread a batch over all threads.
CHUNK = 8
# Where a device decodes them: its decoder works on many at once.
DEVICE_CHUNK = 64


@dataclass(slots=True)
class _Job:
    """One batch under way: its items, where its pictures go, why some have none, whether its slab ends here."""

    items: pa.Table
    pixels: Pixels | None
    ends_slab: bool
    reasons: list[str | None]
    tasks: list[Future[None]] = field(default_factory=list)


class Pipeline:
    """An encoder with the threads that feed it. Not to be shared between threads."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        settings = encoder.settings
        self._workers = settings.encoder.workers or len(os.sched_getaffinity(0))
        self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="decode")
        self._reader = Reader(settings.ingest.max_bytes)
        self._background = to_rgb(settings.ingest.background)
        self._max_pixels = settings.ingest.max_pixels
        self._target = max(encoder.image_size) if encoder.reads_images else 0
        self._free: list[Pixels] = []
        self._jpeg: DeviceJpeg | None = None
        if settings.encoder.jpeg == "auto":
            self._jpeg = device_jpeg(getattr(encoder, "preprocess", None), getattr(encoder, "device", None))
        self._chunk = CHUNK if self._jpeg is None else DEVICE_CHUNK

    def close(self) -> None:
        """Stop the threads and close what the reader holds."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._reader.close()

    def run(self, slabs: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """Yield per slab its rows' vectors: row, item_id, vector, reason; order and number of rows are kept."""
        parts: list[pa.Table] = []
        for job, vectors in self._encoded(slabs):
            parts.append(self._result(job, vectors))
            if job.ends_slab:
                yield pa.concat_tables(parts)
                parts = []

    def _encoded(self, slabs: Iterable[pa.Table]) -> Iterator[tuple[_Job, Floats32]]:
        """While the device works on one batch, the next is started and the one before is fetched."""
        started: tuple[_Job, Callable[[], Floats32]] | None = None
        for job in self._ahead(slabs):
            for task in job.tasks:
                task.result()
            wait = self.encoder.submit(Batch(job.pixels, job.items))
            if started is not None:
                yield self._fetch(*started)
            started = (job, wait)
        if started is not None:
            yield self._fetch(*started)

    def _fetch(self, job: _Job, wait: Callable[[], Floats32]) -> tuple[_Job, Floats32]:
        vectors = np.array(wait()[: job.items.num_rows])
        if job.pixels is not None and len(job.pixels) == self.encoder.batch_size:
            self._free.append(job.pixels)
        job.pixels = None
        return job, vectors

    def _ahead(self, slabs: Iterable[pa.Table]) -> Iterator[_Job]:
        waiting: deque[_Job] = deque()
        for job in self._jobs(slabs):
            waiting.append(job)
            if len(waiting) >= DEPTH:
                yield waiting.popleft()
        yield from waiting

    def _jobs(self, slabs: Iterable[pa.Table]) -> Iterator[_Job]:
        size = self.encoder.batch_size
        for slab in slabs:
            for start in range(0, max(slab.num_rows, 1), size):
                items = slab.slice(start, size)
                job = _Job(items, None, start + size >= slab.num_rows, [None] * items.num_rows)
                if self.encoder.reads_images:
                    job.pixels = self._buffer(items.num_rows)
                    self._start(job)
                yield job

    def _buffer(self, count: int) -> Pixels:
        size = self.encoder.batch_size
        if count < size and not self.encoder.fixed_shape:
            return self.encoder.buffer(count)
        if self._free and len(self._free[-1]) == size:
            return self._free.pop()
        self._free.clear()
        return self.encoder.buffer(size)

    def _start(self, job: _Job) -> None:
        uris = job.items.column("uri").to_pylist()
        ids = job.items.column("item_id").to_pylist()
        texts = [status == "text" for status in job.items.column("status").to_pylist()]
        chunk = max(1, min(self._chunk, -(-len(uris) // self._workers)))
        for start in range(0, len(uris), chunk):
            part = range(start, min(start + chunk, len(uris)))
            todo = [(index, uris[index], ids[index]) for index in part if not texts[index]]
            if todo:
                job.tasks.append(self._pool.submit(self._fill, job, todo))

    def _fill(self, job: _Job, todo: list[tuple[int, str, str]]) -> None:
        assert job.pixels is not None
        files: dict[int, bytes] = {}
        for index, uri, item_id in todo:
            try:
                files[index] = self._read(uri, item_id)
                if self._jpeg is None:
                    job.pixels[index] = self.prepare(files.pop(index))
            except (ReadError, BadImage) as error:
                job.pixels[index] = 0
                job.reasons[index] = str(error)
        if self._jpeg is None or not files:
            return
        for (index, data), square in zip(
            files.items(), self._jpeg.prepare(list(files.values())), strict=True
        ):
            try:
                job.pixels[index] = self.prepare(data) if square is None else square
            except BadImage as error:
                job.pixels[index] = 0
                job.reasons[index] = str(error)

    def _read(self, uri: str, item_id: str) -> bytes:
        data = self._reader.read(uri)
        if content_id(data) != item_id:
            raise ReadError("the file changed since it was ingested")
        return data

    def prepare(self, data: bytes) -> Pixels:
        """Return the bytes of a picture ready for the encoder; raises BadImage with the reason."""
        decoded = partial(decode, data, background=self._background, max_pixels=self._max_pixels)
        try:
            picture = decoded(target=self._target, cover=self.encoder.cover)
        except BadImage:
            # Some damaged JPEGs decode whole but not by their DCT; what fails twice is a failure.
            picture = decoded()
        return self.encoder.prepare(picture.image)

    def _result(self, job: _Job, vectors: Floats32) -> pa.Table:
        written = [i for i, status in enumerate(job.items.column("status").to_pylist()) if status == "text"]
        if written and self.encoder.has_text:
            texts = job.items.column("text").to_pylist()
            vectors[written] = self.encoder.encode_texts([texts[index] or "" for index in written])
        unit, wrong = normalise(vectors)
        missing = self.encoder.missing(job.items)
        reasons = [first or none or bad for first, none, bad in zip(job.reasons, missing, wrong, strict=True)]
        bad = np.array([why is not None for why in reasons], dtype=bool)
        values = pa.FixedSizeListArray.from_arrays(
            pa.array(unit.reshape(-1), pa.float16()), self.encoder.dim, mask=pa.array(bad)
        )
        return pa.table(
            {
                "row": job.items.column("row"),
                "item_id": job.items.column("item_id"),
                "vector": values,
                "reason": pa.array(reasons, pa.string()),
            }
        )
