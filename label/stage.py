"""The label stage: read what is stated, learn each attribute from its donors, label the rest or stay silent."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from index.progress import progress
from index.runs import Runs
from index.store import Store
from label.assess import assess
from label.collect import FOLDS, Found, collect
from label.frozen import freeze
from label.learning import Learned, Lesson, learn_all
from label.model import Choices
from label.sources import learned_names, source_class
from label.table import MACHINE, Column, Doubt, arrays, decide
from schema import tables
from schema.errors import StoreError
from schema.records import Summary
from schema.settings import LabelSettings, Settings
from schema.vocabulary import Vocabulary, load_vocabulary

CHUNK = 1 << 16
METHOD = 3
"""Counts up when the same inputs get other labels, so that stores are labelled again."""
NOISE = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("attribute", pa.string(), nullable=False),
        pa.field("value", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("rank", pa.int32(), nullable=False),
        pa.field("score", pa.float32(), nullable=False),
        pa.field("suggestion", pa.string()),
        pa.field("chance", pa.float32()),
    ]
)
"""Tags that the votes contradict ('wrong') and tags that are probably missing ('missing'), ranked by attribute."""


def run_label(store: Store, settings: Settings) -> Summary:
    """Write the labels of a store, the noise lists and the frozen models; returns counts by attribute."""
    started = time.monotonic()
    vocabulary = load_vocabulary(settings.tags.vocabulary or None)
    recorded = recorded_settings(settings, vocabulary)
    key = encoder_key(store)
    inputs = ["items", "copies", "groups"] + ([f"vectors_{key}", f"neighbours_{key}"] if key else [])
    found_position = review_position(store)
    recorded["reviews"] = found_position
    runs = Runs(store)
    if runs.up_to_date("label", recorded, inputs):
        return Summary("label", notes=("the labels are up to date",), skipped=True)
    with runs.start("label", recorded, inputs) as run:
        found = collect(store, vocabulary, settings, key)
        choices = choices_of(settings.label)
        with progress(len(vocabulary.attributes), "learn", unit="attribute") as bar:
            learned, lessons = learn_all(
                vocabulary.attributes, found.collection, settings.label, choices, told=lambda: bar.add(1)
            )
        writer = Writer(vocabulary, found, learned, settings.label)
        schema = tables.labels([(each.name, each.kind) for each in vocabulary.attributes])
        with progress(found.collection.size, "label") as bar:
            store.replace("labels", writer.batches(schema, bar.add), schema)
        store.replace("label_noise", [writer.noise()], NOISE)
        held = {name: assess(lesson) for name, lesson in lessons.items()}
        blobs = [
            {"name": "learned", "blob": freeze(learned)},
            {"name": "report", "blob": json.dumps(held, sort_keys=True).encode()},
        ]
        store.replace("label_models", pa.Table.from_pylist(blobs, tables.MODELS), tables.MODELS)
        run.outputs.extend(["labels", "label_noise", "label_models"])
        counts, notes = told(writer, lessons, found)
        run.counts.update({name: int(count) for name, count in counts.items()})
        run.facts["silent"] = notes
        run.facts["reviews"] = found.position
    return Summary("label", dict(counts), tuple(notes), seconds=time.monotonic() - started)


def recorded_settings(settings: Settings, vocabulary: Vocabulary) -> dict[str, Any]:
    """Return what the labels depend on besides the tables."""
    return {
        "method": METHOD,
        "label": settings.label.model_dump(),
        "tags": settings.tags.model_dump(),
        "vocabulary": vocabulary.model_dump(),
    }


def encoder_key(store: Store) -> str | None:
    """Return the key of the store's vectors, or None where there are none yet: tags and texts still make labels."""
    try:
        return store.encoder_key()
    except StoreError:
        return None


def review_position(store: Store) -> int:
    """Return the number of the last review decision."""
    from index.reviews import effective_reviews

    return effective_reviews(store).position


def choices_of(settings: LabelSettings) -> Choices:
    """Return how attributes are learned under these settings."""
    return Choices(
        folds=FOLDS,
        sources=learned_names(settings.sources),
        min_support=settings.min_support,
        seed=settings.seed,
    )


