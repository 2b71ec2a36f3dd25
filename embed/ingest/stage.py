"""From sources to items: listed in order, read and decoded in threads, written in commits whose marker comes last.

A key that is in the store is not read again; bytes that are in the store become a copy of their item. Memory holds
a window of pictures, one commit of rows, and 40 bytes per known item (its key's digest, its content's digest, its row).
"""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import pyarrow as pa

from embed.ingest.digests import Digests
from embed.sources import Sighting, open_source
from embed.sources.sighting import readable
from index.images.decode import BadImage, Picture, decode, to_rgb
from index.images.facts import WORKING_SIDE, Facts, measure
from index.images.reader import Reader, ReadError
from index.stages.progress import progress
from index.store import Store
from index.store.runs import Runs
from schema import tables
from schema.errors import SettingsError
from schema.ids import content_id, key_digest, text_id
from schema.records import Summary
from schema.settings import IngestSettings, Settings

# Pictures listed ahead of the writer, per thread; with 8 the threads never wait and few files lie in memory.
_WINDOW = 8


@dataclass(frozen=True, slots=True)
class Seen:
    """One sighting after reading: what it is, and what was measured of it."""

    sighting: Sighting
    item_id: str
    status: str
    reason: str = ""
    size: int = 0
    picture: Picture | None = None
    facts: Facts | None = None


def run_ingest(store: Store, settings: Settings, sources: Sequence[str]) -> Summary:
    """Bring everything that the sources list into the store, and return counts and failures by reason.

    Raises SourceError when a source as a whole cannot be read, before anything of it is written.
    """
    started = time.monotonic()
    ingest = settings.ingest
    try:
        background = to_rgb(ingest.background)
    except ValueError as error:
        raise SettingsError(f"ingest.background: {error}") from error
    opened = [(os.path.abspath(os.path.expanduser(path)), *open_source(path, ingest)) for path in sources]
    writer = Writer(store, ingest)
    counts: Counter[str] = Counter(dict.fromkeys(("items", "copies", "texts", "failed", "known"), 0))
    failures: Counter[str] = Counter()
    asked = {"ingest": ingest.model_dump(), "sources": [path for path, _, _ in opened]}
    notes: list[str] = []
    with Runs(store).start("ingest", asked) as run:
        with Pipeline(ingest, background) as pipeline, progress(None, "ingest", unit="item") as bar:
            for path, kind, source in opened:
                number = writer.source(path, kind)
                listed = 0
                known = writer.known_in(number)
                for ordinal, seen in pipeline.run(source.sightings(known), known):
                    listed = ordinal + 1
                    bar.add()
                    if seen is None:
                        counts["known"] += 1
                        continue
                    outcome = writer.add(number, ordinal, seen)
                    counts[outcome] += 1
                    if outcome == "failed":
                        failures[seen.reason] += 1
                writer.commit(number)
                writer.listed(number, listed)
                notes += [f"{path}: {note}" for note in source.notes()]
        run.counts.update(counts)
        run.facts["failures"] = dict(failures.most_common(50))
        run.outputs = [name for name in ("items", "copies") if store.has(name)]
    spent = time.monotonic() - started
    return Summary("ingest", dict(counts), (), dict(failures), spent, warnings=tuple(notes))


