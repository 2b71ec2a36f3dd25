"""From the store to arrays: what is observed of the items, their leakage groups and folds, and their vectors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from index.duplicates.copies import Copies
from index.reviews.effective import EffectiveReviews, ReviewedLabel, effective_reviews
from index.store import Store
from index.store.encoder_key import known_encoder_key
from label.data.copies import joined_reviews, joined_subjects, named_conflicts, with_copies
from label.data.dataset import Dataset, LabelInputs
from label.data.leakage import Links, leakage_groups, links_by_key
from label.data.task import assign_folds
from label.observed.base import ItemWords
from label.observed.labels import ObservedLabels
from label.observed.reader import NO_REVIEWS, ItemReader
from schema.arrays import Bools, Floats16, Floats32, Rows
from schema.settings import Settings
from schema.tags.conflicts import Conflict
from schema.vocabulary import Vocabulary

COPY_SIMILARITY = 0.985
"""Above this cosine two pictures are taken for copies of one another, whatever the groups say."""
FOLDS = 5
STATE = "label_state"
"""The table of what a label run leaves for the next one: digests, folds and cells, by row."""
COLUMNS = ("row", "item_id", "keys", "tags", "text", "identity")
COPY_COLUMNS = ("row", "item_id", "tags", "text")
SEVERAL = "a reviewer says: several characters"


@dataclass(slots=True)
class _Words:
    """What tags, texts and reviews say of the items read so far."""

    observed: dict[str, ObservedLabels]
    rows: list[int] = field(default_factory=list)
    item_ids: list[str] = field(default_factory=list)
    tag_counts: list[int] = field(default_factory=list)
    identities: dict[int, str] = field(default_factory=dict)
    ambiguous: dict[int, str] = field(default_factory=dict)
    conflicts: dict[int, tuple[Conflict, ...]] = field(default_factory=dict)
    reviewed: dict[int, Mapping[str, ReviewedLabel]] = field(default_factory=dict)


class ItemLoader:
    """Reads what labelling needs of a store's items, all of them or some by row; keeps the readers of tags and text."""

    def __init__(self, store: Store, vocabulary: Vocabulary, settings: Settings) -> None:
        self.store = store
        self.vocabulary = vocabulary
        self.settings = settings
        self._reader = ItemReader(vocabulary, settings)
        self._attributes = {each.name: each for each in vocabulary.attributes}
        self._copies: tuple[int, Copies] | None = None

    @property
    def copies(self) -> Copies:
        """Who is set aside for whom, as the table of groups says it now."""
        version = self.store.version("groups")
        if self._copies is None or self._copies[0] != version:
            self._copies = version, Copies.of(self.store)
        return self._copies[1]

    def load_all(self) -> LabelInputs:
        """Return all items of the store, with folds by leakage group."""
        store, key = self.store, known_encoder_key(self.store)
        reviews = effective_reviews(store, vocabulary=self.vocabulary)
        words = self._read(store.items(list(COLUMNS)), reviews)
        n = len(words.rows)
        named = np.array(list(words.identities), np.int64)
        links = [links_by_key(named, np.array(list(words.identities.values()), object))]
        duplicates = None
        if store.has("groups"):
            groups = group_links(store)
            links += groups
            duplicates = leakage_groups(n, groups[:1])
        if key and store.has(f"neighbours_{key}"):
            links.append(copy_links(store, key))
        rows = np.arange(n)
        folds = assign_folds(rows, leakage_groups(n, links), FOLDS, self.settings.label.seed)
        vector_rows, vectors = np.empty(0, np.int64), np.empty((0, 1), np.float16)
        if key and store.has(f"vectors_{key}"):
            stored = store.vectors(key)
            vector_rows, vectors = stored.rows, stored.data
        dataset = Dataset(
            rows,
            words.observed,
            _single(rows, words.ambiguous),
            np.array(words.tag_counts, np.int32),
            folds,
            vector_rows,
            vectors,
            duplicates,
            prompts_of(store, key) if key else {},
        )
        return self._inputs(dataset, words, reviews.position)

    def load_some(self, rows: Rows, reviews: EffectiveReviews | None = None) -> LabelInputs:
        """Return the items ``rows``, with the folds of the last label run (-1 for an item that came later).

        ``reviews`` may be other decisions than those in the log: then the items are read as if these were taken.
        """
        store, key = self.store, known_encoder_key(self.store)
        wanted = np.unique(np.asarray(rows, np.int64))
        said = reviews
        if said is None:
            asked = np.union1d(wanted, self.copies.members(wanted))
            said = effective_reviews(store, asked.tolist(), self.vocabulary)
        words = self._read(store.take_items(wanted, list(COLUMNS)).to_batches(), said)
        found = np.array(words.rows, np.int64)
        folds = np.full(len(found), -1, np.int64)
        if store.has(STATE):
            state = store.take(STATE, found, ["row", "fold"])
            folds[np.searchsorted(found, state["row"].to_numpy())] = state["fold"].to_numpy()
        vector_rows, vectors = take_vectors(store, key, found)
        dataset = Dataset(
            found,
            words.observed,
            _single(found, words.ambiguous),
            np.array(words.tag_counts, np.int32),
            folds,
            vector_rows,
            vectors,
        )
        return self._inputs(dataset, words, said.position)

    def _read(self, batches: Iterable[pa.RecordBatch], reviews: EffectiveReviews) -> _Words:
        words = _Words({each.name: ObservedLabels(each) for each in self.vocabulary.attributes})
        by_row: dict[int, dict[str, ReviewedLabel]] = {}
        for (row, name), label in reviews.labels.items():
            if name in words.observed:
                by_row.setdefault(row, {})[name] = label
        for batch in batches:
            columns = [batch.column(name).to_pylist() for name in COLUMNS]
            copies_of = self._copies_of(batch.column(COLUMNS.index("row")).to_numpy())
            for row, item_id, keys, tags, text, identity in zip(*columns, strict=True):
                words.rows.append(row)
                words.item_ids.append(item_id)
                if identity:
                    words.identities[row] = identity
                own = ItemWords(item_id, keys or (), tags or (), text or "")
                copies = copies_of.get(row, [])
                item = with_copies(own, copies) if copies else own
                words.tag_counts.append(len(item.tags))
                reviewed = by_row.get(row, NO_REVIEWS)
                contradictions: list[Conflict] = []
                subjects = reviews.subjects.get(row)
                if copies and (by_row or reviews.subjects):
                    rows = [copy["row"] for copy in copies]
                    reviewed, contradictions = joined_reviews(
                        reviewed, [by_row.get(each, NO_REVIEWS) for each in rows], self._attributes
                    )
                    subjects = joined_subjects(subjects, [reviews.subjects.get(each) for each in rows])
                if reviewed:
                    words.reviewed[row] = reviewed
                report = self._reader.read(row, item, words.observed, reviewed)
                if report.ambiguous:
                    words.ambiguous[row] = report.ambiguous
                conflicts = named_conflicts(report.conflicts, own, copies) if copies else report.conflicts
                if conflicts or contradictions:
                    words.conflicts[row] = (*conflicts, *contradictions)
                if subjects == "one":
                    words.ambiguous.pop(row, None)
                elif subjects is not None:
                    words.ambiguous[row] = SEVERAL
        return words

    def _copies_of(self, rows: Rows) -> dict[int, list[dict[str, Any]]]:
        """Return the records of the copies that are set aside for those of ``rows`` that have some."""
        by_kept = self.copies.by_kept(rows)
        if not by_kept:
            return {}
        wanted = np.unique(np.asarray([row for copies in by_kept.values() for row in copies], np.int64))
        taken = self.store.take_items(wanted, list(COPY_COLUMNS)).to_pylist()
        records = {record["row"]: record for record in taken}
        return {kept: [records[row] for row in copies if row in records] for kept, copies in by_kept.items()}

    def _inputs(self, dataset: Dataset, words: _Words, position: int) -> LabelInputs:
        rejected: dict[str, dict[int, set[str]]] = {name: {} for name in words.observed}
        closed: dict[str, set[int]] = {name: set() for name in words.observed}
        for row, labels in words.reviewed.items():
            for name, label in labels.items():
                if label.rejected:
                    rejected[name][row] = set(label.rejected)
                if label.exact:
                    closed[name].add(row)
        return LabelInputs(
            dataset,
            words.item_ids,
            words.ambiguous,
            words.conflicts,
            rejected,
            closed,
            position,
            list(self._reader.notes),
        )


