"""Items as their sources have them now: edited words, replaced pictures and files that are gone.

``items`` and ``copies`` are only appended to. A record of ``copies`` with an *event* says what a source has changed
since: 'edited' and 'moved' bring new words or a new address, 'missing' and 'replaced' withdraw a place of an item,
'found' brings one back with its words, 'kept' as it was. What all of it comes to is in ``revised_items``, one record
for each item with such an event, in the columns of ``items``; whoever reads items gets these records in place of the
first ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from index.store.database import Database
from schema.arrays import Rows

TABLE = "revised_items"
WITHDRAWN = ("missing", "replaced")
"""Events that withdraw a place of an item; also the status of an item that has no place left."""

REASONS = {
    "missing": "no source has it any more",
    "replaced": "another picture or text has its place",
}
_OWN = frozenset({"row", "item_id", "source", "ordinal", "commit", "event"})
_BATCH = 8192


def revised_rows(database: Database) -> Rows:
    """Return the rows of the items that have a revised record, ascending."""
    return database.rows(TABLE) if database.has(TABLE) else np.empty(0, dtype=np.int64)


def current_record(item: Mapping[str, Any], copies: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return an item's record as its sources have it now; ``copies`` are its records there, oldest first.

    Of each place (a source and a key) the latest words count. Lists and texts of all places are joined, of everything
    else the first that is filled counts. Withdrawn places say nothing, unless all are: then the item is gone, and
    keeps what was last said of it.
    """
    words: dict[tuple[int, str], Mapping[str, Any]] = {}
    events: dict[tuple[int, str], str] = {}
    for record in (item, *copies):
        place = (record["source"], (record["keys"] or [""])[0])
        event = record.get("event") or ""
        events[place] = event
        if event not in WITHDRAWN and event != "kept":
            words[place] = record
    present = [record for place, record in words.items() if events[place] not in WITHDRAWN]
    found = dict(item)
    found.pop("event", None)
    said = present or list(words.values())
    columns = copies[0] if copies else {}
    shared = [name for name in found if name not in _OWN and name in columns]
    for name in shared:
        found[name] = joined_values(name, [record.get(name) for record in said])
    found["commit"] = max(record["commit"] for record in (item, *copies))
    if not present:
        status = "missing" if "missing" in events.values() else "replaced"
        found |= {"status": status, "reason": REASONS[status]}
    return found


def joined_values(name: str, values: Sequence[Any]) -> Any:
    """Return what several records say of an item together: lists joined, texts below each other, else the first."""
    filled = [value for value in values if value not in (None, "", [])]
    if name == "text":
        return "\n".join(dict.fromkeys(filled)) or None
    if any(isinstance(value, list) for value in filled):
        return list(dict.fromkeys(entry for value in filled for entry in value))
    return filled[0] if filled else None


def rebuild(database: Database, commits: int) -> int:
    """Write the revised records anew from items and copies up to a commit, and return how many there are.

    Nothing is written where they are up to date; a run that was killed before it came here leaves them stale.
    """
    events = _events(database, commits)
    if not events:
        database.drop(TABLE)
        return 0
    schema = database.schema("items")
    rows = np.sort(np.fromiter(events, dtype=np.int64, count=len(events)))
    fresh = (
        database.has(TABLE)
        and database.schema(TABLE).equals(schema)
        and np.array_equal(database.rows(TABLE), rows)
        and max(events.values()) <= _newest(database)
    )
    if not fresh:
        database.replace(TABLE, _records(database, rows, schema, commits), schema)
    return len(rows)


def _events(database: Database, commits: int) -> dict[int, int]:
    """Return the rows with an event, each with the commit of its last record in ``copies``."""
    if not database.has("copies") or "event" not in database.schema("copies").names:
        return {}
    rows: set[int] = set()
    for batch in Database.scan(database, "copies", ["row"], f"event IS NOT NULL AND commit <= {commits}"):
        rows.update(batch.column(0).to_pylist())
    found: dict[int, int] = {}
    for batch in Database.scan(database, "copies", ["row", "commit"]) if rows else ():
        for row, commit in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            if row in rows and commit <= commits:
                found[row] = max(found.get(row, 0), commit)
    return found


def _newest(database: Database) -> int:
    return max(
        (max(batch.column(0).to_pylist()) for batch in Database.scan(database, TABLE, ["commit"])), default=0
    )


def _records(database: Database, rows: Rows, schema: pa.Schema, commits: int) -> Iterator[pa.RecordBatch]:
    for start in range(0, len(rows), _BATCH):
        part = rows[start : start + _BATCH]
        copies: dict[int, list[dict[str, Any]]] = {}
        within = f"row >= {int(part[0])} AND row <= {int(part[-1])} AND commit <= {commits}"
        wanted = set(part.tolist())
        for batch in Database.scan(database, "copies", None, within):
            for record in batch.to_pylist():
                if record["row"] in wanted:
                    copies.setdefault(record["row"], []).append(record)
        for records in copies.values():
            records.sort(key=lambda record: int(record["commit"]))  # stable: the order within a commit stays
        items = Database.take(database, "items", part).to_pylist()
        current = [current_record(item, copies.get(item["row"], [])) for item in items]
        yield pa.RecordBatch.from_pylist(current, schema)


# ---- reading


def merged(
    base: Iterable[pa.RecordBatch], revised: Iterable[pa.RecordBatch], changed: Rows
) -> Iterator[pa.RecordBatch]:
    """Yield batches of items in row order with the revised records in place of the first ones.

    Both have the same columns, ``row`` among them; ``changed`` are the rows of all revised records, ascending.
    """
    waiting = iter(revised)
    held: pa.RecordBatch | None = next(waiting, None)
    for batch in base:
        rows = _rows_of(batch)
        last = int(rows[-1])
        parts = [batch.filter(pa.array(~np.isin(rows, changed)))]
        while held is not None and held.num_rows:
            among = int(np.searchsorted(_rows_of(held), last, side="right"))
            parts.append(_fitted(held.slice(0, among), batch.schema))
            if among < held.num_rows:
                held = held.slice(among)
                break
            held = next(waiting, None)
        yield from _in_order(parts)
    while held is not None:
        if held.num_rows:
            yield held
        held = next(waiting, None)


def _in_order(parts: list[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    filled = [part for part in parts if part.num_rows]
    if not filled:
        return
    table = pa.Table.from_batches(filled)
    if len(filled) > 1:
        table = table.sort_by("row")
    yield table.combine_chunks().to_batches()[0]


def _fitted(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    columns = [batch.column(batch.schema.get_field_index(field.name)).cast(field.type) for field in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _rows_of(batch: pa.RecordBatch) -> Rows:
    rows: Rows = batch.column(batch.schema.get_field_index("row")).to_numpy()
    return rows
