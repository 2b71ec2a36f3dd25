"""The label stage: read what is stated, learn each attribute from its donors, label the rest or stay silent."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from index.stages.progress import progress
from index.store import Store
from index.store.merge import merge_rows
from index.store.runs import Runs
from label.data.load import FOLDS, Found, collect
from label.learn.evaluate import assess
from label.learn.fit_all import Learned, Lesson, learn_all
from label.learn.model import Choices
from label.learn.serialize import freeze
from label.predict.decide import Doubt
from label.predict.writer import NOISE, Writer
from label.sources import learned_names
from label.update.changes import (
    STATE,
    Change,
    Digests,
    Joins,
    State,
    change_of,
    digests,
    load_fitted,
    load_joins,
    load_state,
    save_state,
)
from schema import tables
from schema.errors import StoreError
from schema.records import Summary
from schema.settings import LabelSettings, Settings
from schema.vocabulary import Vocabulary, load_vocabulary

METHOD = 5
"""Counts up when the same inputs get other labels, so that stores are labelled again."""


def run_label(store: Store, settings: Settings, full: bool = False) -> Summary:
    """Write the labels of a store, the noise lists and the frozen models; returns counts by attribute.

    After new reviews or items only what they touch is judged again, by the models of the last full run; ``full``,
    other settings, or changes of more than ``label.refit`` of donors or items learn everything anew.
    """
    started = time.monotonic()
    vocabulary = load_vocabulary(settings.tags.vocabulary or None)
    recorded = recorded_settings(settings, vocabulary)
    key = encoder_key(store)
    inputs = ["items", "copies", "groups"] + ([f"vectors_{key}", f"neighbours_{key}"] if key else [])
    recorded["reviews"] = review_position(store)
    runs = Runs(store)
    if not full and runs.up_to_date("label", recorded, inputs):
        return Summary("label", notes=("the labels are up to date",), skipped=True)
    fitted = None if full else _fitted(store, runs, recorded, vocabulary, key)
    with runs.start("label", recorded, inputs) as run:
        found = collect(store, vocabulary, settings, key)
        now = digests(found)
        change = None
        if fitted is not None:
            change = change_of(vocabulary, *fitted, found, now)
            if change.share > settings.label.refit:
                found.notes.append(f"{change.share:.0%} changed since the last full run: learned anew")
                change = None
        if change is None:
            writer, lessons = _learn(store, vocabulary, settings, found, now)
        else:
            writer, lessons = _touch(store, vocabulary, settings, found, change), None
        save_state(store, writer.state)
        run.outputs.extend(["labels", "label_noise", "label_models", STATE])
        counts, notes = told(writer, lessons, found)
        if change is not None:
            counts["judged again"] = len(change.rows)
            notes.append("judged by the models of the last full run; likeness label --full learns anew")
        run.counts.update({name: int(count) for name, count in counts.items()})
        run.facts["silent"] = notes
        run.facts["reviews"] = found.position
        run.facts["vectors"] = key
        run.facts["full"] = change is None
    return Summary("label", dict(counts), tuple(notes), seconds=time.monotonic() - started)


def _fitted(
    store: Store, runs: Runs, recorded: dict[str, Any], vocabulary: Vocabulary, key: str | None
) -> tuple[Learned, State, Joins] | None:
    """Return what the last run left to go on from, or None where it had other settings or left nothing."""
    last = runs.last("label")
    if last is None or last["facts"].get("vectors", "") != key or not store.has("label_models"):
        return None
    if runs.has_lost_output("label"):
        return None
    # Compared as they are stored: a tuple comes back as a list.
    same = json.loads(json.dumps({**recorded, "reviews": 0}, sort_keys=True, default=str))
    if {**last["settings"], "reviews": 0} != same or not store.has("label_noise") or not store.has("labels"):
        return None
    state = load_state(store, len(vocabulary.attributes))
    # A run that was killed may have written labels of further rows; they count as not seen, and come again.
    if state is None or len(state.seen) > store.count("labels"):
        return None
    return load_fitted(store), state, load_joins(store)


def _learn(
    store: Store, vocabulary: Vocabulary, settings: Settings, found: Found, now: Digests
) -> tuple[Writer, dict[str, Lesson]]:
    """Learn all attributes and label all items."""
    collection = found.collection
    with progress(len(vocabulary.attributes), "learn", unit="attribute") as bar:
        learned, lessons = learn_all(
            vocabulary.attributes,
            collection,
            settings.label,
            choices_of(settings.label),
            told=lambda: bar.add(1),
        )
    cells = np.full((collection.size, len(vocabulary.attributes)), -1, np.int16)
    state = State(now, now, collection.folds.astype(np.int8), cells)
    writer = Writer(vocabulary, found, learned, settings.label, state)
    # Without the state the next run is a full one, should this one be killed between tables of two fits.
    if store.has(STATE):
        store.drop(STATE)
    with progress(collection.size, "label") as bar:
        store.replace("labels", writer.batches(bar.add), writer.schema)
    store.replace("label_noise", [writer.noise()], NOISE)
    held = {name: assess(lesson) for name, lesson in lessons.items()}
    blobs = {
        "learned": freeze(learned),
        "joined": freeze(Joins()),
        "report": json.dumps(held, sort_keys=True).encode(),
    }
    _write_models(store, blobs)
    return writer, lessons


def _touch(store: Store, vocabulary: Vocabulary, settings: Settings, found: Found, change: Change) -> Writer:
    """Label what changed and what that touches; all other rows stay as they are."""
    writer = Writer(vocabulary, found, change.learned, settings.label, change.state)
    with progress(len(change.rows), "label") as bar:
        judged = pa.Table.from_batches(list(writer.batches(bar.add, change.rows)), writer.schema)
    exchanged = merge_rows(store.scan("labels"), judged, change.rows)
    store.replace("labels", _counted(exchanged, writer), writer.schema)
    kept = (
        batch.filter(pa.array(~np.isin(batch["row"].to_numpy(), change.rows)))
        for batch in store.scan("label_noise")
    )
    writer.doubts += [
        Doubt(**record) for batch in kept for record in batch.drop_columns(["item_id", "rank"]).to_pylist()
    ]
    store.replace("label_noise", [writer.noise()], NOISE)
    blobs = {
        record["name"]: record["blob"] for batch in store.scan("label_models") for record in batch.to_pylist()
    }
    blobs["joined"] = freeze(change.joins)
    _write_models(store, blobs)
    return writer


def _counted(batches: Iterable[pa.RecordBatch], writer: Writer) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        writer.count(batch)
        yield batch


def _write_models(store: Store, blobs: Mapping[str, bytes]) -> None:
    """Write the records in their order, which is the same after a full run and after a touch: equal tables."""
    records = [{"name": name, "blob": blob} for name, blob in blobs.items()]
    store.replace("label_models", pa.Table.from_pylist(records, tables.LABEL_MODELS), tables.LABEL_MODELS)


def recorded_settings(settings: Settings, vocabulary: Vocabulary) -> dict[str, Any]:
    """Return what the labels depend on besides the tables."""
    return {
        "method": METHOD,
        "label": settings.label.model_dump(exclude={"threads", "refit"}),
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
    from index.reviews.effective import effective_reviews

    return effective_reviews(store).position


def choices_of(settings: LabelSettings) -> Choices:
    """Return how attributes are learned under these settings."""
    return Choices(
        folds=FOLDS,
        sources=learned_names(settings.sources),
        min_support=settings.min_support,
        seed=settings.seed,
    )


def told(writer: Writer, lessons: dict[str, Lesson] | None, found: Found) -> tuple[dict[str, int], list[str]]:
    """Return the counts and notes of the summary."""
    counts = {"items": found.collection.size, "ambiguous": writer.ambiguous}
    counts["conflicts"] = sum(len(each) for each in found.conflicts.values())
    for name, each in writer.counted.items():
        counts[f"{name}: stated"], counts[f"{name}: voted"] = each["stated"], each["voted"]
    notes = list(found.notes)
    for name, lesson in (lessons or {}).items():
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
