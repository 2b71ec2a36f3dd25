"""A checked condition as the store's own SQL: names quoted, values escaped, nothing of the user's text passed on."""

from __future__ import annotations

import math

import pyarrow as pa

from index.filters.columns import Column
from index.filters.language import Condition, Literals
from schema.errors import FilterError


def sql_of(condition: Condition, column: Column, other: Column | None = None) -> str:
    """Return the SQL of one condition on a column of one table; ``other`` is the column it is compared with.

    Raises FilterError where the column's kind does not take the condition.
    """
    name = _name(column.name)
    if condition.kind == "null":
        return f"{name} IS {'NOT ' if condition.negated else ''}NULL"
    if condition.kind == "true":
        return f"{'NOT ' if condition.negated else ''}{name}"
    if column.is_list:
        return _list_sql(condition, column)
    if condition.operator == "has":
        raise FilterError(f"{column.name} has one value an item", f"Write: {column.name} = ...")
    if other is not None:
        return f"{name} {condition.operator} {_name(other.name)}"
    not_ = "NOT " if condition.negated else ""
    if condition.kind == "in":
        return f"{name} {not_}IN ({', '.join(_literal(v, column) for v in condition.values)})"
    if condition.kind == "between":
        low, high = (_literal(value, column) for value in condition.values)
        return f"{name} {not_}BETWEEN {low} AND {high}"
    if condition.kind == "like":
        if not pa.types.is_string(column.type) and not pa.types.is_large_string(column.type):
            raise FilterError(f"{column.name} is no text: LIKE does not apply to it")
        return f"{name} {not_}{condition.operator} {_literal(condition.values[0], column)}"
    return f"{name} {condition.operator} {_literal(condition.values[0], column)}"


def _list_sql(condition: Condition, column: Column) -> str:
    name = _name(column.name)
    if condition.other or condition.kind == "between" or condition.operator in ("<", "<=", ">", ">="):
        raise FilterError(
            f"{column.name} holds several values an item", f"Write: has({column.name}, 'value')"
        )
    if condition.kind == "like":
        raise FilterError(
            f"{column.name} holds several values an item, and LIKE compares one text",
            f"Write: has({column.name}, 'value'); likeness values {column.name} lists them",
        )
    negated = condition.negated or condition.operator == "!="
    held = " OR ".join(f"array_has({name}, {_literal(value, column)})" for value in condition.values)
    return f"{name} IS NOT NULL AND NOT ({held})" if negated else f"({held})"


def _name(name: str) -> str:
    return f"`{name.replace('`', '``')}`"


def _literal(value: Literals, column: Column) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise FilterError(f"{column.name} cannot be compared with {value}")
        return repr(value)
    return "'" + value.replace("'", "''") + "'"
