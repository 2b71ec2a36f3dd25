"""The label stage: read what is stated, learn each attribute from its donors, label the rest or stay silent."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from index.progress import progress
from index.runs import Runs
from index.store import Store
from label.families import families, links_of_keys
from label.model import AttributeModel, Choices, Question, Raw, learn
from label.statements import SOURCES, Stated
from schema import tables
from schema.errors import StoreError
from schema.records import Summary
from schema.settings import LabelSettings, Settings
from schema.vocabulary import Attribute, Vocabulary, load_vocabulary

Ints = npt.NDArray[np.int64]
CHUNK = 65_536
COPY_SIMILARITY = 0.985
"""Above this cosine two pictures are taken for copies of one another where no groups were made."""


@dataclass(slots=True)
class Collection:
    """All that labelling reads of a store, as arrays by row."""

    item_ids: list[str]
    ambiguous: list[str]
    conflicts: list[list[str]]
    tag_counts: npt.NDArray[np.int32]
    stated: dict[str, Stated]
    families: Ints
    vector_rows: Ints
    vectors: npt.NDArray[np.float16]

    @property
    def size(self) -> int:
        """Number of item rows."""
        return len(self.item_ids)


def run_label(store: Store, settings: Settings) -> Summary:
    """Write the labels table of a store; returns counts of stated and voted values by attribute."""
    started = time.monotonic()
    vocabulary = load_vocabulary(settings.tags.vocabulary or None)
    recorded = {
        "label": settings.label.model_dump(),
        "tags": settings.tags.model_dump(),
        "vocabulary": vocabulary.model_dump(),
    }
    try:
        key: str | None = store.encoder_key()
    except StoreError:
        key = None
    inputs = ["items", "copies", "groups", "reviews"] + (
        [f"vectors_{key}", f"neighbours_{key}"] if key else []
    )
    runs = Runs(store)
    if runs.up_to_date("label", recorded, inputs):
        return Summary("label", notes=("labels are up to date",), skipped=True)
    with runs.start("label", recorded, inputs) as run:
        collection = collect(store, vocabulary, settings, key)
        outcomes: dict[str, Outcome] = {}
        counts: dict[str, int | float | str] = {"items": collection.size}
        notes: list[str] = []
        with progress(len(vocabulary.attributes), "label", unit="attribute") as bar:
            for attribute in vocabulary.attributes:
                outcome = label_attribute(attribute, collection, settings.label)
                outcomes[attribute.name] = outcome
                counts[f"{attribute.name} stated"] = int((outcome.source > 0).sum())
                counts[f"{attribute.name} voted"] = int(outcome.voted)
                notes.extend(outcome.notes)
                bar.add(1)
        counts["ambiguous"] = sum(bool(reason) for reason in collection.ambiguous)
        counts["conflicts"] = sum(len(found) for found in collection.conflicts)
        schema = tables.labels([(each.name, each.kind) for each in vocabulary.attributes])
        store.replace("labels", label_batches(collection, outcomes, schema), schema)
        run.outputs.append("labels")
        run.counts.update({name: int(count) for name, count in counts.items() if not isinstance(count, str)})
    return Summary("label", counts, tuple(notes), seconds=time.monotonic() - started)


def collect(store: Store, vocabulary: Vocabulary, settings: Settings, key: str | None) -> Collection:
    """Read items, groups, reviews and vectors of a store into arrays by row."""
    from label.sources.stated import Reader

    n = store.n_items()
    reader = Reader(vocabulary, settings)
    stated = {each.name: Stated(each) for each in vocabulary.attributes}
    item_ids: list[str] = [""] * n
    ambiguous: list[str] = [""] * n
    conflicts: list[list[str]] = [[] for _ in range(n)]
    counts = np.zeros(n, np.int32)
    identities: list[str] = [""] * n
    for batch in store.items(["row", "item_id", "tags", "text", "identity"]):
        for record in batch.to_pylist():
            row = record["row"]
            item_ids[row] = record["item_id"]
            identities[row] = record["identity"] or ""
            counts[row] = len(record["tags"] or [])
            said = reader.read(row, record["tags"] or [], record["text"] or "", stated)
            ambiguous[row], conflicts[row] = said
    links = [links_of_keys(np.arange(n), np.array(identities, object))]
    if store.has("groups"):
        groups = store.read("groups", ["row", "group_id"])
        links.append(
            links_of_keys(groups["row"].to_numpy(), np.array(groups["group_id"].to_pylist(), object))
        )
    rows, data = np.empty(0, np.int64), np.empty((0, 1), np.float16)
    if key and store.has(f"vectors_{key}"):
        found = store.vectors(key)
        rows, data = found.rows, found.data
    if key and store.has(f"neighbours_{key}"):
        graph = store.graph(key)
        close = (graph.similarity >= COPY_SIMILARITY) & (graph.ids >= 0)
        at, column = np.nonzero(close)
        links.append((graph.rows[at], graph.ids[at, column].astype(np.int64)))
    return Collection(item_ids, ambiguous, conflicts, counts, stated, families(n, links), rows, data)


@dataclass(slots=True)
class Outcome:
    """Labels of one attribute: ``matrix`` float32 [n, v] confidence of values that stand (0 where they do not),
    ``source`` int8 [n] of the stated ones, ``support`` int32 [n]."""

    attribute: Attribute
    values: list[str]
    matrix: npt.NDArray[np.float32]
    source: npt.NDArray[np.int8]
    support: npt.NDArray[np.int32]
    voted: int
    notes: list[str]
    model: AttributeModel | None = None
    held_out: Raw | None = None


TAG_CONFIDENCE = 0.98


def label_attribute(attribute: Attribute, collection: Collection, settings: LabelSettings) -> Outcome:
    """Return the labels of one attribute for all rows: what is stated, and what the votes are sure enough of."""
    n = collection.size
    stated = collection.stated[attribute.name]
    source = stated.source_of(n)
    values = list(stated.values)
    everything = stated.matrix(np.arange(n), values)
    matrix = everything * np.float32(TAG_CONFIDENCE)
    matrix[source == SOURCES.index("review")] = everything[source == SOURCES.index("review")]
    outcome = Outcome(attribute, values, matrix, source, np.zeros(n, np.int32), 0, [])
    clear = np.array([not reason for reason in collection.ambiguous], bool)
    at_vectors = np.full(n, -1, np.int64)
    at_vectors[collection.vector_rows] = np.arange(len(collection.vector_rows))
    usable = clear & (at_vectors >= 0)
    question = pose(attribute, collection, everything, values, usable, settings)
    if question is None:
        return outcome
    asked = settings.precision_by_attribute.get(attribute.name, attribute.precision or settings.precision)
    vectors = collection.vectors[at_vectors[question.rows]].astype(np.float32)
    choices = Choices(min_support=settings.min_support, seed=settings.seed)
    model, raw = learn(question, vectors, asked, choices)
    outcome.model, outcome.held_out = model, raw
    columns = np.array([values.index(value) for value in question.values])
    targets = np.flatnonzero((source == 0) & usable)
    for start in range(0, len(targets), CHUNK):
        rows = targets[start : start + CHUNK]
        said = model.raw(collection.vectors[at_vectors[rows]], collection.families[rows])
        chances = model.probabilities(said)
        accepted = model.accept(chances)
        outcome.matrix[np.ix_(rows, columns)] = np.where(accepted, chances, 0)
        outcome.support[rows] = np.where(accepted.any(axis=1), said.support, 0)
        outcome.voted += int(accepted.any(axis=1).sum())
    silent = [
        f"{attribute.name}: {value}: {threshold.reason}"
        for value, threshold in zip(model.values, model.thresholds, strict=True)
        if threshold.reason
    ]
    outcome.notes.extend(silent)
    return outcome


def pose(
    attribute: Attribute,
    collection: Collection,
    everything: npt.NDArray[np.float32],
    values: list[str],
    usable: npt.NDArray[np.bool_],
    settings: LabelSettings,
) -> Question | None:
    """Return the question of an attribute with its donors, or None where there are too few of them."""
    if not values:
        return None
    said = everything.sum(axis=1)
    clean = usable & (said == 1) if attribute.kind == "one" else usable & (said > 0)
    if clean.sum() < settings.min_support:
        return None
    # A missing tag says something only where the tagger went as deep as those who did state a value.
    depth = np.quantile(collection.tag_counts[clean], 0.25)
    bare = usable & (said == 0) & (collection.tag_counts >= max(depth, 1))
    rows = np.flatnonzero(clean | bare)
    weights = np.ones(len(rows), np.float32)
    if len(rows) > settings.donors_cap:
        random = np.random.default_rng(settings.seed)
        rows = np.sort(random.choice(rows, settings.donors_cap, replace=False))
        weights = np.ones(len(rows), np.float32)
    kept = [at for at in range(len(values)) if everything[rows, at].sum() >= 5]
    if not kept or (attribute.kind == "one" and len(kept) < 2):
        return None
    targets = everything[np.ix_(rows, np.array(kept))]
    inside = (targets.sum(axis=1) > 0) | (said[rows] == 0)
    return Question(
        attribute.name,
        attribute.kind,
        tuple(values[at] for at in kept),
        rows[inside],
        targets[inside],
        collection.families[rows[inside]],
        weights[inside],
    )


def label_batches(
    collection: Collection, outcomes: dict[str, Outcome], schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    """Yield the labels table in row order."""
    for start in range(0, collection.size, CHUNK):
        stop = min(start + CHUNK, collection.size)
        columns: dict[str, Any] = {
            "row": np.arange(start, stop),
            "item_id": collection.item_ids[start:stop],
            "ambiguous": [bool(reason) for reason in collection.ambiguous[start:stop]],
            "ambiguous_reason": [reason or None for reason in collection.ambiguous[start:stop]],
            "conflicts": collection.conflicts[start:stop],
        }
        for name, outcome in outcomes.items():
            columns.update(_columns(name, outcome, start, stop))
        yield pa.RecordBatch.from_arrays(
            [pa.array(columns[field.name], field.type) for field in schema], schema=schema
        )


def _columns(name: str, outcome: Outcome, start: int, stop: int) -> dict[str, Any]:
    matrix, source = outcome.matrix[start:stop], outcome.source[start:stop]
    words = [SOURCES[code] if code else "vote" for code in source]
    support = outcome.support[start:stop]
    if outcome.attribute.kind == "one":
        has = matrix.max(axis=1, initial=0) > 0
        best = matrix.argmax(axis=1) if matrix.shape[1] else np.zeros(len(matrix), int)
        return {
            name: [outcome.values[at] if ok else None for at, ok in zip(best, has, strict=True)],
            f"{name}_confidence": [
                float(row[at]) if ok else None for row, at, ok in zip(matrix, best, has, strict=True)
            ],
            f"{name}_source": [word if ok else None for word, ok in zip(words, has, strict=True)],
            f"{name}_support": [int(count) if ok else None for count, ok in zip(support, has, strict=True)],
        }
    lists: list[list[int]] = [np.flatnonzero(row).tolist() for row in matrix]
    confidences = [[float(row[at]) for at in found] for row, found in zip(matrix, lists, strict=True)]
    return {
        name: [[outcome.values[at] for at in found] or None for found in lists],
        f"{name}_confidence": [min(each) if each else None for each in confidences],
        f"{name}_source": [word if found else None for word, found in zip(words, lists, strict=True)],
        f"{name}_support": [
            int(count) if found else None for count, found in zip(support, lists, strict=True)
        ],
        f"{name}_confidences": [each or None for each in confidences],
        f"{name}_sources": [[word] * len(found) or None for word, found in zip(words, lists, strict=True)],
    }
