"""The pictures of an export: source bytes that are those which were ingested, read ahead by threads, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schema.ids import content_id

ENDINGS = {
    "jpeg": "jpg",
    "png": "png",
    "webp": "webp",
    "gif": "gif",
    "avif": "avif",
    "bmp": "bmp",
    "tiff": "tif",
}
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


class Pictures:
    """Reads the pictures of rows. A row without a picture, which is a text, has None."""

    def __init__(self, read: Callable[[str], bytes], threads: int = 4) -> None:
        self._read = read
        self._threads = threads

    def each(
        self, records: Iterable[Mapping[str, Any]]
    ) -> Iterator[tuple[Mapping[str, Any], Picture | Failure | None]]:
        """Yield every record with its picture, in order; the next ones are read meanwhile."""
        waiting: deque[tuple[Mapping[str, Any], Future[Picture | Failure | None]]] = deque()
        with ThreadPoolExecutor(self._threads, thread_name_prefix="export") as pool:
            for record in records:
                waiting.append((record, pool.submit(self.of, record)))
                if len(waiting) > AHEAD * self._threads:
                    first, future = waiting.popleft()
                    yield first, future.result()
            for first, future in waiting:
                yield first, future.result()

    def of(self, record: Mapping[str, Any]) -> Picture | Failure | None:
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
        ending = ENDINGS.get((record["format"] or "").lower(), "bin")
        path = Path(uri) if uri and "://" not in uri and not uri.startswith("tar:") else None
        return Picture(data, ending, record["width"], record["height"], path)
