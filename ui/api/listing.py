"""Lists of items: which, in which order, from where on, with which columns; as the review page shows them.

Columns come from the tables as they are stored, and what reviewers have decided since is laid over the few rows that it
touches. An order is kept until a table changes, so a page costs what its rows cost.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from index.filters import matching_rows
from index.filters.columns import Column, Columns
from schema.arrays import Rows
from schema.errors import InputError
from ui.review.items import Label
from ui.review.workspace import Workspace

BATCH_ROWS = 4096
BASE_COLUMNS = ("item_id", "keys", "status", "width", "height", "format", "tags", "group_id", "keep")
_LABEL_ENDINGS = ("", "_confidence", "_source")


@dataclass(frozen=True, slots=True)
class Listing:
    """What is asked for: a filter, ``sort`` a column or -column, ``cursor`` from the page before; ``everything``
    includes texts and files that could not be read."""

    where: str = ""
    sort: str = ""
    cursor: str = ""
    columns: tuple[str, ...] = ()
    everything: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """The rows from the cursor on, how many match in all, and how many come before."""

    rows: Rows
    total: int
    begun: int


def page_of(workspace: Workspace, asked: Listing) -> Page:
    """Return the rows of a listing from its cursor on.

    Raises FilterError, and InputError for a cursor that is none of ours, belongs to another question, or whose item is
    no longer in the list.
    """
    rows = _ordered(workspace, asked)
    begun = _begin(asked, rows) if asked.cursor else 0
    return Page(rows[begun:], len(rows), begun)


def cursor_after(asked: Listing, row: int, position: int) -> str:
    """Return the cursor behind an item, which is number ``position`` of the list, counted from 1."""
    text = json.dumps([position, row, _digest(asked)], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def columns_of(workspace: Workspace, names: Sequence[str]) -> list[Column]:
    """Return the columns of an answer: those named, or ids, sizes, tags and all labels.

    Raises FilterError with near names for one that there is not.
    """
    columns = Columns(workspace.store)
    if names:
        wanted = ["item_id", *(name for name in names if name != "item_id")]
    else:
        labels = set(workspace.store.schema("labels").names) if workspace.store.has("labels") else set()
        wanted = [name for name in BASE_COLUMNS if name in columns]
        for attribute in workspace.attributes:
            wanted += [attribute.name + end for end in ("", "_confidence") if attribute.name + end in labels]
    return [columns.find(name) for name in dict.fromkeys(wanted)]


def batches(workspace: Workspace, rows: Rows, columns: Sequence[Column]) -> Iterator[pa.Table]:
    """Yield these columns of these rows in the asked order, some thousand at a time."""
    for start in range(0, len(rows), BATCH_ROWS):
        yield read(workspace, rows[start : start + BATCH_ROWS], columns)
    if not len(rows):
        yield read(workspace, rows, columns)


def read(workspace: Workspace, rows: Rows, columns: Sequence[Column]) -> pa.Table:
    """Return columns of rows in the asked order, reviews laid over; null where a table says nothing of a row."""
    store = workspace.store
    values: dict[Column, pa.Array] = {}
    for table in dict.fromkeys(column.table for column in columns):
        own = [column for column in columns if column.table == table]
        names = list(dict.fromkeys(["row", *(column.name for column in own)]))
        taken = store.take_items(rows, names) if table == "items" else store.take(table, rows, names)
        place = {row: at for at, row in enumerate(taken.column("row").to_pylist())}
        index = pa.array([place.get(row) for row in rows.tolist()], pa.int64())
        for column in own:
            values[column] = taken.column(column.name).combine_chunks().take(index)
    _lay_labels(workspace, rows, values)
    _lay_groups(workspace, rows, values)
    return pa.table({column.name: values[column] for column in columns})


def records(table: pa.Table) -> list[dict[str, Any]]:
    """Return rows as JSON can hold them: no NaN, times as text."""
    return [{name: plain(value) for name, value in record.items()} for record in table.to_pylist()]


def plain(value: Any) -> Any:
    """Return a value of a table as JSON can hold it."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {str(name): plain(each) for name, each in value.items()}
    if value is None or isinstance(value, str | int | bool):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _ordered(workspace: Workspace, asked: Listing) -> Rows:
    store = workspace.store
    if asked.everything:
        rows = matching_rows(store, asked.where or "status IS NOT NULL")
    else:
        rows = workspace.rows(asked.where)
    if not asked.sort:
        return rows
    column = Columns(store).find(asked.sort.removeprefix("-"))
    if column.is_list or pa.types.is_nested(column.type):
        raise InputError(f"{column.name} holds lists, which have no order", "Sort by another column.")
    tables = list(dict.fromkeys(["items", "labels", column.table]))

    def order() -> Rows:
        parts = [read(workspace, rows[at : at + 65_536], [column]) for at in range(0, len(rows), 65_536)]
        if not parts:
            return rows
        values = pa.concat_tables(parts).column(0).combine_chunks()
        direction = "descending" if asked.sort.startswith("-") else "ascending"
        keys = [("value", direction), ("row", "ascending")]
        sorted_rows = pc.sort_indices(pa.table({"value": values, "row": rows}), sort_keys=keys)
        found: Rows = rows[sorted_rows.to_numpy()]
        return found

    decided = len(workspace.reviews())
    return workspace.cached(f"order {_digest(asked)} after {decided}", tables, order)


