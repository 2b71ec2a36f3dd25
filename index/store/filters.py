"""Filters over items, labels and groups as one expression, though they live in three tables.

``hair_color = 'blue' AND width >= 512`` is split at its top-level ANDs; each part is pushed down to the one table
that holds its columns. An expression that mixes tables inside an OR is refused with the reason.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from index.store import Store
from schema.arrays import Bools, Rows
from schema.errors import FilterError

TABLES = ("labels", "items", "groups")
DROPPED = "keep = false"

_TOKEN = re.compile(r"""'(?:[^']|'')*'|"[^"]*"|`[^`]*`|\w+|[()]|\S""")
_BETWEEN = re.compile(r"^between$", re.I)


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a filter, the table that it is pushed down to, and the columns that it names."""

    table: str
    text: str
    columns: tuple[str, ...]

    @property
    def keeps(self) -> bool:
        """Whether it asks for what is kept: also true of items that are in no group."""
        return self.table == "groups" and bool(re.fullmatch(r"keep(\s*=\s*true)?", self.text.strip(), re.I))


def matching_rows(store: Store, where: str) -> Rows:
    """Return the rows of the items that a filter matches, ascending int64.

    Raises FilterError that names the unknown column or the part that cannot be split.
    """
    found: Rows | None = None
    for part in _parts(store, where):
        if part.keeps:
            rows = np.setdiff1d(store.rows("items"), _scanned(store, "groups", DROPPED), assume_unique=True)
        else:
            rows = _scanned(store, part.table, part.text)
        found = rows if found is None else np.intersect1d(found, rows, assume_unique=True)
    assert found is not None
    return found


def passing(store: Store, where: str, rows: Rows) -> Bools:
    """Return which of some different rows [n] a filter matches, bool [n], by looking at these alone.

    Raises FilterError as ``matching_rows`` does.
    """
    passed = np.ones(len(rows), dtype=bool)
    # Every part is asked, whatever the others let pass: one that is not valid is refused.
    for part in _parts(store, where):
        taken = store.take(part.table, np.sort(rows), ["row", *part.columns])
        if part.keeps:
            passed &= ~np.isin(rows, _matched(store, part.table, taken, DROPPED))
        else:
            passed &= np.isin(rows, _matched(store, part.table, taken, part.text))
    return passed


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


def split_conjuncts(where: str) -> list[str]:
    """Split an expression at the ANDs outside brackets, quotes and BETWEEN."""
    parts: list[str] = []
    depth = start = 0
    between = False
    for token in _TOKEN.finditer(where):
        text = token.group()
        if text == ";":
            raise FilterError(f"the filter {where!r} holds a ';': one expression is all that is taken")
        if text == "(":
            depth += 1
        elif text == ")":
            depth -= 1
        elif depth == 0 and _BETWEEN.match(text):
            between = True
        elif depth == 0 and text.lower() == "or":
            return [where.strip()] if where.strip() else []
        elif depth == 0 and text.lower() == "and":
            if between:
                between = False
                continue
            parts.append(where[start : token.start()].strip())
            start = token.end()
    if depth != 0:
        raise FilterError(f"the filter {where!r} has unbalanced brackets")
    parts.append(where[start:].strip())
    if any(not part for part in parts):
        raise FilterError(f"the filter {where!r} has an empty part")
    return parts


def _parts(store: Store, where: str) -> list[_Part]:
    columns = {table: set(store.schema(table).names) for table in TABLES if store.has(table)}
    return [_placed(part, columns) for part in split_conjuncts(where)]


def _placed(part: str, columns: dict[str, set[str]]) -> _Part:
    words = {token.strip('`"') for token in _TOKEN.findall(part) if re.match(r"[A-Za-z_`\"]", token)}
    known = {word for word in words if any(word in names for names in columns.values())}
    fits = [table for table in TABLES if table in columns and known and known <= columns[table]]
    if fits:
        return _Part(fits[0], part, tuple(sorted(known - {"row"})))
    every = sorted(set().union(*columns.values()) - {"row", "commit", "source", "ordinal"}) if columns else []
    if not known:
        raise FilterError(f"the filter part {part!r} names no known column", f"Columns: {', '.join(every)}")
    raise FilterError(
        f"the filter part {part!r} mixes columns of different tables ({', '.join(sorted(known))})",
        "Join such conditions with AND instead of OR.",
    )
