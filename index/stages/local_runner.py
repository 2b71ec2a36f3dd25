"""Running a stage over a table on one machine: chunks in, results gathered, whole commits out.

A stage is called with an Arrow table and returns one; it knows neither the store nor what runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, runtime_checkable

import pyarrow as pa

from index.stages.progress import Bar
from schema.errors import Cancelled


class Stage(Protocol):
    """What is run: one result row per input row, in the same order."""

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the results of a chunk of rows."""


@runtime_checkable
class StreamStage(Protocol):
    """A stage that works ahead: it yields one result table per chunk, in order, and prepares the next meanwhile."""

    def stream(self, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """Yield the results of each chunk."""


class Runner(Protocol):
    """What runs a stage over chunks: ``run_local`` below, or ``RayRunner.run`` on a cluster."""

    def __call__(
        self,
        chunks: Iterable[pa.Table],
        stage: Stage,
        commit: Callable[[pa.Table], None],
        *,
        commit_rows: int,
        bar: Bar,
    ) -> int:
        """Return the number of rows that were done."""


def run_local(
    chunks: Iterable[pa.Table],
    stage: Stage,
    commit: Callable[[pa.Table], None],
    *,
    commit_rows: int,
    bar: Bar,
) -> int:
    """Run a stage over chunks and hand its results to ``commit`` in row order, at least ``commit_rows`` at a time.

    A commit ends where a chunk ends: after a kill the same chunks come again, and with them the same results to the
    last bit. When ``bar`` raises Cancelled, what is finished is committed first. Returns the number of rows done.
    Memory follows ``commit_rows``.
    """
    results = stage.stream(chunks) if isinstance(stage, StreamStage) else map(stage, chunks)
    gathered: list[pa.Table] = []
    waiting = done = 0
    try:
        for result in results:
            gathered.append(result)
            waiting += result.num_rows
            done += result.num_rows
            if waiting >= commit_rows:
                commit(pa.concat_tables(gathered))
                gathered, waiting = [], 0
            bar.add(result.num_rows)
    except Cancelled:
        if gathered:
            commit(pa.concat_tables(gathered))
        raise
    if gathered:
        commit(pa.concat_tables(gathered))
    return done


def chunks_of(batches: Iterable[pa.RecordBatch | pa.Table], rows: int) -> Iterator[pa.Table]:
    """Cut a stream of batches of any size into tables of exactly ``rows`` rows, the last one perhaps shorter."""
    kept: list[pa.Table] = []
    held = 0
    for batch in batches:
        table = pa.Table.from_batches([batch]) if isinstance(batch, pa.RecordBatch) else batch
        start = 0
        while held + table.num_rows - start >= rows:
            part = table.slice(start, rows - held)
            yield pa.concat_tables([*kept, part]).combine_chunks()
            start += part.num_rows
            kept, held = [], 0
        if start < table.num_rows:
            kept.append(table.slice(start))
            held += table.num_rows - start
    if held:
        yield pa.concat_tables(kept).combine_chunks()
