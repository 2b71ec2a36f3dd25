"""Columns of any table as arrays in the order of given rows: numbers, classes, texts; read in one pass a table.

What byte-identical copies add to items is in it. An item that a table does not have is null there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from index.filters.columns import Column
from index.store import Store
from schema.arrays import Floats64, Ints, Ints32, Rows
from schema.errors import FilterError

NO_CLASS = -1
LONGEST_VALUE = 200
"""Letters of a text that a table of decisions keeps of what was looked at."""


def read_columns(store: Store, columns: Sequence[Column], rows: Rows) -> dict[str, pa.Array]:
    """Return the columns as Arrow arrays [n] by ``table.name``, for these rows, ascending."""
    found: dict[str, pa.Array] = {}
    for table in dict.fromkeys(column.table for column in columns):
        names = list(dict.fromkeys(column.name for column in columns if column.table == table))
        taken = _taken(store, table, names, rows)
        found |= {f"{table}.{name}": values for name, values in taken.items()}
    return found


def key_of(column: Column) -> str:
    """Return the key of a column in what ``read_columns`` returns."""
    return f"{column.table}.{column.name}"


def _taken(store: Store, table: str, names: Sequence[str], rows: Rows) -> dict[str, pa.Array]:
    wanted = ["row", *(name for name in names if name != "row")]
    batches = store.items(wanted) if table == "items" else store.scan(table, wanted)
    whole = len(rows) == store.n_items()
    stored: list[Rows] = []
    parts: dict[str, list[pa.Array]] = {name: [] for name in wanted}
    for batch in batches:
        own = batch.column(0).to_numpy()
        if not whole:
            keep = np.isin(own, rows, assume_unique=True)
            if not keep.any():
                continue
            batch, own = batch.filter(pa.array(keep)), own[keep]
        stored.append(own)
        for name, values in zip(wanted, batch.columns, strict=True):
            parts[name].append(values)
    held = np.concatenate(stored) if stored else np.empty(0, np.int64)
    schema = store.schema(table)
    if np.array_equal(held, rows):
        index = None
    else:
        place = np.minimum(np.searchsorted(held, rows), max(len(held) - 1, 0))
        missing = np.ones(len(rows), bool) if not len(held) else held[place] != rows
        index = pa.array(place, mask=missing)
    found = {}
    for name in names:
        kind = parts[name][0].type if parts[name] else schema.field(name).type
        # Texts of millions of items are more than the offsets of one array may count.
        kind = pa.large_string() if pa.types.is_string(kind) else kind
        column = pa.chunked_array([values.cast(kind) for values in parts[name]], kind)
        column = column if index is None else column.take(index)
        found[name] = column.combine_chunks()
        if isinstance(found[name], pa.ChunkedArray):
            found[name] = (
                pa.concat_arrays(found[name].chunks) if found[name].num_chunks else pa.nulls(0, kind)
            )
        parts[name].clear()
    return found


def is_number(column: Column) -> bool:
    """Tell whether a column has one number, or true or false, an item."""
    kind = column.type
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def as_numbers(column: Column, values: pa.Array) -> Floats64:
    """Return a column as float64 [n], NaN where it is null; raises FilterError for one of texts."""
    if not is_number(column):
        raise FilterError(
            f"{column.name} is no number", "Numbers among the columns: likeness values --store ..."
        )
    if pa.types.is_boolean(values.type):
        values = values.cast(pa.int8())
    numbers: Floats64 = values.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return numbers


def as_text(values: pa.Array) -> pa.Array:
    """Return texts, or lists of texts joined by commas, cut at LONGEST_VALUE letters."""
    if pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        lists = values.cast(pa.list_(pa.string()))
        values = pc.binary_join(lists, ", ")
    return pc.utf8_slice_codeunits(values.cast(pa.string()), 0, LONGEST_VALUE)


def as_classes(values: pa.Array) -> tuple[Ints32, list[str]]:
    """Return the class of each item as a code, int32 [n], and the names of the codes, sorted; NO_CLASS for none.

    Of several values of an item the one that fewest items have counts: quotas of small classes are hard to fill.
    """
    if pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        return _rarest(values)
    texts = values if pa.types.is_large_string(values.type) else values.cast(pa.string())
    encoded = texts.dictionary_encode()
    codes = encoded.indices.fill_null(NO_CLASS).to_numpy(zero_copy_only=False).astype(np.int32)
    return _sorted_names(codes, encoded.dictionary)


def _rarest(values: pa.Array) -> tuple[Ints32, list[str]]:
    encoded = values.flatten().cast(pa.string()).dictionary_encode()
    flat, names = _sorted_names(
        encoded.indices.fill_null(NO_CLASS).to_numpy(zero_copy_only=False).astype(np.int32),
        encoded.dictionary,
    )
    items: Ints = pc.list_parent_indices(values).to_numpy().astype(np.int64)
    items, flat = items[flat >= 0], flat[flat >= 0]
    counts = np.bincount(flat, minlength=len(names))
    order = np.lexsort((flat, counts[flat], items))
    first = np.unique(items[order], return_index=True)[1]
    found = np.full(len(values), NO_CLASS, np.int32)
    found[items[order][first]] = flat[order][first]
    return found, names


def _sorted_names(codes: Ints32, dictionary: pa.Array) -> tuple[Ints32, list[str]]:
    names = [str(name) for name in dictionary.to_pylist()]
    order = sorted(range(len(names)), key=names.__getitem__)
    place = np.empty(len(names) + 1, np.int32)
    place[order] = np.arange(len(names), dtype=np.int32)
    place[-1] = NO_CLASS
    return place[codes], [names[at] for at in order]
