"""What set-aside copies add to the item that is kept in their place, and which copy each value comes from.

Lists are joined, texts stand one below the other. The item's own rating counts, or else the highest of its copies, so
that nothing becomes milder by being merged; of times of posting the earliest. Of everything else the item's own value
counts, or else that of the first copy that has one. Tags that describe a single file, such as ``censored``, are not
taken over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from index.duplicates.copies import Copies
from index.store import Store
from index.store.items.revisions import WITHDRAWN
from schema.arrays import Rows
from schema.source_metadata import FIELDS as SOURCE_FIELDS
from schema.source_metadata import RATINGS
from schema.tags.about_files import taken_over

TAG_LISTS = ("tags", "artists", "copyrights", "characters", "meta_tags")
PROMPT = ("prompt", "prompt_source", "has_prompt")
"""Columns that go together: a copy fills them where the kept item has no prompt."""
MERGED = ("keys", "tags", "text", *(field.name for field in SOURCE_FIELDS), *PROMPT)
"""Columns of the kept item that take in the values of its copies."""
ADDRESSES = ("uri", "source_url", "post_url")
COPY = pa.struct(
    [
        pa.field("item_id", pa.string()),
        *(pa.field(name, pa.string()) for name in ADDRESSES),
        pa.field("keys", pa.list_(pa.string())),
        pa.field("tags", pa.list_(pa.string())),
        pa.field("filled", pa.list_(pa.string())),
    ]
)
"""A copy that was set aside: its addresses and keys, the ``tags`` that it adds to those of the kept item, and the other
columns that it fills or adds to."""


def merge_copies(
    store: Store, items: pa.RecordBatch, rows: Rows, copies: Copies
) -> tuple[pa.RecordBatch, list[list[dict[str, Any]]]]:
    """Return items with what their copies add, and by item the records (COPY) of its copies."""
    by_kept = copies.by_kept(rows)
    provenance: list[list[dict[str, Any]]] = [[] for _ in range(len(rows))]
    if not by_kept:
        return items, provenance
    present = set(items.schema.names)
    names = [name for name in MERGED if name in present]
    wanted = np.unique(np.asarray([row for mine in by_kept.values() for row in mine], np.int64))
    asked = ["row", "item_id", *dict.fromkeys((*ADDRESSES, *names))]
    records = {record["row"]: record for record in store.take_items(wanted, asked).to_pylist()}
    places = np.flatnonzero(np.isin(rows, np.asarray(list(by_kept), np.int64), assume_unique=True)).tolist()
    values = {name: items.column(items.schema.get_field_index(name)).to_pylist() for name in names}
    for place in places:
        own = {name: values[name][place] for name in names}
        mine = [records[row] for row in by_kept[int(rows[place])] if row in records]
        rating = own.get("source_rating") or rating_of_copies(copy.get("source_rating") for copy in mine)
        for copy in mine:
            provenance[place].append(_take_in(own, copy))
        if "source_rating" in own:
            own["source_rating"] = rating
        for name in names:
            values[name][place] = own[name]
    for name in names:
        column = items.schema.get_field_index(name)
        field = items.schema.field(column)
        items = items.set_column(column, field, pa.array(values[name], field.type))
    return items, provenance


def _take_in(own: dict[str, Any], copy: Mapping[str, Any]) -> dict[str, Any]:
    """Fill the values of a kept item from one copy; returns the record of the copy."""
    added: list[str] = []
    filled: list[str] = []
    for name in own:
        before, its = own[name], copy.get(name)
        if name in PROMPT or its in (None, "", []):
            continue
        own[name] = _merged(name, before, its)
        if name == "tags":
            known = set(before or ())
            added = [tag for tag in own[name] if tag not in known]
        elif name != "keys" and own[name] != before:
            filled.append(name)
    if copy.get("has_prompt") and "has_prompt" in own and not own["has_prompt"]:
        for name in PROMPT:
            if name in own:
                own[name] = copy[name]
        filled.append("prompt")
    record = {name: copy.get(name) for name in ("item_id", *ADDRESSES, "keys")}
    return record | {"tags": added, "filled": filled}


def _merged(name: str, own: Any, its: Any) -> Any:
    if name in TAG_LISTS:
        return [*(own or ()), *taken_over(own or (), its)]
    if isinstance(its, list):
        return list(dict.fromkeys([*(own or ()), *its]))
    if own in (None, ""):
        return its
    if name == "text":
        return "\n".join(dict.fromkeys((*own.split("\n"), *its.split("\n"))))
    if name == "posted":
        return min(own, its)
    return own


def rating_of_copies(ratings: Iterable[str | None]) -> str | None:
    """Return the highest of several ratings (g, s, q, e), None where there is none."""
    order = list(RATINGS)
    return max((each for each in ratings if each in order), key=order.index, default=None)


def all_addresses(
    store: Store, items: pa.RecordBatch, rows: Rows, provenance: Sequence[Sequence[Mapping[str, Any]]]
) -> list[list[str]]:
    """Return by item every address of it: its own, those of the same file at other places, those of its copies."""
    own = [
        items.column(items.schema.get_field_index(name)).to_pylist()
        for name in ADDRESSES
        if name in items.schema.names
    ]
    found = [[value for column in own if (value := column[place])] for place in range(len(rows))]
    for row, addresses in _other_places(store, rows).items():
        found[int(np.searchsorted(rows, row))] += addresses
    for place, copies in enumerate(provenance):
        found[place] += [copy[name] for copy in copies for name in ADDRESSES if copy[name]]
    return [list(dict.fromkeys(addresses)) for addresses in found]


def _other_places(store: Store, rows: Rows) -> dict[int, list[str]]:
    """The addresses of the same bytes at other places, by row; places that a source has withdrawn are left out."""
    if not len(rows) or not store.has("copies"):
        return {}
    present = set(store.schema("copies").names)
    names = [name for name in ("row", "source", "keys", "event", *ADDRESSES) if name in present]
    inside = set(rows.tolist())
    by_place: dict[tuple[int, int, str], list[str]] = {}
    for record in store.read(
        "copies", names, f"row >= {int(rows[0])} AND row <= {int(rows[-1])}"
    ).to_pylist():
        if record["row"] not in inside:
            continue
        place = (record["row"], record["source"], (record["keys"] or [""])[0])
        if record.get("event") in WITHDRAWN:
            by_place.pop(place, None)
        elif record.get("event") != "kept":
            by_place[place] = [record[name] for name in ADDRESSES if record.get(name)]
    found: dict[int, list[str]] = {}
    for (row, _, _), addresses in by_place.items():
        found.setdefault(row, []).extend(addresses)
    return found
