"""The rows of an export: items, labels and groups joined batch by batch in row order.

``ExportRows.batches`` is the only way from the store to an exporter: what must never leave is stopped in ``_chosen``.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.aligned import Aligned
from curate.export.captions import ExportCaptions, chosen_captioner, without_names
from curate.export.columns import ARTISTS, CAPTION, INTERNAL, SPLIT, Column, arrow_schema
from curate.export.duplicate_groups import DuplicateGroups
from curate.export.merged_copies import COPY, all_addresses
from curate.protected import REASON, ProtectedGate
from curate.select.stored import Selection
from index.duplicates.overlaps import REASON as IN_ANOTHER_SET
from index.duplicates.overlaps import overlapping_rows
from index.reviews.effective import effective_reviews
from index.store import Store
from index.store.items.revisions import WITHDRAWN
from schema.arrays import Bools, Rows
from schema.settings import ExportSettings

BATCH_ROWS = 32_768

UNMATCHED, UNREADABLE, PROTECTED, GONE, SEVERAL, SET_ASIDE, HELD_OUT = (
    "left out: not matched by the filter",
    "left out: could not be read",
    f"left out: {REASON}",
    "left out: no source has it any more",
    "left out: several characters",
    "left out: duplicates set aside",
    f"left out: {IN_ANOTHER_SET}",
)


class ExportRows:
    """What an export holds, in batches that have every column of ``columns`` and the internal ones.

    ``allowed`` are the rows that a filter lets pass, ascending, or a selection, or None for all. With ``everything``,
    copies that are set aside and pictures of several characters are in it too; what the protected gate bars never is.
    ``left_out`` counts the items that are not in it, by reason; ``captioner`` says whose captions are in it.
    """

    def __init__(
        self,
        store: Store,
        columns: Sequence[Column],
        settings: ExportSettings,
        allowed: Rows | Selection | None = None,
        everything: bool = False,
        administrators: tuple[str, ...] = (),
    ) -> None:
        self.store = store
        self.settings = settings
        self.left_out: Counter[str] = Counter()
        self._columns = (*columns, *INTERNAL)
        self._selection = allowed if isinstance(allowed, Selection) else None
        self._allowed = allowed if not isinstance(allowed, Selection) else None
        self._everything = everything
        self._groups = DuplicateGroups(store)
        self._held_out = overlapping_rows(store)
        self.gate = ProtectedGate(store, administrators)
        # What an export of former tables must keep in besides: the gate of today.
        self.present: ProtectedGate | None = None
        self._hide_artists = ARTISTS in settings.leave_out
        self.captioner = chosen_captioner(store, settings.caption)
        self._captions = ExportCaptions(store, self.captioner, effective_reviews(store))
        self._ledger: list[tuple[str, pa.Array]] = []

    def batches(self) -> Iterator[tuple[pa.RecordBatch, int]]:
        """Yield (rows to export, number of items looked at), in row order."""
        stored = set(self.store.schema("items").names) if self.store.has("items") else set()
        asked = {"row", "status", "item_id", "keys", "tags"} | ({ARTISTS} if self._hide_artists else set())
        asked |= {column.name for column in self._columns if column.origin == "items"}
        labels = [column.name for column in self._columns if column.origin == "labels"]
        names = [column.name for column in self._columns if column.origin == "names"]
        for items in self.store.items(sorted(asked & stored), batch_rows=BATCH_ROWS):
            rows = as_numpy(items, "row").astype(np.int64)
            labelled = Aligned(self.store, "labels", rows, ["ambiguous", *labels])
            chosen = self._chosen(items, rows, labelled.flag("ambiguous"))
            index = pa.array(np.flatnonzero(chosen))
            beside = labelled.take(index) | Aligned(self.store, "names", rows, names).take(index)
            yield self._joined(items.take(index), beside, rows[chosen]), len(rows)

    def take_ledger(self) -> list[tuple[str, pa.Array]]:
        """Return the ids that were left out since the last call, by reason."""
        taken, self._ledger = self._ledger, []
        return taken

    def _chosen(self, items: pa.RecordBatch, rows: Rows, several: Bools) -> Bools:
        """Return which of the items leave the store, bool [n]; those that do not are counted under one reason each."""
        chosen = np.ones(len(rows), dtype=bool)
        status = as_numpy(items, "status")
        reasons = [
            (PROTECTED, self._barred(rows)),
            (UNREADABLE, status == "failed"),
            (GONE, np.isin(status, WITHDRAWN)),
        ]
        if not self._everything:
            reasons.append((HELD_OUT, np.isin(rows, self._held_out, assume_unique=True)))
        if self._allowed is not None:
            unmatched = np.isin(rows, self._allowed, assume_unique=True, invert=True)
            reasons.insert(1, (UNMATCHED, unmatched))
        if self._selection is not None:
            reasons += [(f"left out: {why}", out) for why, out in self._selection.reasons_of(rows)]
            reasons.append((SET_ASIDE, ~self._groups.keep(rows)))
        elif not self._everything:
            reasons += [(SEVERAL, several), (SET_ASIDE, ~self._groups.keep(rows))]
        ids = items.column(items.schema.get_field_index("item_id"))
        for reason, barred in reasons:
            now = chosen & barred
            self.left_out[reason] += int(now.sum())
            if reason != PROTECTED:  # of these not even the ids leave the store
                self._ledger.append((reason.removeprefix("left out: "), ids.filter(pa.array(now))))
            chosen &= ~barred
        return chosen

    def _barred(self, rows: Rows) -> Bools:
        barred = self.gate.barred(rows)
        return barred if self.present is None else barred | self.present.barred(rows)

    def _joined(self, items: pa.RecordBatch, beside: dict[str, pa.Array], rows: Rows) -> pa.RecordBatch:
        items, copies = self._groups.merge_copies(items, rows)
        if self._hide_artists and ARTISTS in items.schema.names:
            items = _without_artists(items, copies)
        group, verdict = self._groups.of(rows)
        item_ids = items.column(items.schema.get_field_index("item_id")).to_pylist()
        leak = [name or own for name, own in zip(self._groups.leakage_groups(rows), item_ids, strict=True)]
        values: dict[str, pa.Array] = dict(zip(items.schema.names, items.columns, strict=True))
        values |= beside
        values |= {
            "group_id": group,
            "verdict": verdict,
            "keep": pa.array(self._groups.keep(rows)),
            SPLIT.name: self._split(rows, leak),
            "copies": pa.array(copies, pa.list_(COPY)),
        }
        if "addresses" not in self.settings.leave_out:
            found = all_addresses(self.store, items, rows, copies)
            values["addresses"] = pa.array(found, pa.list_(pa.string()))
        captions = self._captions.of(rows)
        if self._hide_artists and ARTISTS in items.schema.names:
            artists = items.column(items.schema.get_field_index(ARTISTS)).to_pylist()
            captions = pa.array(without_names(captions.to_pylist(), artists), pa.string())
        values[CAPTION.name] = captions
        arrays = [
            values[column.name].cast(column.type)
            if column.name in values
            else pa.nulls(len(rows), column.type)
            for column in self._columns
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=arrow_schema(self._columns))

    def _split(self, rows: Rows, leak: list[str]) -> pa.Array:
        """Return the split of each row: that of the selection, else the one that a hash of ``leak`` draws."""
        if self._selection is not None:
            return self._selection.split_of(rows)
        return pa.array([split_of(name, self.settings) for name in leak], pa.string())


def split_of(name: str, settings: ExportSettings) -> str:
    """Return train, val or test for a group or item: a hash decides, so that new items never move old ones."""
    digest = hashlib.blake2b(f"{settings.seed}:{name}".encode(), digest_size=8).digest()
    share = int.from_bytes(digest, "big") / 2**64
    if share < settings.test:
        return "test"
    return "val" if share < settings.test + settings.val else "train"


def _without_artists(items: pa.RecordBatch, copies: Sequence[list[dict[str, Any]]]) -> pa.RecordBatch:
    """Take the tags that name an artist out of the tags, of the items and of their copies."""
    place = items.schema.get_field_index("tags")
    artists = items.column(items.schema.get_field_index(ARTISTS)).to_pylist()
    tags = [
        None if own is None else [tag for tag in own if tag not in (names or ())]
        for own, names in zip(items.column(place).to_pylist(), artists, strict=True)
    ]
    for mine, names in zip(copies, artists, strict=True):
        for copy in mine:
            copy["tags"] = [tag for tag in copy["tags"] if tag not in (names or ())]
    field = items.schema.field(place)
    return items.set_column(place, field, pa.array(tags, field.type))


def as_numpy(batch: pa.RecordBatch, name: str) -> npt.NDArray[Any]:
    """Return one column of a batch as a numpy array."""
    values: npt.NDArray[Any] = batch.column(batch.schema.get_field_index(name)).to_numpy(zero_copy_only=False)
    return values
