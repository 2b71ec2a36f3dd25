"""Which items a filter matches: each condition is asked of its own table, and the rows found are joined.

Conditions of one table go to the store together, so that its indexes and its pushdown serve them; conditions of
different tables meet as sets of rows, which is why they can be mixed under AND and OR alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from index.filters.columns import Column, Columns
from index.filters.language import Condition, Joined, Tree, parse_filter
from index.filters.sql import sql_of
from index.filters.values import Values
from index.store import Store
from index.store.items import shared_columns
from index.store.items.revisions import revised_rows
from schema.arrays import Bools, Rows
from schema.errors import FilterError


@dataclass(frozen=True, slots=True)
class Query:
    """A condition, or several joined, on one table.

    ``otherwise`` tells whether items that have no row in the table match, as those outside all groups match 'keep'.
    ``copies`` tells whether a copy that matches makes its item match, or, where ``copies`` is False, not match;
    ``gaps`` names the column that must be empty in the item for its copies to be heard.
    """

    table: str
    sql: str
    columns: tuple[str, ...]
    otherwise: bool = False
    copies: bool | None = None
    copies_sql: str = ""
    gaps: str = ""


@dataclass(frozen=True, slots=True)
class Both:
    """Queries of several tables, joined by AND (``every``) or OR."""

    every: bool
    parts: tuple[Plan, ...]


Plan: TypeAlias = "Query | Both"


def matching_rows(store: Store, where: str) -> Rows:
    """Return the rows of the items that a filter matches, ascending int64.

    Raises FilterError that says what is not understood, or names the near columns or values.
    """
    return _run(store, plan_of(store, where))


def answers(store: Store, where: str) -> tuple[Rows, Rows]:
    """Return the rows of the items that a filter matches, and of those that its opposite does, ascending.

    Items in neither lack the value that would decide; where byte-identical copies contradict each other, an item is in
    both. Raises FilterError as ``matching_rows`` does.
    """
    return _run(store, plan_of(store, where)), _run(store, plan_of(store, where, negated=True))


def passing(store: Store, where: str, rows: Rows, negated: bool = False) -> Bools:
    """Return which of some different rows [n] a filter matches, or its opposite, bool [n], by looking at these alone.

    Raises FilterError as ``matching_rows`` does.
    """
    return _look(store, plan_of(store, where, negated), rows)


def plan_of(store: Store, where: str, negated: bool = False) -> Plan:
    """Return what is asked of which table for a filter or its opposite; only columns' names and few values are read."""
    columns = Columns(store)
    folded = shared_columns(columns.names, store.schema("copies")) if store.count("copies") else []
    return _plan(parse_filter(where, negated), columns, Values(store), frozenset(folded))


def _plan(tree: Tree, columns: Columns, values: Values, folded: frozenset[str]) -> Plan:
    """Return the plan of a tree; ``folded`` names the columns of items that byte-identical copies add to."""
    if isinstance(tree, Condition):
        return _query(tree, columns, values, folded)
    planned = [_plan(part, columns, values, folded) for part in tree.parts]
    return _joined(tree, planned)


def _joined(tree: Joined, planned: list[Plan]) -> Plan:
    """Join queries of one table into one, and leave those that need looking at by themselves."""
    together: dict[str, list[Query]] = {}
    parts: list[Plan] = []
    for part in planned:
        if isinstance(part, Query) and not part.otherwise and part.copies is None:
            together.setdefault(part.table, []).append(part)
        else:
            parts.append(part)
    word = " AND " if tree.every else " OR "
    for table, queries in together.items():
        names = tuple(sorted({name for query in queries for name in query.columns}))
        parts.append(Query(table, word.join(f"({query.sql})" for query in queries), names))
    return parts[0] if len(parts) == 1 else Both(tree.every, tuple(parts))


def _query(condition: Condition, columns: Columns, values: Values, folded: frozenset[str]) -> Plan:
    column = columns.of(condition)
    other: Column | None = None
    if condition.other:
        if condition.other not in columns and condition.values:
            # A value in double quotes, as in many other languages.
            condition = Condition(condition.column, condition.kind, condition.operator, condition.values)
        else:
            other = columns.find(condition.other)
            if other.table != column.table:
                raise FilterError(
                    f"{column.name} and {other.name} lie in different tables and cannot be compared"
                )
    condition = values.stored(condition, column)
    names = tuple({column.name, other.name if other else column.name})
    sql = sql_of(condition, column, other)
    otherwise = False
    if column.table == "groups":
        otherwise = _matches_outside_groups(condition, column)
    elif condition.kind == "null" and column.table != "items":
        otherwise = not condition.negated
    if column.table != "items" or column.name not in folded:
        return Query(column.table, sql, names, otherwise)
    return _with_copies(condition, column, sql)


