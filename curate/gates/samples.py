"""Items on both sides of a gate: next to its limit where its condition has one, else drawn at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from curate.columns import as_numbers, as_text, is_number, key_of, read_columns
from curate.gates.evaluate import columns_of, mask_of, told, usable_items
from index.filters import answers
from index.filters.columns import Column, Columns
from index.filters.language import Condition, conditions_of, parse_filter
from index.store import Store
from schema.arrays import Bools, Floats64, Rows
from schema.numbers.hashing import mix64
from schema.sections.curation import GateSettings


@dataclass(frozen=True, slots=True)
class Side:
    """Items on one side of a gate: how many there are, some of them by row, and what each has in words."""

    title: str
    count: int
    rows: Rows
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Limit:
    """A number that a condition compares a column with."""

    column: Column
    operator: str
    value: float


def limit_of(columns: Columns, gate: GateSettings) -> Limit | None:
    """Return the first limit of a gate's condition: a column of numbers compared with one; None where there is none."""
    for condition in conditions_of(parse_filter(gate.where)):
        column = columns.find(condition.column)
        number = _number(condition)
        if number is not None and is_number(column):
            return Limit(column, condition.operator, number)
    return None


def can_ask(store: Store, gate: GateSettings) -> bool:
    """Tell whether the store has every column that a gate's condition names."""
    columns = Columns(store)
    return all(condition.column in columns for condition in conditions_of(parse_filter(gate.where)))


def _number(condition: Condition) -> float | None:
    value = condition.values[0] if condition.kind == "compare" and not condition.other else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def sides(store: Store, gate: GateSettings, count: int = 12, seed: int = 0) -> list[Side]:
    """Return samples of what the condition matches, of what it does not, and of what it cannot be answered for.

    Raises FilterError that names the gate whose condition is not valid.
    """
    columns = Columns(store)
    named = columns_of(columns, gate)
    usable = usable_items(store)
    with told(gate):
        true, false = answers(store, gate.where)
    matching = mask_of(true, len(usable)) & usable
    other = mask_of(false, len(usable)) & usable & ~matching
    limit = limit_of(columns, gate)
    values = None
    if limit is not None:
        read = read_columns(store, [limit.column], np.arange(len(usable)))[key_of(limit.column)]
        values = as_numbers(limit.column, read)
    found = []
    for title, mask in (
        ("acts", matching),
        ("does not act", other),
        ("not known", usable & ~matching & ~other),
    ):
        near = values if title != "not known" else None
        rows = _sample(mask, near, limit.value if limit else 0.0, count, seed)
        if len(rows) or title != "not known":
            found.append(Side(title, int(mask.sum()), rows, _words(store, named, rows)))
    return found


def _sample(mask: Bools, values: Floats64 | None, limit: float, count: int, seed: int) -> Rows:
    """Return rows of a mask: those nearest to the limit, or, without values, a random draw that stays the same."""
    rows = np.flatnonzero(mask)
    drawn = mix64(rows ^ np.int64(seed * 2_654_435_761 & 0x7FFFFFFF))
    if values is None:
        return rows[np.argsort(drawn, kind="stable")[:count]]
    distance = np.abs(values[rows] - limit)
    # The nearest alone are sorted: a side may have millions.
    if len(rows) > count:
        kept = np.argpartition(np.where(np.isnan(distance), np.inf, distance), count - 1)[:count]
        rows, distance, drawn = rows[kept], distance[kept], drawn[kept]
    return rows[np.lexsort((drawn, distance))]


def _words(store: Store, columns: list[Column], rows: Rows) -> tuple[str, ...]:
    """Return what items have in the columns of a gate, such as 'width 240'."""
    order = np.argsort(rows)
    values = read_columns(store, columns, rows[order])
    lines: list[list[str]] = [[] for _ in rows]
    for column in columns:
        taken = values[key_of(column)]
        texts = taken.to_pylist() if is_number(column) else as_text(taken).to_pylist()
        for place, value in zip(order.tolist(), texts, strict=True):
            lines[place].append(f"{column.name} {value_text(value)}")
    return tuple(", ".join(line) for line in lines)


def value_text(value: object) -> str:
    """Return a value as people read it."""
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
