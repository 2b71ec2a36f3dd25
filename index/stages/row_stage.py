"""Plug-ins over chunks of rows: threads read and decode ahead while the plug-ins compute the batch before.

Threads and not processes: Pillow's decoders and resize release the GIL, and nothing is copied between processes.
At most ``DEPTH`` batches wait, so memory does not grow however slow a plug-in is.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from index.images.decode import BadImage, Picture, decode, to_rgb
from index.images.reader import Reader, ReadError
from index.stages.row_plugin import Batch, Results, RowPlugin
from schema.arrays import Bools
from schema.errors import LikenessError
from schema.ids import content_id
from schema.settings import Settings

# One batch that is computed, one ready, one being filled: a fourth would only cost memory.
DEPTH = 3
# Pictures per task of a thread: enough to hide the queue, few enough to spread a batch over all threads.
CHUNK = 8
# Where a device decodes them: its decoder works on many at once.
DEVICE_CHUNK = 64
BATCH = 32

WANTED, REASON = "wanted", "reason"


@dataclass(slots=True)
class _Part:
    """What one plug-in has of a batch: which rows it wants, their pictures, and why some have none."""

    plugin: RowPlugin
    wanted: Bools
    pictures: Any = None
    reasons: list[str | None] = field(default_factory=list)
    finished: list[tuple[list[int], Results]] = field(default_factory=list)

    @property
    def buffered(self) -> bool:
        """Whether the pictures lie in a buffer of the plug-in, with a place for every row."""
        return self.pictures is not None and not isinstance(self.pictures, dict)


@dataclass(slots=True)
class _Job:
    """One batch under way; ``ends_chunk`` tells whether its chunk ends with it."""

    items: pa.Table
    parts: list[_Part]
    ends_chunk: bool
    tasks: list[Future[None]] = field(default_factory=list)


class RowStage:
    """Plug-ins as one stage: a table of items in, a table of all their results out.

    The input may have a column ``wanted`` for each plug-in: which rows it is asked for; all where there is none. The
    output has row and item_id, and for each plug-in its columns, ``reason`` and ``wanted``; a row that was not wanted,
    or failed, has nulls. Where there are several plug-ins, ``column`` says how their columns are told apart. Only
    the plug-ins' settings travel. Not to be shared between threads.
    """

    def __init__(self, plugins: Sequence[RowPlugin], settings: Settings, workers: int = 0) -> None:
        self.plugins = list(plugins)
        self._settings = settings
        self._workers = workers or len(os.sched_getaffinity(0))
        self._pool: ThreadPoolExecutor | None = None

    def __reduce__(self) -> Any:
        return type(self), (self.plugins, self._settings, self._workers)

    def load(self) -> None:
        """Load the plug-ins and start the threads; the first chunk does it where nobody did."""
        if self._pool is not None:
            return
        for plugin in self.plugins:
            plugin.load()
        self._reader = Reader(self._settings.ingest.max_bytes)
        self._background = to_rgb(self._settings.ingest.background)
        self._from_files = [plugin.from_files() for plugin in self.plugins]
        self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="decode")

    def close(self) -> None:
        """Stop the threads and close the plug-ins."""
        if self._pool is None:
            return
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._pool = None
        self._reader.close()
        for plugin in self.plugins:
            plugin.close()

    def column(self, plugin: int, name: str) -> str:
        """Return the name of a column of the plug-in with this number, in what the stage takes and gives."""
        return name if len(self.plugins) == 1 else f"{plugin}.{name}"

    @property
    def batch_size(self) -> int:
        """Return how many rows are computed at once: the smallest number that a plug-in asks for."""
        return min((plugin.batch_size for plugin in self.plugins if plugin.batch_size), default=BATCH)

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the results of one chunk."""
        return next(self.stream([table]))

    def stream(self, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """Yield the results of each chunk in order, working on the next meanwhile."""
        self.load()
        parts: list[pa.Table] = []
        for job, results in self._computed(tables):
            parts.append(self._table(job, results))
            if job.ends_chunk:
                yield pa.concat_tables(parts)
                parts = []

    def decode(self, data: bytes, plugins: Sequence[RowPlugin]) -> Picture:
        """Return a picture from its bytes, large enough for these plug-ins. Raises BadImage with the reason."""
        sides = [plugin.side for plugin in plugins]
        limit = self._settings.ingest.max_pixels
        try:
            return decode(
                data,
                target=max(sides) if all(sides) else 0,
                cover=any(plugin.cover for plugin in plugins),
                background=self._background,
                max_pixels=limit,
            )
        except BadImage:
            # Some damaged JPEGs decode whole but not by their DCT; what fails twice is a failure.
            return decode(data, background=self._background, max_pixels=limit)

    # ---- batches

    def _computed(self, tables: Iterable[pa.Table]) -> Iterator[tuple[_Job, list[Results]]]:
        """While a device works on one batch, the next is started and the one before is fetched."""
        started: tuple[_Job, list[Callable[[], Results]]] | None = None
        for job in self._ahead(tables):
            for task in job.tasks:
                task.result()
            waits = [self._submit(job, part) for part in job.parts]
            if started is not None:
                yield self._fetch(*started)
            started = (job, waits)
        if started is not None:
            yield self._fetch(*started)

    def _submit(self, job: _Job, part: _Part) -> Callable[[], Results]:
        """Start one plug-in on a batch; the call that is returned gives a value for every row of it."""
        count = job.items.num_rows
        if part.plugin.parallel or not part.wanted.any():
            return lambda: _scattered(part, count, part.finished)
        if part.buffered:
            return part.plugin.submit(Batch(job.items, part.pictures, part.reasons))
        good = [int(row) for row in np.flatnonzero(part.wanted) if part.reasons[row] is None]
        if not good:
            return lambda: _scattered(part, count, [])
        pictures = None if part.pictures is None else [part.pictures.get(row) for row in good]
        everything = len(good) == count
        batch = Batch(job.items if everything else job.items.take(good), pictures)
        if type(part.plugin).submit is RowPlugin.submit:
            results = _compute(part.plugin, batch)
            return lambda: _scattered(part, count, [(good, results)])
        wait = part.plugin.submit(batch)
        return lambda: _scattered(part, count, [(good, wait())])

    def _fetch(self, job: _Job, waits: Sequence[Callable[[], Results]]) -> tuple[_Job, list[Results]]:
        results = [wait() for wait in waits]
        for part in job.parts:
            if part.buffered:
                part.plugin.release(part.pictures)
            part.pictures = None
        return job, results

    def _ahead(self, tables: Iterable[pa.Table]) -> Iterator[_Job]:
        waiting: deque[_Job] = deque()
        for job in self._jobs(tables):
            waiting.append(job)
            if len(waiting) >= DEPTH:
                yield waiting.popleft()
        yield from waiting

    def _jobs(self, tables: Iterable[pa.Table]) -> Iterator[_Job]:
        for table in tables:
            size = self.batch_size
            for start in range(0, max(table.num_rows, 1), size):
                items = table.slice(start, size)
                parts = [self._part(number, items) for number in range(len(self.plugins))]
                job = _Job(items, parts, start + size >= table.num_rows)
                self._start(job)
                yield job

    def _part(self, number: int, items: pa.Table) -> _Part:
        plugin, count = self.plugins[number], items.num_rows
        name = self.column(number, WANTED)
        asked = items.column(name).to_numpy() if name in items.column_names else np.ones(count, dtype=bool)
        part = _Part(plugin, np.asarray(asked, dtype=bool), reasons=[None] * count)
        if plugin.reads in ("pixels", "thumbnail"):
            size = self.batch_size if plugin.fixed_shape else count
            part.pictures = plugin.buffer(max(size, count))
            if part.pictures is None and not plugin.parallel:
                part.pictures = {}
        return part

    # ---- reading and computing in threads

    def _start(self, job: _Job) -> None:
        assert self._pool is not None
        pixels = np.array([status != "text" for status in job.items.column("status").to_pylist()], dtype=bool)
        threaded = [part for part in job.parts if part.plugin.parallel or part.plugin.reads in _PICTURES]
        needed = np.zeros(job.items.num_rows, dtype=bool)
        for part in threaded:
            needed |= part.wanted & (pixels | (part.plugin.reads not in _PICTURES))
        rows = [int(row) for row in np.flatnonzero(needed)]
        most = DEVICE_CHUNK if any(self._from_files) else CHUNK
        size = max(1, min(most, -(-len(rows) // self._workers)))
        for start in range(0, len(rows), size):
            job.tasks.append(self._pool.submit(self._work, job, threaded, rows[start : start + size]))

    def _work(self, job: _Job, threaded: Sequence[_Part], rows: Sequence[int]) -> None:
        """Give some rows' pictures to the plug-ins that want them, and have parallel ones compute these rows."""
        made: dict[int, dict[int, Any]] = {id(part): {} for part in threaded if part.plugin.parallel}
        for reads, load in (("pixels", self._file), ("thumbnail", self._thumbnail)):
            parts = [part for part in threaded if part.plugin.reads == reads]
            if parts:
                self._pictures(job, parts, rows, load, made)
        for part in threaded:
            if not part.plugin.parallel:
                continue
            mine = [row for row in rows if part.wanted[row] and part.reasons[row] is None]
            if mine:
                pictures = [made[id(part)][row] for row in mine] if part.plugin.reads in _PICTURES else None
                part.finished.append((mine, _compute(part.plugin, Batch(job.items.take(mine), pictures))))

    def _pictures(
        self,
        job: _Job,
        parts: Sequence[_Part],
        rows: Sequence[int],
        load: Callable[[pa.Table, int], bytes],
        made: dict[int, dict[int, Any]],
    ) -> None:
        files: dict[int, bytes] = {}
        way = self._way(parts)
        for row in rows:
            wanting = [part for part in parts if part.wanted[row]]
            if not wanting:
                continue
            try:
                data = load(job.items, row)
                if way is not None:
                    files[row] = data
                    continue
                picture = self.decode(data, [part.plugin for part in wanting])
            except (ReadError, BadImage) as error:
                for part in wanting:
                    _fail(part, row, str(error))
                continue
            for part in wanting:
                _prepare(part, row, picture, made)
        if way is None or not files:
            return
        (part,) = parts
        for (row, data), ready in zip(files.items(), way(list(files.values())), strict=True):
            if ready is not None:
                part.pictures[row] = ready
                continue
            try:
                _prepare(part, row, self.decode(data, [part.plugin]), made)
            except BadImage as error:
                _fail(part, row, str(error))

    def _way(self, parts: Sequence[_Part]) -> Callable[[Sequence[bytes]], Sequence[Any]] | None:
        """Return the way from files to pictures that a plug-in has, where it alone needs them."""
        if len(parts) != 1 or parts[0].plugin.reads != "pixels":
            return None
        return self._from_files[next(i for i, plugin in enumerate(self.plugins) if plugin is parts[0].plugin)]

    def _file(self, items: pa.Table, row: int) -> bytes:
        data = self._reader.read(items.column("uri")[row].as_py())
        if content_id(data) != items.column("item_id")[row].as_py():
            raise ReadError("the file changed since it was ingested")
        return data

    @staticmethod
    def _thumbnail(items: pa.Table, row: int) -> bytes:
        data: bytes | None = items.column("thumbnail")[row].as_py()
        if not data:
            raise ReadError("the item has no thumbnail")
        return data

    # ---- results

    def _table(self, job: _Job, results: Sequence[Results]) -> pa.Table:
        """Return the results of a batch as the table that leaves the stage."""
        columns = {"row": job.items.column("row"), "item_id": job.items.column("item_id")}
        for number, (part, result) in enumerate(zip(job.parts, results, strict=True)):
            own = result.reasons or [None] * len(part.reasons)
            reasons = [first or second for first, second in zip(part.reasons, own, strict=True)]
            for each in part.plugin.columns:
                columns[self.column(number, each.name)] = _array(result, each, job.items.num_rows)
            columns[self.column(number, REASON)] = pa.array(reasons, pa.string())
            columns[self.column(number, WANTED)] = pa.array(part.wanted)
        return pa.table(columns)


_PICTURES = ("pixels", "thumbnail")


def _prepare(part: _Part, row: int, picture: Picture, made: dict[int, dict[int, Any]]) -> None:
    try:
        prepared = part.plugin.prepare(picture)
    except BadImage as error:
        _fail(part, row, str(error))
        return
    except LikenessError:
        raise
    except Exception as error:  # one poisoned picture must not end the run, whatever it finds to break
        _fail(part, row, f"cannot be used by {part.plugin.label}: {type(error).__name__}: {error}"[:300])
        return
    if part.plugin.parallel:
        made[id(part)][row] = prepared
    else:
        part.pictures[row] = prepared


def _fail(part: _Part, row: int, reason: str) -> None:
    part.reasons[row] = reason
    if part.buffered:
        part.pictures[row] = 0


def _compute(plugin: RowPlugin, batch: Batch) -> Results:
    """Compute a batch; where that raises, row by row, so that a bad row costs no other. Raises what fails for all."""
    try:
        return plugin.compute(batch)
    except LikenessError:
        raise
    except Exception as error:  # a plug-in raises what it likes
        failed = Results({}, [f"{type(error).__name__}: {error}"[:300]])
        if len(batch) == 1:
            return failed
        single = [_compute(plugin, part) for part in _single_rows(batch)]
        if not any(part.columns for part in single):
            raise
        rows = [([row], part) for row, part in enumerate(single)]
        whole = _Part(plugin, np.ones(len(batch), dtype=bool), reasons=[None] * len(batch))
        return Results(_scattered(whole, len(batch), rows).columns, whole.reasons)


def _single_rows(batch: Batch) -> Iterator[Batch]:
    for row in range(len(batch)):
        pictures = None if batch.pictures is None else batch.pictures[row : row + 1]
        yield Batch(batch.items.slice(row, 1), pictures)


def _scattered(part: _Part, count: int, finished: Sequence[tuple[list[int], Results]]) -> Results:
    """Return results of some rows as results of all ``count`` rows of a batch, null where there are none."""
    positions: list[int | None] = [None] * count
    kept = [(rows, results) for rows, results in finished if results.columns]
    start = 0
    for rows, _ in kept:
        for position, row in enumerate(rows, start):
            positions[row] = position
        start += len(rows)
    for rows, results in finished:
        for row, reason in zip(rows, results.reasons, strict=False):
            part.reasons[row] = reason
    columns = {}
    for each in part.plugin.columns:
        arrays = [_array(results, each, len(rows)) for rows, results in kept]
        whole = pa.concat_arrays(arrays) if arrays else pa.nulls(0, each.type)
        columns[each.name] = whole.take(pa.array(positions, pa.int64()))
    return Results(columns)


def _array(results: Results, column: pa.Field, count: int) -> pa.Array:
    values = results.columns.get(column.name)
    if values is None:
        return pa.nulls(count, column.type)
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if isinstance(values, pa.Array):
        return values if values.type == column.type else values.cast(column.type)
    return pa.array(values, column.type, from_pandas=True)
