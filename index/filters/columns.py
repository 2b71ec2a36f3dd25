"""Which columns a filter may name: those of the items and of what later stages said of them, by their own names.

A name that several tables have belongs to the first of them; ``table.column`` names the others.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from index.filters.language import Condition
from index.store import Store
from schema.catalogue import filtered_tables
from schema.errors import FilterError
from schema.tables import FORMAT_VERSION, ITEMS

NEAR = 5


@dataclass(frozen=True, slots=True)
class Column:
    """One column that can be filtered on."""

    table: str
    name: str
    type: Any

    @property
    def is_list(self) -> bool:
        """Whether an item has several values."""
        return bool(pa.types.is_list(self.type) or pa.types.is_large_list(self.type))

    @property
    def value_type(self) -> Any:
        """The type of one value."""
        return self.type.value_type if self.is_list else self.type


class Columns:
    """The columns of one store."""

    def __init__(self, store: Store) -> None:
        self._columns: dict[str, Column] = {}
        for table, entry in filtered_tables(store.tables()):
            for field in store.schema(table):
                if field.name in entry.internal:
                    continue
                column = Column(table, field.name, field.type)
                self._columns.setdefault(field.name, column)
                self._columns[f"{table}.{field.name}"] = column

    @property
    def names(self) -> list[str]:
        """The plain names, sorted."""
        return sorted(name for name in self._columns if "." not in name and name != "row")

    def __contains__(self, name: str) -> bool:
        return name in self._columns

    def find(self, name: str) -> Column:
        """Return a column by name, whatever its case; raises FilterError with the nearest names."""
        found = self._columns.get(name) or self._columns.get(name.lower())
        if found is None and self._columns and name in ITEMS.names:
            raise FilterError(
                f"the store is older than the column {name}",
                f"likeness run --store ... brings it to format {FORMAT_VERSION}.",
            )
        if found is None:
            raise FilterError(
                f"there is no column {name!r}{self._near(name)}", "All of them: likeness values"
            )
        return found

    def of(self, condition: Condition) -> Column:
        """Return the column of a condition; raises FilterError where the two do not fit."""
        column = self.find(condition.column)
        if condition.kind == "true" and not pa.types.is_boolean(column.type):
            raise FilterError(f"{column.name} by itself is no condition", f"Write: {column.name} = ...")
        if pa.types.is_nested(column.value_type):
            raise FilterError(f"{column.name} holds records and cannot be filtered on")
        return column

    def _near(self, name: str) -> str:
        plain = self.names
        words = name.lower().replace("colour", "color").rpartition(".")[2]
        near = difflib.get_close_matches(words, plain, NEAR, 0.6)
        near += [each for each in plain if words in each and each not in near]
        return f"; near ones: {', '.join(near[:NEAR])}" if near else ""