def _single(rows: Rows, ambiguous: dict[int, str]) -> Bools:
    """Return which of the items show one character, bool [n]."""
    single = np.ones(len(rows), bool)
    single[np.searchsorted(rows, np.array(list(ambiguous), np.int64))] = False
    return single


def group_links(store: Store) -> list[Links]:
    """Return the links of duplicate groups, and those of versions of one drawing that have copies of their own."""
    names = [name for name in ("group_id", "family") if name in store.schema("groups").names]
    groups = store.read("groups", ["row", *names])
    rows = groups["row"].to_numpy()
    return [links_by_key(rows, np.array(groups[name].to_pylist(), object)) for name in names]


def prompts_of(store: Store, key: str) -> dict[str, dict[str, Floats32]]:
    """Return the vectors of the vocabulary's prompts by attribute and value; none without a text tower."""
    prompts: dict[str, dict[str, Floats32]] = {}
    if store.has(f"prompts_{key}"):
        for batch in store.scan(f"prompts_{key}", ["attribute", "value", "vector"]):
            for record in batch.to_pylist():
                vector = np.asarray(record["vector"], np.float32)
                prompts.setdefault(record["attribute"], {})[record["value"]] = vector
    return prompts


def take_vectors(store: Store, key: str | None, rows: Rows) -> tuple[Rows, Floats16]:
    """Return the rows among ``rows`` that have a vector, and their vectors float16 [m, d]."""
    if key is None or not store.has(f"vectors_{key}"):
        return np.empty(0, np.int64), np.empty((0, 1), np.float16)
    stored = store.take(f"vectors_{key}", rows, ["row", "vector"])
    if not stored.num_rows:
        return np.empty(0, np.int64), np.empty((0, 1), np.float16)
    vectors = stored["vector"].combine_chunks()
    data = vectors.flatten().to_numpy().reshape(len(vectors), -1)
    return stored["row"].to_numpy(), np.asarray(data, np.float16)


def copy_links(store: Store, key: str) -> Links:
    """Return links between items so similar that they are copies, from the kNN graph, in batches."""
    heads, tails = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for batch in store.scan(f"neighbours_{key}", ["row", "ids", "similarity"]):
        rows = batch.column(0).to_numpy()
        ids = batch.column(1).flatten().to_numpy().reshape(len(rows), -1)
        similarity = batch.column(2).flatten().to_numpy().reshape(len(rows), -1)
        place, column = np.nonzero((similarity >= COPY_SIMILARITY) & (ids >= 0))
        heads.append(rows[place])
        tails.append(ids[place, column].astype(np.int64))
    return np.concatenate(heads), np.concatenate(tails)
