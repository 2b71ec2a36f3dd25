"""Driving a stage over a table on one machine: slabs in, results gathered, whole commits out.

A stage is called with an Arrow table and returns one; it knows neither the store nor who drives it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, runtime_checkable

import pyarrow as pa

from index.stages.progress import Bar


class Stage(Protocol):
    """What is driven: one result row per input row, in the same order."""

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the results of a slab of rows."""


@runtime_checkable
class StreamStage(Protocol):
    """A stage that works ahead: it yields one result table per slab, in order, and prepares the next meanwhile."""

    def stream(self, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """Yield the results of each slab."""


class Walk(Protocol):
    """What drives a stage: ``walk`` below, or that of ``index.fleet``."""

    def __call__(
        self,
        slabs: Iterable[pa.Table],
        stage: Stage,
        commit: Callable[[pa.Table], None],
        *,
        commit_rows: int,
        bar: Bar,
    ) -> int:
        """Return the number of rows walked."""


def walk(
    slabs: Iterable[pa.Table],
    stage: Stage,
    commit: Callable[[pa.Table], None],
    *,
    commit_rows: int,
    bar: Bar,
) -> int:
    """Run a stage over slabs and hand its results to ``commit`` in row order, at least ``commit_rows`` at a time.

    A commit ends where a slab ends: after a kill the same slabs come again, and with them the same results to the
    last bit. Returns the number of rows walked. Memory follows ``commit_rows``.
    """
    results = stage.stream(slabs) if isinstance(stage, StreamStage) else map(stage, slabs)
    gathered: list[pa.Table] = []
    waiting = walked = 0
    for result in results:
        gathered.append(result)
        waiting += result.num_rows
        walked += result.num_rows
        bar.add(result.num_rows)
        if waiting >= commit_rows:
            commit(pa.concat_tables(gathered))
            gathered, waiting = [], 0
    if gathered:
        commit(pa.concat_tables(gathered))
    return walked


def slabs_of(batches: Iterable[pa.RecordBatch | pa.Table], rows: int) -> Iterator[pa.Table]:
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