class Pipeline:
    """Reads and decodes sightings in threads, a bounded window ahead, and yields them in listing order."""

    def __init__(self, settings: IngestSettings, background: tuple[int, int, int]) -> None:
        self._settings = settings
        self._background = background
        self._reader = Reader(settings.max_bytes)
        self._workers = settings.workers or os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="decode")

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._reader.close()

    def run(self, sightings: Iterator[Sighting], known: Any) -> Iterator[tuple[int, Seen | None]]:
        """Yield (ordinal, what was seen), or None for what the store knows already."""
        window: deque[tuple[int, Future[Seen] | None]] = deque()
        pending: set[tuple[str, str]] = set()
        for ordinal, sighting in enumerate(sightings):
            name = (sighting.key, sighting.uri or sighting.text)
            if name in pending or known(*name):
                window.append((ordinal, None))
            else:
                pending.add(name)
                window.append((ordinal, self._pool.submit(self._see, sighting)))
            while len(window) >= self._workers * _WINDOW:
                yield self._next(window, pending)
        while window:
            yield self._next(window, pending)

    @staticmethod
    def _next(
        window: deque[tuple[int, Future[Seen] | None]], pending: set[tuple[str, str]]
    ) -> tuple[int, Seen | None]:
        ordinal, future = window.popleft()
        if future is None:
            return ordinal, None
        seen = future.result()
        pending.discard((seen.sighting.key, seen.sighting.uri or seen.sighting.text))
        return ordinal, seen

    def _see(self, sighting: Sighting) -> Seen:
        if sighting.reason:
            return Seen(sighting, _no_content(sighting), "failed", sighting.reason)
        if not sighting.uri:
            return Seen(sighting, text_id(sighting.text), "text")
        try:
            data = self._reader.read(sighting.uri)
        except ReadError as error:
            return Seen(sighting, _no_content(sighting), "failed", str(error))
        item_id = content_id(data)
        try:
            picture = decode(
                data, target=WORKING_SIDE, background=self._background, max_pixels=self._settings.max_pixels
            )
            facts = measure(picture.image, self._settings.thumbnail)
        except BadImage as error:
            return Seen(sighting, item_id, "failed", str(error), len(data))
        except Exception as error:  # one poisoned picture must not end the run, whatever it finds to break
            return Seen(sighting, item_id, "failed", f"cannot be measured: {type(error).__name__}", len(data))
        # The pixels are not needed any more; a window of them would be most of the memory.
        slim = Picture(
            picture.image.resize((1, 1)), picture.width, picture.height, picture.format, picture.frames,
            picture.lossless, picture.alpha, picture.note,
        )  # fmt: skip
        return Seen(sighting, item_id, "ok", picture.note, len(data), slim, facts)


