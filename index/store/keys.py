"""Finding one item by what people call it: a row number, an item id, a key that a source gave it, or its path."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence

from index.store.database import Database
from index.store.store import Store
from schema.errors import StoreError
from schema.ids import content_id

AT_ONCE = 1000
_ID = re.compile("[0-9a-f]{32}")


def row_of(store: Store, given: str) -> int:
    """Return the row that a row number, an item id or a key names; raises StoreError when there is none."""
    given = given.strip()
    if given.isdigit() and len(given) < 12 and int(given) < store.n_items():
        return int(given)
    return row_named(store, given)


def row_named(store: Store, given: str) -> int:
    """Return the row of the item with this id, else this key, else this path; raises StoreError when there is none."""
    paths = ", ".join(sql_text(path) for path in dict.fromkeys((given, os.path.abspath(given))))
    for where in (
        f"item_id = {sql_text(given.lower())}",
        f"array_has(keys, {sql_text(given)})",
        f"uri IN ({paths})",
    ):
        for table in ("items", "copies") if given.isprintable() else ():
            for batch in store.scan(table, ["row"], where):
                return int(batch.column(0)[0].as_py())
    raise StoreError(
        f"there is no item {given!r}",
        f"Name one by its item id, by a key, by its path, or by its row, 0 to {store.n_items() - 1}.",
    )


def rows_named(store: Store, given: Sequence[str]) -> list[int]:
    """Return for each id or key its row, as ``row_named`` does; ids are looked up many at a time."""
    rows = rows_of_ids(store, (each for each in given if _ID.fullmatch(each)))
    return [rows[each] if each in rows else row_named(store, each) for each in given]


def row_of_bytes(store: Store, data: bytes) -> int | None:
    """Return the row of the item whose file holds exactly these bytes, None when the store has no such item."""
    for batch in store.scan("items", ["row"], f"item_id = {sql_text(content_id(data))}"):
        return int(batch.column(0)[0].as_py())
    return None


def rows_of_ids(store: Database, item_ids: Iterable[str]) -> dict[str, int]:
    """Return the row of each of these items that the store has: by a filter for a few, in one pass for many."""
    wanted = set(item_ids)
    few = f"item_id IN ({', '.join(map(sql_text, sorted(wanted)))})" if len(wanted) <= AT_ONCE else None
    found: dict[str, int] = {}
    for batch in store.scan("items", ["row", "item_id"], few) if wanted else ():
        pairs = zip(batch["item_id"].to_pylist(), batch["row"].to_pylist(), strict=True)
        found.update((item_id, row) for item_id, row in pairs if item_id in wanted)
    return found


def sql_text(text: str) -> str:
    """Return text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"
