"""The ledger of an export: why each item that may be named is in or out, as Parquet, and the funnel in numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curate.protected import ProtectedGate
from index.store import Store
from schema import tables
from schema.arrays import Rows

# The underscore hides it from readers that take a whole folder of Parquet for one table.
LEDGER = "_ledger.parquet"

ACT = pa.struct([field for field in tables.GATES if field.name not in ("row", "item_id")])
SCHEMA = pa.schema(
    [*(field for field in tables.SELECTION if field.name != "row"), pa.field("gates", pa.list_(ACT))]
)


def write_ledger(store: Store, folder: Path, gate: ProtectedGate) -> int:
    """Write the ledger of the selection into a folder; return how many items it has.

    What the protected gate bars is not named in it, only counted elsewhere. Every other item has one row, with the
    gates that acted on it.
    """
    written = 0
    with pq.ParquetWriter(folder / LEDGER, SCHEMA, compression="zstd") as writer:
        for batch in store.scan("selection"):
            rows = batch.column(0).to_numpy()
            known = rows < store.n_items()
            keep = known.copy()
            keep[known] = ~gate.barred(rows[known])
            batch, rows = batch.filter(pa.array(keep)), rows[keep]
            if not len(rows):
                continue
            arrays = [
                batch.column(batch.schema.get_field_index(field.name))
                for field in SCHEMA
                if field.name != "gates"
            ]
            writer.write_batch(pa.RecordBatch.from_arrays([*arrays, _acts(store, rows)], schema=SCHEMA))
            written += len(rows)
    return written


def _acts(store: Store, rows: Rows) -> pa.Array:
    """Return the gates that acted on each of these rows, ascending, as a list of ACT."""
    if not store.has("gates"):
        return pa.nulls(len(rows), pa.list_(ACT))
    found = store.read("gates", where=f"row >= {int(rows[0])} AND row <= {int(rows[-1])}").combine_chunks()
    own = found.column("row").to_numpy()
    place = np.minimum(np.searchsorted(rows, own), len(rows) - 1)
    mine = np.flatnonzero(rows[place] == own)
    order = mine[np.argsort(place[mine], kind="stable")]
    counts = np.bincount(place[order], minlength=len(rows))
    taken = found.take(pa.array(order)).combine_chunks()
    columns = [_one_chunk(taken.column(field.name)) for field in ACT]
    records = pa.StructArray.from_arrays(columns, fields=list(ACT))
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))
    return pa.ListArray.from_arrays(offsets, records).cast(pa.list_(ACT))


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        return pa.concat_arrays(array.chunks) if array.num_chunks else pa.nulls(0, array.type)
    return array


def funnel(items: int, left_out: Iterable[tuple[str, int]]) -> list[dict[str, Any]]:
    """Return the way from all items to those exported: each reason, what it takes out, what is left behind it."""
    lines: list[dict[str, Any]] = [{"step": "all items", "out": 0, "left": items}]
    for reason, count in left_out:
        if count:
            items -= count
            lines.append({"step": reason.removeprefix("left out: "), "out": count, "left": items})
    return lines


def funnel_rows(lines: Iterable[Mapping[str, Any]]) -> tuple[tuple[str, int | None, int], ...]:
    """Return the funnel as rows of a table to print."""
    return tuple((line["step"], -line["out"] if line["out"] else None, line["left"]) for line in lines)