def _begin(asked: Listing, rows: Rows) -> int:
    """Return how many rows of the list come before what the cursor stands for."""
    wrong = InputError("this cursor is none of this list", "Ask without one for the first page.")
    try:
        padded = asked.cursor + "=" * (-len(asked.cursor) % 4)
        position, row, digest = json.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
    except (ValueError, TypeError, binascii.Error):
        raise wrong from None
    if digest != _digest(asked) or not isinstance(position, int) or not isinstance(row, int):
        raise wrong
    if 0 < position <= len(rows) and rows[position - 1] == row:
        return position
    found = np.flatnonzero(rows == row) if abs(row) < 2**62 else np.empty(0, np.int64)
    if not len(found):
        raise InputError("the list has changed under this cursor", "Ask without one for the first page.")
    return int(found[0]) + 1


def _digest(asked: Listing) -> str:
    text = json.dumps([asked.where, asked.sort, asked.everything])
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def _lay_labels(workspace: Workspace, rows: Rows, values: dict[Column, pa.Array]) -> None:
    """Put labels that decisions have changed since the last label run in the place of the stored ones."""
    named: dict[str, list[Column]] = {}
    known = {attribute.name for attribute in workspace.attributes}
    for column in values:
        if column.table == "labels":
            stem = next(
                (column.name.removesuffix(e) for e in _LABEL_ENDINGS[::-1] if column.name.endswith(e)), ""
            )
            if stem in known:
                named.setdefault(stem, []).append(column)
    if not named:
        return
    reviewed = workspace.reviewed().labels
    if not reviewed:
        return
    place = {row: at for at, row in enumerate(rows.tolist())}
    touched = {row for row, name in reviewed if name in named}
    touched |= {row for name in named for row in workspace.revoted(name)}
    some = sorted(touched & place.keys())
    for item in workspace.items(some, list(named)):
        for name, columns in named.items():
            for column in columns:
                values[column] = _with(
                    values[column], place[item.row], _cell(column, name, item.labels[name])
                )


def _cell(column: Column, attribute: str, label: Label) -> Any:
    if column.name == attribute:
        if column.is_list:
            return list(label.values)
        return label.values[0] if label.values else None
    if column.name.endswith("_confidence"):
        return label.confidence if label.values else None
    return label.source or None if label.values else None


def _lay_groups(workspace: Workspace, rows: Rows, values: dict[Column, pa.Array]) -> None:
    wanted = [column for column in values if column.table == "groups" and column.name in _PLACE]
    changed = workspace.overlay().places if wanted else {}
    for at, row in enumerate(rows.tolist() if changed else ()):
        if row in changed:
            for column in wanted:
                told = getattr(changed[row], column.name)
                values[column] = _with(values[column], at, told if column.name == "keep" else told or None)
    for column in wanted:
        if column.name == "keep":  # what is in no group is kept
            values[column] = values[column].fill_null(True)


_PLACE = ("group_id", "verdict", "similarity", "reason", "keep")


def _with(values: pa.Array, at: int, value: Any) -> pa.Array:
    """Return an array with one value replaced."""
    one = pa.array([value], values.type)
    return pa.concat_arrays([values[:at], one, values[at + 1 :]])
