"""What a filter can ask for: the columns of a store, and the values of one of them with their counts."""

from __future__ import annotations

import pyarrow as pa

from index.filters.columns import Column, Columns
from index.filters.values import Values
from index.store import Store
from ui.terminal.tables import cell, clean, table

SHOWN = 100


def columns_text(store: Store) -> str:
    """Return the columns that a filter may name, each with its kind and the table it lies in."""
    columns = Columns(store)
    rows = [(name, _kind(columns.find(name)), columns.find(name).table) for name in columns.names]
    return (
        table(("column", "holds", "said by"), rows) + "\n\nValues of one: likeness values COLUMN --store ..."
    )


def values_text(store: Store, name: str, shown: int = SHOWN) -> str:
    """Return the values of a column with the number of items that have each; numbers as their range.

    Raises FilterError for an unknown column.
    """
    column = Columns(store).find(name)
    counts = Values(store).counts(column)
    if not counts:
        return f"{column.name}: no item has a value"
    kind = column.value_type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        numbers = [float(value) for value, _ in counts]
        items = sum(count for _, count in counts)
        return f"{column.name}: {cell(items)} items, from {min(numbers):g} to {max(numbers):g}"
    text = table((column.name, "items"), [(clean(str(value)), count) for value, count in counts[:shown]])
    left_out = len(counts) - shown
    return text if left_out <= 0 else f"{text}\n... and {cell(left_out)} more values: --limit {len(counts)}"


def _kind(column: Column) -> str:
    kind = column.value_type
    if pa.types.is_boolean(kind):
        name = "true or false"
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind):
        name = "number"
    elif pa.types.is_nested(kind):
        name = "records"
    else:
        name = "text"
    return f"several {name}s" if column.is_list and name in ("text", "number") else name
