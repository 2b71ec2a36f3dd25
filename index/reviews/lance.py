"""The review log of a store behind an object-store URI: the table ``reviews``, a commit for each batch."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import astuple
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from index.reviews.log import ReviewLog, collisions, conflict_error
from index.reviews.records import COLUMNS, LATER, Review, read_record
from schema.errors import ReviewError, StoreError
from schema.tables import REVIEWS

TRIES = 12


class LanceLog(ReviewLog):
    """The log of a store behind an object-store URI: every batch is one commit of the table ``reviews``.

    Commits of Lance are atomic and durable; decision numbers come from the clock, so writers need no common counter.
    A conflict is checked before the commit and again after it: the later of two batches is then undone and told.
    """

    def __init__(self, database: Any, readonly: bool = False) -> None:
        self.database = database
        self.readonly = readonly

    def scan(self, since: int = 0, row: int | None = None) -> Iterator[Review]:
        """Yield the records after ``since`` in order."""
        table = self._table(create=False)
        if table is None:
            return
        where = f"decision > {int(since)}" + (f" AND row = {int(row)}" if row is not None else "")
        found = table.search().where(where).limit(None).to_arrow().sort_by("decision")
        for record in found.to_pylist():
            yield read_record(record)

    def position(self) -> int:
        """Return the number of the last decision; 0 for an empty log."""
        table = self._table(create=False)
        if table is None:
            return 0
        found = pc.max(table.search().select(["decision"]).limit(None).to_arrow()["decision"]).as_py()
        return int(found or 0)

    def close(self) -> None:
        """Nothing is held open."""

    def _table(self, create: bool) -> Any:
        try:
            table = self.database.open_table("reviews")
        except (FileNotFoundError, ValueError):
            if not create:
                return None
            table = self.database.create_table("reviews", schema=REVIEWS, exist_ok=True)
        table.checkout_latest()
        if create and (lacking := [name for name in LATER if name not in table.schema.names]):
            table.add_columns([REVIEWS.field(name) for name in lacking])
        return table

    def _write(self, reviews: Sequence[Review], as_of: int | None) -> None:
        if self.readonly:
            raise ReviewError("this store is open for reading only")
        if as_of is not None:
            found = collisions(reviews, self.scan(as_of), self.scan)
            if found:
                raise conflict_error(found)
        first = max(time.time_ns(), self.position() + 1)
        rows = [
            dict(zip(COLUMNS, astuple(r), strict=True), decision=first + i) for i, r in enumerate(reviews)
        ]
        batch = pa.Table.from_pylist(rows, schema=REVIEWS)
        for attempt in range(TRIES):
            try:
                self._table(create=True).add(batch)
                break
            except (OSError, RuntimeError) as error:
                if attempt == TRIES - 1:
                    raise StoreError(
                        f"the decision could not be written to the review log: {error}"
                    ) from error
                time.sleep(0.05 * 2 ** min(attempt, 6))
        if as_of is not None:
            others = (r for r in self.scan(as_of) if r.batch != reviews[0].batch and r.decision < first)
            found = collisions(reviews, others, self.scan)
            if found:
                self.undo(reviews[0].batch, reviews[0].reviewer)
                raise conflict_error(found)
