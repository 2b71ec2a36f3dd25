"""One collection in Python: the stages, searches and corrections of the command line, with tables in and out."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa

from index.filters import matching_rows
from index.reviews.log import ACTIONS
from index.reviews.open import open_log
from index.store import Store
from index.store.keys import row_named, rows_named
from likeness.inputs import Picture, picture_bytes
from likeness.table import Table
from schema.arrays import Floats16, Floats32, Rows
from schema.catalogue import describe
from schema.errors import InputError, StoreError
from schema.records import Decision, Summary
from schema.settings import Settings, load_settings
from schema.vocabulary import Vocabulary, load_vocabulary

if TYPE_CHECKING:
    from label.predict.explain import Explanation

BATCH_ROWS = 65_536
# How the items that a search or a group names are shown.
SHOWN_ITEM_COLUMNS = ("item_id", "keys", "uri")
GROUP_COLUMNS = ("row", "item_id", "group_id", "verdict", "similarity", "keep", "reason")


@dataclass(frozen=True, slots=True)
class Vectors:
    """The vectors of n items: ``item_ids`` [n], ``data`` float16 [n, d] of unit length, in the same order."""

    item_ids: list[str]
    data: Floats16

    def __len__(self) -> int:
        return len(self.item_ids)


@dataclass(frozen=True, slots=True)
class Correction:
    """A batch of decisions that is in the review log: its id, for ``Collection.undo``, and the number of items."""

    batch: str
    items: int


def open(  # noqa: A001 - likeness.open, as gzip.open
    uri: str | os.PathLike[str],
    *,
    config: str | os.PathLike[str] | None = None,
    settings: Mapping[str, object] | None = None,
    create: bool = False,
) -> Collection:
    """Open a collection by the folder or the address of its store; ``create`` makes an empty one where there is none.

    ``config`` is a TOML file as for ``--config``; ``settings`` override it by name: ``{"label.precision": 0.9}``.
    Raises StoreError where there is no store, SettingsError for an unknown or bad setting.
    """
    overrides = [
        f"{name}={value if isinstance(value, str) else json.dumps(value)}"
        for name, value in (settings or {}).items()
    ]
    loaded = load_settings(None if config is None else os.fspath(config), overrides)
    if create:
        Store.open(uri, create=True, write=True).close()
    return Collection(Store.open(uri), loaded)


class Collection:
    """An open collection; a context manager. Items are named by item id or by any key that a source gave them."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        self.settings = settings
        self.vocabulary: Vocabulary = load_vocabulary(settings.tags.vocabulary or None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the store."""
        self.store.close()

    def __len__(self) -> int:
        return self.store.n_items()

    def __repr__(self) -> str:
        """Return where the collection is and how many items it has."""
        return f"likeness.open({self.store.uri!r})  # {len(self):,} items"

    # ---- what is known

    def items(self, where: str | None = None) -> Table:
        """Return the items that a filter matches, all without one: ids, keys, sizes, tags, texts, source metadata.

        Items that could not be read are among them, with ``status`` 'failed' and the reason. Raises FilterError.
        """
        schema = self._schema("items")
        hidden = {"row", *getattr(describe("items"), "internal", ())}
        names = [name for name in schema.names if name not in hidden]
        kept = pa.schema([schema.field(name) for name in names])
        return Table(kept, lambda: self._batches("items", names, where))

    def labels(self, where: str | None = None) -> Table:
        """Return the labels of the items that a filter matches, as of the last run of ``label``.

        For each attribute: the value, or a list where several are possible, null where unknown; the confidence, a
        calibrated probability; the source. Raises StoreError before the first run, FilterError.
        """
        schema = self._schema("labels", "label")
        names = [name for name in schema.names if name != "row"]
        kept = pa.schema([schema.field(name) for name in names])
        return Table(kept, lambda: self._batches("labels", names, where))

    def groups(self, where: str | None = None) -> Table:
        """Return the duplicate groups with a row for each member, the kept one first in each.

        ``verdict`` is 'kept', 'same artwork', 'same file' or 'variant'; ``keep`` is false for copies that are set
        aside, ``reason`` says why. With a filter, only the members that it matches. Raises StoreError before the first
        run of ``dedupe``, FilterError.
        """
        self._schema("groups", "dedupe")
        members = self.store.read("groups", GROUP_COLUMNS)
        if where is not None:
            matching = np.isin(members.column("row").to_numpy(), matching_rows(self.store, where))
            members = members.filter(pa.array(matching))
        other = pa.array([verdict != "kept" for verdict in members.column("verdict").to_pylist()])
        members = members.append_column("other", other)
        members = members.sort_by([("group_id", "ascending"), ("other", "ascending"), ("row", "ascending")])
        return Table.of(members.drop_columns(["row", "other"]))

    def vectors(self, where: str | None = None) -> Vectors:
        """Return the vectors of the items that a filter matches, of all embedded ones without one, in row order.

        Memory: 2 bytes a number, 5 GB for five million vectors of 512. Raises StoreError where there are none yet.
        """
        key = self.store.encoder_key()
        table = f"vectors_{key}"
        if where is None:  # one array from the start: parts and their sum would be twice the memory
            ids_of_all = [batch.column(0) for batch in self.store.scan(table, ["item_id"])]
            return Vectors([each.as_py() for ids in ids_of_all for each in ids], self.store.vectors(key).data)
        width = self.store.schema(table).field("vector").type.list_size
        ids: list[str] = []
        parts = [np.empty((0, width), np.float16)]
        for batch in self._batches(table, ["item_id", "vector"], where):
            ids += batch.column(0).to_pylist()
            parts.append(batch.column(1).flatten().to_numpy(zero_copy_only=False).reshape(-1, width))
        return Vectors(ids, np.concatenate(parts))

    # ---- questions

    def similar(
        self,
        *,
        image: Picture | None = None,
        text: str | None = None,
        id: str | int | None = None,
        k: int = 10,
        where: str | None = None,
    ) -> Table:
        """Return the k items most similar to a picture, a text, or an item of the collection, closest first.

        ``similarity`` is the cosine of the vectors; an item is left out of its own answer. Labels come with the items.
        Raises InputError unless exactly one of the three is given, EncoderError for a picture that cannot be read or an
        encoder without a text tower, FilterError.
        """
        from index.neighbours.search import search

        if sum(each is not None for each in (image, text, id)) != 1:
            raise InputError("give exactly one of image=, text= and id=")
        if k < 1:
            raise InputError(f"k is a whole number from 1 on, got {k!r}")
        own = None if id is None else self._row(id)
        vector = self._vector_of(own) if own is not None else self._query_vector(image, text)
        key = self.store.encoder_key()
        rows, similarity = search(self.store, key, vector, k + (own is not None), where)
        others = rows != (-1 if own is None else own)
        rows, similarity = rows[others][:k], similarity[others][:k]
        found = self._named(rows).add_column(1, "similarity", pa.array(similarity, pa.float32()))
        if self.store.has("labels"):
            stored = self.store.schema("labels").names
            names = [name for name in self.vocabulary.names if name in stored]
            labels = self.store.take("labels", rows, ["row", *names])
            found = _joined(found, rows, labels, names)
        return Table.of(found)

    def duplicates(self, image: Picture) -> Table:
        """Return the items that show the same picture as ``image``, by their bytes and pixels; best match first.

        ``verdict`` is 'same file', 'same artwork' or 'variant'. Raises InputError or EncoderError for no picture.
        """
        from dedupe.lookup import duplicates_of

        found = duplicates_of(self.store, self.settings, picture_bytes(image))
        table = self._named(np.array([each.row for each in found], dtype=np.int64))
        table = table.add_column(1, "verdict", pa.array([each.verdict for each in found], pa.string()))
        similarity = pa.array([each.similarity for each in found], pa.float32())
        return Table.of(table.add_column(2, "similarity", similarity))

    def explain(self, id: str | int, attribute: str) -> Explanation:
        """Return why an item has its label of one attribute, or none: who voted, how sure, what it would take.

        ``print`` shows it in words. Raises VocabularyError for an unknown attribute, StoreError for an unknown item or
        before the first run of ``label``.
        """
        from label.data.load import ItemLoader
        from label.predict.explain import explain
        from label.update.stored import load_models

        row, models = self._row(id), load_models(self.store)
        return explain(ItemLoader(self.store, self.vocabulary, self.settings), models, row, attribute)

    # ---- decisions and work

    def correct(
        self,
        id: str | int | Sequence[str | int],
        attribute: str,
        value: str | Sequence[str] | None,
        *,
        reviewer: str,
        action: str = "set",
    ) -> Correction:
        """Write a reviewer's decision about one item or several; it is on disk when this returns.

        ``action``: 'set' makes ``value`` the whole truth (None: it cannot be known; a list where several are possible),
        'add' and 'remove' concern one of several values, 'reject' says that a value is wrong and not which is right.
        ``run("label")`` takes decisions in. Raises ReviewError, VocabularyError for an unknown attribute or value.
        """
        values = self._checked_values(attribute, value, action)
        ids = [id] if isinstance(id, str | int) else list(id)
        rows = self._rows(ids)
        item_ids = self.store.take("items", rows, ["item_id"]).column("item_id").to_pylist()
        decisions = [
            Decision(row, item_id, "label", attribute, each, action)
            for row, item_id in zip(rows.tolist(), item_ids, strict=True)
            for each in values
        ]
        log = open_log(self.store)
        try:
            return Correction(log.append(decisions, reviewer), len(ids))
        finally:
            log.close()

    def undo(self, correction: Correction | str, *, reviewer: str) -> Correction:
        """Take back a batch of decisions; raises ReviewError where there is none, or where it was taken back before."""
        batch = correction if isinstance(correction, str) else correction.batch
        log = open_log(self.store)
        try:
            count = len({review.row for review in log.scan() if review.batch == batch})
            return Correction(log.undo(batch, reviewer), count)
        finally:
            log.close()

    def run(
        self, *stages: str, sources: Sequence[str | os.PathLike[str]] = (), **options: Any
    ) -> list[Summary]:
        """Run the named stages, or the whole flow, and return what each of them did; what is up to date is skipped.

        ``sources`` are folders, listings or tars to ingest. ``options`` go to the one stage that is named:
        ``run("label", full=True)``. Raises StoreBusy when another run is writing.
        """
        from ui.flow import run_all, run_stage

        paths = [os.fspath(each) for each in sources]
        if not stages:
            if options:
                raise InputError(f"{', '.join(options)}: name the stage that takes this")
            return run_all(self.store.uri, self.settings, paths)
        if options and len(stages) > 1:
            raise InputError(f"{', '.join(options)}: name one stage, or call run once for each")
        if paths:
            options["sources"] = tuple(paths)
        with Store.open(self.store.uri, write=True) as store:
            return [run_stage(name, store, self.settings, **options) for name in stages]

    def export(
        self,
        out: str | os.PathLike[str],
        *,
        format: str = "parquet",
        where: str | None = None,
        everything: bool = False,
    ) -> Summary:
        """Write a data set to the folder ``out``; see ``likeness export``. What could not be read is in ``failures``.

        Raises ExportError where ``out`` holds files that are not an export, FilterError.
        """
        from curate.export.stage import run_export

        return run_export(
            self.store, self.settings, os.fspath(out), format=format, where=where, everything=everything
        )

    # ---- inside

    def _schema(self, table: str, stage: str = "ingest") -> pa.Schema:
        if not self.store.has(table):
            raise StoreError(
                f"the collection has no {table} yet", f'Call run("{stage}"), or run() for all stages.'
            )
        return self.store.schema(table)

    def _batches(self, table: str, names: Sequence[str], where: str | None) -> Iterator[pa.RecordBatch]:
        """Yield columns of a table, of the rows that a filter matches; those of items with what copies add."""
        if where is None:
            all_items = self.store.items(names, batch_rows=BATCH_ROWS)
            yield from all_items if table == "items" else self.store.scan(table, names, batch_rows=BATCH_ROWS)
            return
        rows = matching_rows(self.store, where)
        for start in range(0, len(rows), BATCH_ROWS):
            part = rows[start : start + BATCH_ROWS]
            items = table == "items"
            taken = self.store.take_items(part, names) if items else self.store.take(table, part, names)
            yield from taken.to_batches()

    def _row(self, id: str | int) -> int:
        """Return the row of an item by its id or a key, or of a row number given as an int."""
        if isinstance(id, str):
            return row_named(self.store, id)
        if not 0 <= id < len(self):
            raise StoreError(f"there is no item in row {id}", f"Rows go from 0 to {len(self) - 1}.")
        return int(id)

    def _rows(self, ids: Sequence[str | int]) -> Rows:
        named = iter(rows_named(self.store, [each for each in ids if isinstance(each, str)]))
        return np.array([next(named) if isinstance(each, str) else self._row(each) for each in ids], np.int64)

    def _query_vector(self, image: Picture | None, text: str | None) -> Floats32:
        from embed.vectors.query import query_vector

        query = text if image is None else picture_bytes(image)
        assert query is not None
        return query_vector(self.store, self.settings, query)

    def _vector_of(self, row: int) -> Floats32:
        stored = self.store.take(f"vectors_{self.store.encoder_key()}", [row], ["vector"])
        if not stored.num_rows:
            raise StoreError(f"the item in row {row} has no vector", "Its status says why: items()")
        return np.array(stored["vector"].to_pylist()[0], np.float32)

    def _named(self, rows: Rows) -> pa.Table:
        return self.store.take_items(rows, SHOWN_ITEM_COLUMNS)

    def _checked_values(
        self, attribute: str, value: str | Sequence[str] | None, action: str
    ) -> list[str | None]:
        of = self.vocabulary.attribute(attribute)
        if action not in ACTIONS:
            raise InputError(f"there is no action {action!r}; there are: {', '.join(ACTIONS)}")
        values: list[str | None] = [value] if value is None or isinstance(value, str) else [*value]
        for each in values:
            if each is not None:
                of.value(each)
        if None in values and (len(values) > 1 or action != "set"):
            raise InputError("None stands alone, with the action 'set': the value cannot be known")
        if not of.multi_label and (len(values) != 1 or action in ("add", "remove")):
            raise InputError(f"{attribute} has one value for each item")
        if not values:
            raise InputError("no value; None says that it cannot be known")
        return values


def _joined(found: pa.Table, rows: Rows, labels: pa.Table, names: Sequence[str]) -> pa.Table:
    """Return ``found`` [n] with columns of ``labels``, null for rows that it does not have."""
    place = {row: index for index, row in enumerate(labels.column("row").to_pylist())}
    index = pa.array([place.get(row) for row in rows.tolist()], pa.int64())
    for name in names:
        found = found.append_column(name, labels.column(name).combine_chunks().take(index))
    return found