def _matches_outside_groups(condition: Condition, column: Column) -> bool:
    """Tell whether an item in no group matches: it is kept, and belongs to no group."""
    if column.name == "keep":
        if condition.kind == "true":
            return not condition.negated
        if condition.kind == "compare" and condition.operator in ("=", "!="):
            return (condition.values[0] is True) == (condition.operator == "=")
    return condition.kind == "null" and not condition.negated


def _with_copies(condition: Condition, column: Column, sql: str) -> Query:
    """Return the query of a column that copies add to: what one of them says is said of the item.

    Lists and texts are joined; of everything else the item's own value counts, and a copy's where it has none.
    """
    joined = column.is_list or column.name == "text"
    if not joined and condition.kind != "null":
        return Query("items", sql, (column.name,), copies=True, copies_sql=sql, gaps=column.name)
    says_absent = (condition.negated or condition.operator == "!=") != (condition.kind == "null")
    if not says_absent:
        return Query("items", sql, (column.name,), copies=True, copies_sql=sql)
    present = replace(
        condition, operator=condition.operator.replace("!=", "="), negated=condition.kind == "null"
    )
    return Query("items", sql, (column.name,), copies=False, copies_sql=sql_of(present, column))


def _run(store: Store, plan: Plan) -> Rows:
    if isinstance(plan, Both):
        found = [_run(store, part) for part in plan.parts]
        rows = found[0]
        for more in found[1:]:
            rows = np.intersect1d(rows, more, assume_unique=True) if plan.every else np.union1d(rows, more)
        return rows
    rows = _scanned(store, plan.table, plan.sql)
    if plan.otherwise:
        without = np.setdiff1d(store.rows("items"), store.rows(plan.table), assume_unique=True)
        rows = np.union1d(rows, without)
    if plan.copies is not None:
        # What is said anew of an item stands in its own record already.
        said = np.setdiff1d(_scanned(store, "copies", plan.copies_sql), revised_rows(store))
        if plan.gaps:
            said = np.intersect1d(said, _scanned(store, plan.table, f"`{plan.gaps}` IS NULL"))
        rows = np.union1d(rows, said) if plan.copies else np.setdiff1d(rows, said, assume_unique=True)
    return rows


def _look(store: Store, plan: Plan, rows: Rows) -> Bools:
    if isinstance(plan, Both):
        # Every part is asked, whatever the others let pass: one that is not valid is refused.
        found = np.stack([_look(store, part, rows) for part in plan.parts])
        return np.asarray(found.all(axis=0) if plan.every else found.any(axis=0))
    taken = store.take(plan.table, np.sort(rows), ["row", *(name for name in plan.columns if name != "row")])
    passed = np.isin(rows, _matched(store, plan.table, taken, plan.sql))
    if plan.otherwise:
        passed = passed | ~np.isin(rows, taken.column("row").to_numpy())
    if plan.copies is not None:
        said_rows = _scanned(store, "copies", f"({plan.copies_sql}) AND {_among(rows)}")
        said = np.isin(rows, np.setdiff1d(said_rows, revised_rows(store)))
        if plan.gaps:
            empty = taken.filter(taken.column(plan.gaps).is_null()).column("row").to_numpy()
            said &= np.isin(rows, empty)
        passed = passed | said if plan.copies else passed & ~said
    return passed


def _among(rows: Rows) -> str:
    return f"row IN ({', '.join(map(str, rows.tolist()))})" if len(rows) else "false"


def _scanned(store: Store, table: str, where: str) -> Rows:
    parts = [batch.column(0).to_numpy() for batch in store.scan(table, ["row"], where)]
    return np.concatenate([np.empty(0, dtype=np.int64), *parts])


def _matched(store: Store, table: str, taken: pa.Table, where: str) -> Rows:
    """Return the rows of some records of a table that match: the store's own SQL, on a table in memory."""
    import lancedb

    held = lancedb.connect("memory://").create_table("taken", taken)
    try:
        found = held.search().where(where).select(["row"]).to_arrow()
    except (ValueError, RuntimeError) as error:
        raise store.bad_filter(table, where, error) from error
    return np.asarray(found.column("row").to_numpy(), dtype=np.int64)
