"""Measures that read the stored vectors and no picture; they follow the encoder that made the store's vectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from curate.measures.base import Measure
from index.stages.row_plugin import Input
from index.store import Store
from schema.arrays import Floats32
from schema.errors import StoreError
from schema.settings import Settings


class VectorMeasure(Measure):
    """A measure of pictures by their vectors. ``bind`` tells it which; ``bound`` is what travels with it."""

    reads: Input = "vector"

    def __init__(self, settings: Settings, bound: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        self.bound: dict[str, Any] = dict(bound or {})

    def __reduce__(self) -> Any:
        return type(self), (self.settings, self.bound)

    def bind(self, store: Store) -> None:
        """Take the store's own encoder. Raises StoreError where there are no vectors yet."""
        key = store.encoder_key()
        if not store.has(f"vectors_{key}"):
            raise StoreError(f"the store holds no vectors of {key}", "Run: likeness embed --store ...")
        self.bound["encoder"] = key

    @property
    def encoder(self) -> str:
        """Return the KEY of the vectors; empty before ``bind``."""
        return str(self.bound.get("encoder", ""))

    @property
    def vectors_table(self) -> str:
        """See RowPlugin."""
        return f"vectors_{self.encoder}" if self.encoder else ""

    @property
    def where(self) -> str:
        """Return that texts without a picture are left alone."""
        return "status = 'ok'"

    def identity(self) -> dict[str, str]:
        """Return the encoder's key."""
        return super().identity() | {"encoder": self.encoder}


def write_percentiles(store: Store, table: str, pairs: Mapping[str, str]) -> None:
    """Fill columns of percentiles, 0..100, from columns of values: the share of the collection that lies below.

    ``pairs`` is value column to percentile column. Equal values get equal percentiles, their middle; null stays null.
    """
    if not store.has(table) or not store.count(table):
        return
    rows = store.read(table)
    schema = rows.schema
    for value, percentile in pairs.items():
        found = pa.array(percentiles(np.asarray(rows.column(value).to_numpy(), np.float32)), from_pandas=True)
        rows = rows.set_column(
            schema.get_field_index(percentile), schema.field(percentile), found.cast(pa.float32())
        )
    store.replace(table, rows, schema)


def percentiles(values: Floats32) -> Floats32:
    """Return for each value the percentile among all that are numbers, float32 [n]; NaN for those that are not."""
    known = ~np.isnan(values)
    ordered = np.sort(values[known])
    found = np.full(len(values), np.nan, np.float32)
    if len(ordered):
        low = np.searchsorted(ordered, values[known], "left")
        high = np.searchsorted(ordered, values[known], "right")
        found[known] = 50.0 * (low + high) / len(ordered)
    return found
