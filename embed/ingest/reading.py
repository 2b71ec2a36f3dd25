"""Source records read and decoded in threads, a bounded window ahead of the writer, in listing order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b

from embed.sources.base import SourceRecord
from index.images.decode import BadImage, Picture, decode
from index.images.facts import WORKING_SIDE, Facts, measure
from index.images.reader import Reader, ReadError
from schema.ids import content_id, text_id
from schema.settings import IngestSettings

# Pictures listed ahead of the writer, per thread; with 8 the threads never wait and few files lie in memory.
_WINDOW = 8


@dataclass(frozen=True, slots=True)
class ReadResult:
    """One source record after reading: the id of its content, how it ended, and what was measured of it.

    ``unread``: its bytes could not be had at all, so that nothing is known of its content.
    """

    record: SourceRecord
    item_id: str
    status: str
    reason: str = ""
    size: int = 0
    picture: Picture | None = None
    facts: Facts | None = None
    unread: bool = False


class ReadAhead:
    """Reads what is listed in a pool of threads; a context manager."""

    def __init__(self, settings: IngestSettings, background: tuple[int, int, int]) -> None:
        self._settings = settings
        self._background = background
        self._reader = Reader(settings.max_bytes)
        self._workers = settings.workers or os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="decode")

    def __enter__(self) -> ReadAhead:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._reader.close()

    def run(
        self, records: Iterator[SourceRecord], wanted: Callable[[SourceRecord], bool]
    ) -> Iterator[tuple[SourceRecord, ReadResult | None]]:
        """Yield each record with what was read of it, or with None where it is not ``wanted``."""
        window: deque[tuple[SourceRecord, Future[ReadResult] | None]] = deque()
        for record in records:
            window.append((record, self._pool.submit(self._read, record) if wanted(record) else None))
            while len(window) >= self._workers * _WINDOW:
                yield _next(window)
        while window:
            yield _next(window)

    def _read(self, record: SourceRecord) -> ReadResult:
        if record.reason:
            return ReadResult(record, _no_content(record), "failed", record.reason)
        if not record.uri:
            return ReadResult(record, text_id(record.annotation.text), "text")
        try:
            data = self._reader.read(record.uri)
        except ReadError as error:
            return ReadResult(record, _no_content(record), "failed", str(error), unread=True)
        item_id = content_id(data)
        try:
            picture = decode(
                data, target=WORKING_SIDE, background=self._background, max_pixels=self._settings.max_pixels
            )
            facts = measure(picture.image, self._settings.thumbnail)
        except BadImage as error:
            return ReadResult(record, item_id, "failed", str(error), len(data))
        except Exception as error:  # one poisoned picture must not end the run, whatever it finds to break
            reason = f"cannot be measured: {type(error).__name__}"
            return ReadResult(record, item_id, "failed", reason, len(data))
        # The pixels are not needed any more; a window of them would be most of the memory.
        slim = Picture(
            picture.image.resize((1, 1)), picture.width, picture.height, picture.format, picture.frames,
            picture.lossless, picture.alpha, picture.note, picture.prompt, picture.prompt_source,
        )  # fmt: skip
        return ReadResult(record, item_id, "ok", picture.note, len(data), slim, facts)


def _next(
    window: deque[tuple[SourceRecord, Future[ReadResult] | None]],
) -> tuple[SourceRecord, ReadResult | None]:
    record, future = window.popleft()
    return record, None if future is None else future.result()


def _no_content(record: SourceRecord) -> str:
    """The id of a row that has neither bytes nor text: what it was called and where it should have been."""
    name = f"{record.key}\0{record.uri}\0{record.reason}".encode("utf-8", "backslashreplace")
    return blake2b(name, digest_size=16, person=b"nothing").hexdigest()