class Writer:
    """Labels items chunk by chunk, and remembers what the summary and the noise lists need."""

    def __init__(
        self, vocabulary: Vocabulary, found: Found, learned: Learned, settings: LabelSettings
    ) -> None:
        self.vocabulary = vocabulary
        self.found = found
        self.learned = learned
        self.settings = settings
        self.doubts: list[Doubt] = []
        self.counted: dict[str, dict[str, int]] = {
            each.name: {"stated": 0, "voted": 0} for each in vocabulary.attributes
        }
        self.ambiguous = 0
        sources = learned_names(settings.sources)
        self.machine = source_class(sources[0]).word if len(sources) == 1 else "fused"

    def batches(self, schema: pa.Schema, done: Callable[[int], None]) -> Iterator[pa.RecordBatch]:
        """Yield the labels table in row order."""
        size = self.found.collection.size
        for start in range(0, size, CHUNK):
            stop = min(start + CHUNK, size)
            yield self.chunk(start, stop, schema)
            done(stop - start)

    def chunk(self, start: int, stop: int, schema: pa.Schema) -> pa.RecordBatch:
        """Return the labels of rows ``start`` to ``stop``."""
        collection = self.found.collection
        places = np.flatnonzero(collection.at[start:stop] >= 0)
        vectors = collection.vectors[collection.at[start:stop][places]]
        audited = {
            name: stated.single(start, stop)[places]
            for name, stated in collection.stated.items()
            if stated.attribute.kind == "one"
        }
        heard, audit = self.learned.listen(vectors, collection.folds[start:stop][places], audited=audited)
        ambiguous = {row: why for row, why in self.found.ambiguous.items() if start <= row < stop}
        columns: dict[str, Any] = {}
        conflicts = [list(self.found.conflicts.get(row, ())) for row in range(start, stop)]
        # The number of characters comes first: it says whose other attributes the votes may fill.
        ordered = sorted(self.vocabulary.attributes, key=lambda each: not each.ambiguous)
        for attribute in ordered:
            stated = collection.stated[attribute.name]
            open_ = np.ones(stop - start, bool)
            if not attribute.ambiguous:
                open_[[row - start for row in ambiguous]] = False
            closed = [row - start for row in self.found.closed.get(attribute.name, ()) if start <= row < stop]
            open_[closed] = False
            column = decide(
                attribute,
                stated,
                start,
                open_,
                collection.tag_counts[start:stop] > 0,
                self.learned.models.get(attribute.name),
                heard.get(attribute.name),
                audit.get(attribute.name),
                places,
                self.found.rejected.get(attribute.name, {}),
                self._asked(attribute.name),
            )
            if attribute.ambiguous:
                ambiguous.update(self._several(column, start, ambiguous))
            for row, text in column.resolved.items():
                conflicts[row - start].append(text)
            self._count(column)
            columns.update(arrays(column, self.machine))
        self.ambiguous += len(ambiguous)
        columns["row"] = np.arange(start, stop)
        columns["item_id"] = self.found.item_ids[start:stop]
        columns["ambiguous"] = [row in ambiguous for row in range(start, stop)]
        columns["ambiguous_reason"] = [ambiguous.get(row) for row in range(start, stop)]
        columns["conflicts"] = conflicts
        built = [
            columns[each.name]
            if isinstance(columns[each.name], pa.Array)
            else pa.array(columns[each.name], each.type)
            for each in schema
        ]
        return pa.RecordBatch.from_arrays(
            [array.cast(each.type) for array, each in zip(built, schema, strict=True)], schema=schema
        )

    def _asked(self, name: str) -> float:
        model = self.learned.models.get(name)
        return model.asked if model else self.settings.precision

    def _several(self, column: Column, start: int, known: dict[int, str]) -> dict[int, str]:
        flags = [at for at, value in enumerate(column.values) if value in column.attribute.ambiguous]
        pick = np.isin(column.code, flags) & (column.source == MACHINE)
        return {
            int(column.item[at]) + start: f"votes: {column.values[column.code[at]]} ({column.chance[at]:.2f})"
            for at in np.flatnonzero(pick).tolist()
            if int(column.item[at]) + start not in known
        }

    def _count(self, column: Column) -> None:
        counted = self.counted[column.attribute.name]
        machine = column.source == MACHINE
        counted["stated"] += len(np.unique(column.item[~machine]))
        counted["voted"] += len(np.unique(column.item[machine]))
        self.doubts.extend(column.doubts)
        if len(self.doubts) > 64 * self.settings.noise_limit:
            self.doubts = self._ranked()

    def _ranked(self) -> list[Doubt]:
        lists: dict[tuple[str, str], list[Doubt]] = {}
        for doubt in self.doubts:
            lists.setdefault((doubt.attribute, doubt.kind), []).append(doubt)
        found = []
        for key in sorted(lists):
            lists[key].sort(key=lambda doubt: (-doubt.score, doubt.row, doubt.value))
            found.extend(lists[key][: self.settings.noise_limit])
        return found

    def noise(self) -> pa.RecordBatch:
        """Return the noise lists, the most doubtful first within attribute and kind."""
        ranks: dict[tuple[str, str], int] = {}
        records = []
        for doubt in self._ranked():
            rank = ranks[doubt.attribute, doubt.kind] = ranks.get((doubt.attribute, doubt.kind), 0) + 1
            records.append(
                {
                    "row": doubt.row,
                    "item_id": self.found.item_ids[doubt.row],
                    "attribute": doubt.attribute,
                    "value": doubt.value,
                    "kind": doubt.kind,
                    "rank": rank,
                    "score": doubt.score,
                    "suggestion": doubt.suggestion,
                    "chance": doubt.chance,
                }
            )
        return pa.RecordBatch.from_pylist(records, NOISE)


def told(writer: Writer, lessons: dict[str, Lesson], found: Found) -> tuple[dict[str, int], list[str]]:
    """Return the counts and notes of the summary."""
    counts = {"items": found.collection.size, "ambiguous": writer.ambiguous}
    counts["conflicts"] = sum(len(each) for each in found.conflicts.values())
    for name, each in writer.counted.items():
        counts[f"{name}: stated"], counts[f"{name}: voted"] = each["stated"], each["voted"]
    notes = list(found.notes)
    for name, lesson in lessons.items():
        if lesson.model is None:
            notes.append(f"{name}: no votes: {lesson.reason}")
            continue
        if lesson.left_out:
            notes.append(f"{name}: {lesson.left_out} donors beyond label.donors_cap were sampled out")
        silent = [
            f"{value} ({threshold.reason})"
            for value, threshold in zip(lesson.model.values, lesson.model.thresholds, strict=True)
            if threshold.reason
        ]
        if silent:
            notes.append(f"{name}: abstains on {'; '.join(silent)}")
    return counts, notes
