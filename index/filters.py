"""Filters over items, labels and groups as one expression, though they live in three tables.

``hair_color = 'blue' AND width >= 512`` is split at its top-level ANDs; each part is pushed down to the one table
that holds its columns. An expression that mixes tables inside an OR is refused with the reason.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from index.store import Store
from schema.errors import FilterError

TABLES = ("labels", "items", "groups")

_TOKEN = re.compile(r"""'(?:[^']|'')*'|"[^"]*"|`[^`]*`|\w+|[()]|\S""")
_BETWEEN = re.compile(r"^between$", re.I)


def matching_rows(store: Store, where: str) -> npt.NDArray[np.int64]:
    """Return the rows of the items that a filter matches, ascending int64.

    Raises FilterError that names the unknown column or the part that cannot be split.
    """
    columns = {table: set(store.schema(table).names) for table in TABLES if store.has(table)}
    found: npt.NDArray[np.int64] | None = None
    for part in split_conjuncts(where):
        table = _table_of(part, columns)
        rows = np.concatenate(
            [
                np.empty(0, dtype=np.int64),
                *(batch.column(0).to_numpy() for batch in store.scan(table, ["row"], part)),
            ]
        )
        if table == "groups" and re.fullmatch(r"keep(\s*=\s*true)?", part.strip(), re.I):
            rows = np.setdiff1d(store.rows("items"), _dropped(store), assume_unique=True)
        found = rows if found is None else np.intersect1d(found, rows, assume_unique=True)
    if found is None:
        raise FilterError("the filter is empty")
    return found


def _dropped(store: Store) -> npt.NDArray[np.int64]:
    parts = [batch.column(0).to_numpy() for batch in store.scan("groups", ["row"], "keep = false")]
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)


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


def _table_of(part: str, columns: dict[str, set[str]]) -> str:
    words = {token.strip('`"') for token in _TOKEN.findall(part) if re.match(r"[A-Za-z_`\"]", token)}
    known = {word for word in words if any(word in names for names in columns.values())}
    fits = [table for table in TABLES if table in columns and known and known <= columns[table]]
    if fits:
        return fits[0]
    every = sorted(set().union(*columns.values()) - {"row", "commit", "source", "ordinal"}) if columns else []
    if not known:
        raise FilterError(f"the filter part {part!r} names no known column", f"Columns: {', '.join(every)}")
    raise FilterError(
        f"the filter part {part!r} mixes columns of different tables ({', '.join(sorted(known))})",
        "Join such conditions with AND instead of OR.",
    )
