"""Reads every table of a store whole and says what is wrong: files that are gone, rows, order, references.

Beyond the counts of expected.py this finds what is lost inside a table. A sample of pictures is read again and compared
with the hash that is their id, so that a source that changed under the store is told apart from a damaged one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from index.images.reader import Reader, ReadError
from index.reviews.open import open_log
from index.store import Store
from index.store.database import to_numpy
from index.store.expected import Damage, missing_rows
from schema.catalogue import describe
from schema.errors import StoreError
from schema.ids import content_id

UNIT = 0.02
"""How far the length of a stored float16 vector may be from 1."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found; ``tables`` is rows by table as they were read, ``pictures`` how many of a sample were read.

    ``changed`` and ``unreadable`` count pictures of the sample whose source is another one now, or is not there.
    """

    damages: tuple[Damage, ...]
    tables: dict[str, int]
    pictures: int = 0
    changed: int = 0
    unreadable: int = 0


def check_store(store: Store, sample: int = 200, max_bytes: int = 1 << 30) -> Checked:
    """Read every table, the review log and a sample of the pictures, and return what is wrong."""
    damages = list(missing_rows(store))
    said = {damage.table for damage in damages}
    read: dict[str, int] = {}
    for table in store.tables():
        fact = bool(getattr(describe(table), "fact", False))
        try:
            read[table] = _read_through(store, table)
        except StoreError as error:
            if table not in said:
                damages.append(Damage(table, error.message, fact))
    whole = not damages
    if whole:
        damages += _marks(store)
    damages += _log(store)
    pictures = _pictures(store, sample, max_bytes) if whole and store.has("items") else (0, 0, 0)
    return Checked(tuple(damages), read, *pictures)


def _read_through(store: Store, table: str) -> int:
    """Read all columns of a table, and return its number of rows; raises StoreError for the first thing wrong."""
    rows = 0
    last = -1
    items = store.count("items") if table != "items" else None
    ordered = bool({"items", "thumbnails", "labels"} & {table}) or table.startswith(
        ("vectors_", "neighbours_")
    )
    for batch in store.scan(table):
        rows += batch.num_rows
        names = batch.schema.names
        if "row" not in names:
            continue
        numbers = batch.column(names.index("row")).to_numpy()
        if ordered and (numbers[0] <= last or bool((np.diff(numbers) <= 0).any())):
            raise StoreError(f"the rows are not in order near row {int(numbers[0])}")
        last = int(numbers[-1])
        if items is not None and int(numbers.max()) >= items:
            raise StoreError(f"row {int(numbers.max())} belongs to no item; there are {items}")
        if table == "items" and int(numbers[-1]) != rows - 1:
            raise StoreError(f"the rows have a gap before row {int(numbers[-1])}")
        _check_arrays(table, batch, items or 0)
    return rows


def _check_arrays(table: str, batch: pa.RecordBatch, items: int) -> None:
    if table.startswith("vectors_"):
        vectors = to_numpy(batch.column(batch.schema.names.index("vector"))).astype(np.float32)
        lengths = np.linalg.norm(vectors, axis=1)
        wrong = ~(np.abs(lengths - 1) <= UNIT) & (lengths != 0)
        if wrong.any():
            raise StoreError(f"{int(wrong.sum())} vectors are not of unit length")
    elif table.startswith("neighbours_"):
        ids = to_numpy(batch.column(batch.schema.names.index("ids")))
        if ids.size and (int(ids.max()) >= items or int(ids.min()) < -1):
            raise StoreError("neighbours point to rows that are no items")


def _marks(store: Store) -> Iterator[Damage]:
    """Yield where the items do not fit the marks of the commits that brought them."""
    if not store.has("ingests"):
        return
    marks = store.read("ingests", ["commit", "items", "copies"])
    marked = int(pc.sum(marks.column("items")).as_py() or 0)
    last = int(pc.max(marks.column("commit")).as_py() or 0)
    finished = store.count("items", f"`commit` <= {last}")
    if marked != finished:
        yield Damage("ingests", f"it counts {marked:,} items, and there are {finished:,}", True)


def _log(store: Store) -> Iterator[Damage]:
    log = open_log(store, readonly=True)
    try:
        previous = 0
        for review in log.scan():
            if review.decision <= previous:
                yield Damage("reviews", f"decision {review.decision} follows {previous}", True)
            previous = review.decision
    except StoreError as error:
        yield Damage("reviews", error.message, True)
    finally:
        log.close()


def _pictures(store: Store, sample: int, max_bytes: int) -> tuple[int, int, int]:
    """Return how many pictures of an even sample were read, are others now, and cannot be read."""
    n = store.count("items")
    rows = (
        np.unique(np.linspace(0, n - 1, min(sample, n)).astype(np.int64))
        if n and sample
        else np.empty(0, np.int64)
    )
    taken = store.take("items", rows, ["item_id", "uri", "status"]).to_pylist()
    changed = unreadable = 0
    pictures = [record for record in taken if record["status"] == "ok" and record["uri"]]
    reader = Reader(max_bytes)
    try:
        for record in pictures:
            try:
                changed += content_id(reader.read(record["uri"])) != record["item_id"]
            except ReadError:
                unreadable += 1
    finally:
        reader.close()
    return len(pictures), changed, unreadable
