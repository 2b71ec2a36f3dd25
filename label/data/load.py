"""Reading a store for labelling: statements of tags, texts and reviews, families, vectors; arrays by row."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from index.reviews.effective import ReviewedLabel, effective_reviews
from index.store import Store
from label.data.leakage import families, links_of_keys
from label.data.task import folds_of
from label.learn.fit_all import Collection
from label.learn.sources.base import Words
from label.observed.labels import Stated
from label.observed.reader import Reader
from schema.arrays import Floats32, Ints
from schema.settings import Settings
from schema.vocabulary import Vocabulary

COPY_SIMILARITY = 0.985
"""Above this cosine two pictures are taken for copies of one another, whatever the groups say."""
FOLDS = 5


@dataclass(slots=True)
class Found:
    """A collection, and what only the table needs: ids, why items are ambiguous, conflicts, what reviewers rejected."""

    collection: Collection
    item_ids: list[str]
    ambiguous: dict[int, str]
    conflicts: dict[int, list[str]]
    rejected: dict[str, dict[int, set[str]]]
    closed: dict[str, set[int]] = field(default_factory=dict)
    position: int = 0
    notes: list[str] = field(default_factory=list)


def collect(store: Store, vocabulary: Vocabulary, settings: Settings, key: str | None) -> Found:
    """Return what labelling reads of a store."""
    n = store.n_items()
    reviews = effective_reviews(store)
    reader = Reader(vocabulary, settings)
    stated = {each.name: Stated(each) for each in vocabulary.attributes}
    reviewed: dict[int, dict[str, ReviewedLabel]] = {}
    for (row, name), label in reviews.labels.items():
        if name in stated:
            reviewed.setdefault(row, {})[name] = label
    item_ids: list[str] = [""] * n
    ambiguous: dict[int, str] = {}
    conflicts: dict[int, list[str]] = {}
    depth = np.zeros(n, np.int32)
    identities: dict[int, str] = {}
    for batch in store.items(["row", "item_id", "keys", "tags", "text", "identity"]):
        columns = [batch.column(at).to_pylist() for at in range(batch.num_columns)]
        for row, item_id, keys, tags, text, identity in zip(*columns, strict=True):
            item_ids[row] = item_id
            depth[row] = len(tags) if tags else 0
            if identity:
                identities[row] = identity
            words = Words(item_id, keys or (), tags or (), text or "")
            reason, disputed = reader.read(row, words, stated, reviewed.get(row, {}))
            if reason:
                ambiguous[row] = reason
            if disputed:
                conflicts[row] = disputed
    for row, verdict in reviews.subjects.items():
        if verdict == "one":
            ambiguous.pop(row, None)
        else:
            ambiguous[row] = "a reviewer says: several characters"
    rejected: dict[str, dict[int, set[str]]] = {name: {} for name in stated}
    closed: dict[str, set[int]] = {name: set() for name in stated}
    for row, labels in reviewed.items():
        for name, label in labels.items():
            if label.rejected:
                rejected[name][row] = set(label.rejected)
            if label.exact:
                closed[name].add(row)
    copied: Ints | None = None
    links = [links_of_keys(np.array(list(identities), np.int64), np.array(list(identities.values()), object))]
    if store.has("groups"):
        # Versions of one drawing with copies of their own are groups of one family.
        named = [name for name in ("group_id", "family") if name in store.schema("groups").names]
        groups = store.read("groups", ["row", *named])
        for name in named:
            links.append(links_of_keys(groups["row"].to_numpy(), np.array(groups[name].to_pylist(), object)))
        copied = families(n, links[1:2])
    rows, data = np.empty(0, np.int64), np.empty((0, 1), np.float16)
    if key and store.has(f"vectors_{key}"):
        vectors = store.vectors(key)
        rows, data = vectors.rows, vectors.data
    if key and store.has(f"neighbours_{key}"):
        links.append(copies(store, key))
    clear = np.ones(n, bool)
    clear[list(ambiguous)] = False
    kin = families(n, links)
    folds = folds_of(np.arange(n), kin, FOLDS, settings.label.seed)
    prompts = prompts_of(store, key) if key else {}
    collection = Collection(stated, clear, depth, kin, folds, rows, data, copied, prompts)
    return Found(
        collection, item_ids, ambiguous, conflicts, rejected, closed, reviews.position, list(reader.notes)
    )


def prompts_of(store: Store, key: str) -> dict[str, dict[str, Floats32]]:
    """Return the vectors of the vocabulary's prompts by attribute and value; none without a text tower."""
    found: dict[str, dict[str, Floats32]] = {}
    if store.has(f"prompts_{key}"):
        for batch in store.scan(f"prompts_{key}", ["attribute", "value", "vector"]):
            for record in batch.to_pylist():
                vector = np.asarray(record["vector"], np.float32)
                found.setdefault(record["attribute"], {})[record["value"]] = vector
    return found


def copies(store: Store, key: str) -> tuple[Ints, Ints]:
    """Return links between items so similar that they are copies, from the kNN graph, in batches."""
    heads, tails = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for batch in store.scan(f"neighbours_{key}", ["row", "ids", "similarity"]):
        rows = batch.column(0).to_numpy()
        ids = batch.column(1).flatten().to_numpy().reshape(len(rows), -1)
        similarity = batch.column(2).flatten().to_numpy().reshape(len(rows), -1)
        at, column = np.nonzero((similarity >= COPY_SIMILARITY) & (ids >= 0))
        heads.append(rows[at])
        tails.append(ids[at, column].astype(np.int64))
    return np.concatenate(heads), np.concatenate(tails)
