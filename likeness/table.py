"""What a query returns: rows that are read when they are asked for, and convert to Arrow and pandas."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from schema.errors import MissingExtra

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 5


class Table:
    """Rows of named, typed columns. ``batches()`` streams them; everything else reads them once and keeps them."""

    def __init__(self, schema: pa.Schema, read: Callable[[], Iterable[pa.RecordBatch]]) -> None:
        self.schema = schema
        self._read = read

    @classmethod
    def of(cls, table: pa.Table) -> Table:
        """Return an Arrow table as a Table."""
        return cls(table.schema, table.to_batches)

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return list(self.schema.names)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows as Arrow record batches, read as they are used: memory follows the batch."""
        yield from self._read()

    def to_arrow(self) -> pa.Table:
        """Return all rows as one Arrow table."""
        return self._table

    @cached_property
    def _table(self) -> pa.Table:
        return pa.Table.from_batches(self._read(), self.schema)

    def to_pandas(self) -> pd.DataFrame:
        """Return all rows as a DataFrame; raises MissingExtra where pandas is not installed."""
        return to_pandas(self.to_arrow())

    def to_pylist(self) -> list[dict[str, Any]]:
        """Return all rows as dicts."""
        rows: list[dict[str, Any]] = self.to_arrow().to_pylist()
        return rows

    def __getitem__(self, column: str) -> list[Any]:
        """Return one column as Python values; raises KeyError naming the columns there are."""
        if column not in self.schema.names:
            raise KeyError(f"no column {column!r}; there are: {', '.join(self.schema.names)}")
        values: list[Any] = self.to_arrow().column(column).to_pylist()
        return values

    def __len__(self) -> int:
        return int(self.to_arrow().num_rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield the rows as dicts."""
        for batch in self.batches():
            yield from batch.to_pylist()

    def __repr__(self) -> str:
        """Return the number of rows, the columns, and the first rows."""
        head = [f"{len(self):,} rows of {', '.join(self.columns)}"]
        head += [f"  {row}" for row in self.to_arrow().slice(0, SHOWN).to_pylist()]
        return "\n".join(head + ["  ..."] * (len(self) > SHOWN))


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """Return an Arrow table as a DataFrame; raises MissingExtra where pandas is not installed."""
    try:
        frame: pd.DataFrame = table.to_pandas()
    except ModuleNotFoundError as error:
        raise MissingExtra("this needs pandas, which is not installed", "Run: pip install pandas") from error
    return frame
