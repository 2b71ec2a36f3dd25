"""Rows of a table in row order exchanged for others, batch by batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from schema.arrays import Rows


def merge_rows(
    old: Iterable[pa.RecordBatch], new: pa.Table, dropped: Rows | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield a table in row order with the rows ``new`` in their places, and without the old rows ``dropped``.

    ``old`` and ``new`` are in row order; ``dropped``, ascending, is the rows of ``new`` unless it is given. Memory
    holds ``new`` and one batch.
    """
    rows = new.column("row").to_numpy()
    dropped = rows if dropped is None else dropped
    taken = 0
    for batch in old:
        here = batch.column(batch.schema.get_field_index("row")).to_numpy()
        kept = pa.Table.from_batches([batch.filter(pa.array(~np.isin(here, dropped)))]).cast(new.schema)
        end = int(np.searchsorted(rows, int(here[-1]), side="right"))
        if end > taken:
            kept = pa.concat_tables([kept, new.slice(taken, end - taken)]).sort_by("row")
        yield from kept.combine_chunks().to_batches()
        taken = end
    yield from new.slice(taken).combine_chunks().to_batches()