@dataclass(slots=True)
class Writer:
    """Writes commits of items, copies and thumbnails; knows every key and content that the store holds."""

    store: Store
    settings: IngestSettings
    keys: Digests = field(default_factory=lambda: Digests(with_numbers=False))
    contents: Digests = field(default_factory=Digests)
    rows: int = 0
    commits: int = 0
    _items: list[dict[str, Any]] = field(default_factory=list)
    _copies: list[dict[str, Any]] = field(default_factory=list)
    _thumbnails: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        marks = [
            mark for batch in self.store.scan("ingests", ["commit"]) for mark in batch.column(0).to_pylist()
        ]
        self.commits = max(marks, default=0)
        for table in ("items", "copies", "thumbnails"):
            # What a killed run wrote without its marker.
            self.store.delete(table, f"commit > {self.commits}")
        columns = ["row", "item_id", "source", "keys", "uri", "text", "status"]
        for batch in self.store.scan("items", columns):
            records = batch.to_pylist()
            self.contents.update((bytes.fromhex(record["item_id"]), record["row"]) for record in records)
            retry = self.settings.retry_failed
            self._know(record for record in records if not (retry and record["status"] == "failed"))
            self.rows += len(records)
        for batch in self.store.scan("copies", ["source", "keys", "uri", "text"]):
            self._know(batch.to_pylist())

    def source(self, path: str, kind: str) -> int:
        """Return the number of a source, giving it one when it is new."""
        path = readable(path)
        known = [record for batch in self.store.scan("sources") for record in batch.to_pylist()]
        for record in known:
            if record["path"] == path:
                return int(record["source"])
        record = {"source": len(known), "path": path, "kind": kind, "listed": 0}
        self.store.append("sources", pa.Table.from_pylist([record], tables.SOURCES), tables.SOURCES)
        return len(known)

    def listed(self, source: int, count: int) -> None:
        """Store how many things a source lists, when that changed."""
        known = [record for batch in self.store.scan("sources") for record in batch.to_pylist()]
        if known[source]["listed"] != count:
            known[source]["listed"] = count
            self.store.replace("sources", pa.Table.from_pylist(known, tables.SOURCES), tables.SOURCES)

    def known_in(self, source: int) -> Any:
        """Return the question whether (key, uri or text) of a source is in the store."""
        return lambda key, place: _digest(source, key, place) in self.keys

    def add(self, source: int, ordinal: int, seen: Seen) -> str:
        """Take one sighting into the current commit; returns items, texts, copies or failed."""
        sighting = seen.sighting
        digest = bytes.fromhex(seen.item_id)
        self.keys.add(_digest(source, sighting.key, sighting.uri or sighting.text))
        row = self.contents.get(digest)
        commit = self.commits + 1
        shared = {
            "item_id": seen.item_id,
            "source": source,
            "ordinal": ordinal,
            "keys": list(dict.fromkeys([sighting.key, *sighting.keys])),
            "uri": sighting.uri,
            "tags": list(sighting.tags),
            "text": sighting.text,
            "commit": commit,
        }
        if row is not None:
            self._copies.append({"row": row, **shared})
            outcome = "copies"
        else:
            row, self.rows = self.rows, self.rows + 1
            self.contents.add(digest, row)
            self._items.append({"row": row, **shared, **_measured(seen), "identity": sighting.identity})
            if seen.facts is not None:
                self._thumbnails.append({"row": row, "thumbnail": seen.facts.thumbnail, "commit": commit})
            outcome = {"ok": "items", "text": "texts", "failed": "failed"}[seen.status]
        if len(self._items) + len(self._copies) >= self.settings.commit_rows:
            self.commit(source)
        return outcome

    def commit(self, source: int) -> None:
        """Write what is pending, the marker last; nothing when nothing is pending."""
        if not self._items and not self._copies:
            return
        marker = {
            "commit": self.commits + 1,
            "source": source,
            "items": len(self._items),
            "copies": len(self._copies),
            "failed": sum(record["status"] == "failed" for record in self._items),
        }
        for table, records, schema in (
            ("thumbnails", self._thumbnails, tables.THUMBNAILS),
            ("copies", self._copies, tables.COPIES),
            ("items", self._items, tables.ITEMS),
            ("ingests", [marker], tables.INGESTS),
        ):
            if records:
                self.store.append(table, pa.Table.from_pylist(records, schema), schema)
        self.commits += 1
        self._items, self._copies, self._thumbnails = [], [], []

    def _know(self, records: Any) -> None:
        self.keys.update(
            (_digest(record["source"], (record["keys"] or [""])[0], record["uri"] or record["text"] or ""), 0)
            for record in records
        )


def _measured(seen: Seen) -> dict[str, Any]:
    picture, facts = seen.picture, seen.facts
    record: dict[str, Any] = {"status": seen.status, "reason": seen.reason, "bytes": seen.size}
    if picture is not None and facts is not None:
        record |= {
            "width": picture.width,
            "height": picture.height,
            "format": picture.format,
            "frames": picture.frames,
            "lossless": picture.lossless,
            "alpha": picture.alpha,
            "phash": facts.phash,
            "sharpness": facts.sharpness,
            "border": facts.border,
        }
    return record


def _digest(source: int, key: str, place: str) -> bytes:
    return key_digest(str(source), f"{key}\0{place}")


def _no_content(sighting: Sighting) -> str:
    """The id of a row that has neither bytes nor text: what it was called and where it should have been."""
    name = f"{sighting.key}\0{sighting.uri}\0{sighting.reason}".encode("utf-8", "backslashreplace")
    return blake2b(name, digest_size=16, person=b"nothing").hexdigest()
