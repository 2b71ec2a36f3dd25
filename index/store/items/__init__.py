"""Items with what their byte-identical copies add, and with empty columns where a store is older than the column."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from schema import tables
from schema.errors import StoreError

# What says where one copy lies is the copy's own; everything else said of it is said of the item.
_OWN = frozenset({"row", "item_id", "source", "ordinal", "uri", "commit"})


def shared_columns(names: Iterable[str], copies: pa.Schema) -> list[str]:
    """Return which of the item columns ``names`` copies say something about."""
    return [name for name in names if name in copies.names and name not in _OWN]


def fold_copies(
    batch: pa.RecordBatch, copies: Iterable[dict[str, Any]], names: Sequence[str]
) -> pa.RecordBatch:
    """Return items with the facts of their copies: lists joined, texts one below the other, gaps filled.

    ``copies`` are records with ``row`` and the columns ``names``; those of other rows are passed over.
    """
    rows = batch.column(batch.schema.get_field_index("row")).to_numpy()
    position = {int(row): index for index, row in enumerate(rows)}
    said: dict[str, dict[int, list[Any]]] = {name: {} for name in names}
    for record in copies:
        index = position.get(record["row"], -1)
        for name in names:
            if index >= 0 and record[name] not in (None, [], ""):
                said[name].setdefault(index, []).append(record[name])
    for name, additions in said.items():
        if not additions:
            continue
        column = batch.schema.get_field_index(name)
        field = batch.schema.field(column)
        values = batch.column(column).to_pylist()
        for index, added in additions.items():
            values[index] = _joined(name, field.type, values[index], added)
        batch = batch.set_column(column, field, pa.array(values, field.type))
    return batch


def _joined(name: str, kind: pa.DataType, value: Any, added: list[Any]) -> Any:
    if name == "text":
        return "\n".join(dict.fromkeys(text for text in (value, *added) if text)) or None
    if pa.types.is_list(kind):
        return list(dict.fromkeys(entry for part in (value or [], *added) for entry in part))
    return added[0] if value is None else value


def with_missing(batch: pa.RecordBatch, names: Sequence[str]) -> pa.RecordBatch:
    """Return the columns ``names`` of a batch of items, empty where the store was made before there was such a one."""
    if all(name in batch.schema.names for name in names):
        return batch.select(list(names))
    fields = [
        batch.schema.field(name) if name in batch.schema.names else tables.ITEMS.field(name) for name in names
    ]
    columns = [
        batch.column(batch.schema.get_field_index(field.name))
        if field.name in batch.schema.names
        else pa.nulls(batch.num_rows, field.type)
        for field in fields
    ]
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))


def check_columns(names: Iterable[str], present: pa.Schema) -> None:
    """Raise StoreError for a column that neither the table of items nor the catalogue has."""
    unknown = [name for name in names if name not in present.names and name not in tables.ITEMS.names]
    if unknown:
        raise StoreError(f"items have no column {unknown[0]}", f"Columns: {', '.join(present.names)}")


def row_range(batch: pa.RecordBatch) -> str:
    """Return the filter that picks the rows between a batch's first and last."""
    rows = np.asarray(batch.column(batch.schema.get_field_index("row")))
    return f"row >= {int(rows.min())} AND row <= {int(rows.max())}"
