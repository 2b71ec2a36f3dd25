"""The label stage: read what is observed, learn each attribute from its labelled items, label the rest or abstain."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from index.reviews.effective import effective_reviews
from index.stages.progress import progress
from index.store import Store
from index.store.encoder_key import known_encoder_key
from index.store.runs import Run, Runs
from label.data.dataset import LabelInputs
from label.data.load import FOLDS, STATE, ItemLoader
from label.learn.evaluate import evaluate
from label.learn.fit_all import AttributeFit, fit_all
from label.learn.options import FitOptions
from label.learn.sources import SCORERS, scorer_names
from label.measured import MODELS
from label.observed import OBSERVERS, unknown_words
from label.predict.noise import NoiseCandidate
from label.predict.writer import LabelWriter
from label.update.changes import Update, digests, find_update
from label.update.stored import (
    RunState,
    StoredModels,
    load_state,
    load_stored,
    save_changes,
    save_fit,
    save_state,
)
from schema import tables
from schema.arrays import Hashes, Rows
from schema.plugins import plugin
from schema.records import Summary
from schema.settings import LabelSettings, Settings
from schema.tags.values import TagReader
from schema.vocabulary import Vocabulary, load_vocabulary

METHOD = 7
"""Counts up when the same inputs get other labels or other tables, so that stores are labelled again."""


def run_label(store: Store, settings: Settings, full: bool = False) -> Summary:
    """Write the labels of a store, the noise lists and the models; returns counts by attribute.

    After new reviews or items only what they affect is labelled again, by the models of the last full run; ``full``,
    other settings, or changes of more than ``label.refit`` of the labelled items or of all items learn everything
    anew.
    """
    started = time.monotonic()
    vocabulary = load_vocabulary(settings.tags.vocabulary or None)
    check_sources(settings.label.sources)
    recorded = recorded_settings(settings, vocabulary)
    key = known_encoder_key(store)
    inputs = ["items", "copies", "groups"] + ([f"vectors_{key}", f"neighbours_{key}"] if key else [])
    recorded["reviews"] = effective_reviews(store).position
    runs = Runs(store)
    if not full and runs.up_to_date("label", recorded, inputs):
        return Summary("label", notes=("the labels are up to date",), skipped=True)
    last = None if full else _last_run(store, runs, recorded, vocabulary, key)
    with runs.start("label", recorded, inputs) as run:
        items = ItemLoader(store, vocabulary, settings).load_all()
        now = digests(items)
        update, warnings = None, list[str]()
        if last is not None:
            update = find_update(vocabulary, *last, items, now)
            if update.share > settings.label.refit:
                items.notes.append(f"{update.share:.0%} changed since the last full run: learned anew")
                update = None
        if update is None:
            counts, notes, warnings = _label_all(store, vocabulary, settings, items, now)
            words = _unknown_words(store, vocabulary, settings)
            run.facts["unknown_words"] = unknown_words.as_records(words)
            counts["frequent tags not read"] = len(words)
            notes += unknown_words.notes_on(words)
        else:
            counts, notes = _label_some(store, vocabulary, settings, items, update)
        run.outputs.extend(["labels", "label_noise", MODELS, STATE])
        _record(run, counts, notes, items, key, update is None)
    spent = time.monotonic() - started
    return Summary("label", dict(counts), tuple(notes), seconds=spent, warnings=tuple(warnings))


def _unknown_words(
    store: Store, vocabulary: Vocabulary, settings: Settings
) -> list[unknown_words.UnknownWord]:
    """Return the frequent tags that say nothing to the reader that labels are read with."""
    reader = TagReader.from_files(vocabulary, settings.tags.aliases, settings.tags.implications)
    return unknown_words.unknown_words(store, vocabulary, lambda tag: bool(reader.meanings(tag)))


def check_sources(names: tuple[str, ...]) -> None:
    """Raise SettingsError when ``label.sources`` names what is neither an observer nor a scorer."""
    for name in names:
        if name not in OBSERVERS and name not in SCORERS:
            plugin({**OBSERVERS, **SCORERS}, name, "source of labels", "label.sources")


def recorded_settings(settings: Settings, vocabulary: Vocabulary) -> dict[str, Any]:
    """Return what the labels depend on besides the tables."""
    return {
        "method": METHOD,
        "label": settings.label.model_dump(exclude={"threads", "refit"}),
        "tags": settings.tags.model_dump(),
        "vocabulary": vocabulary.model_dump(),
    }


def fit_options(settings: LabelSettings) -> FitOptions:
    """Return how attributes are learned under these settings."""
    return FitOptions(
        folds=FOLDS,
        sources=scorer_names(settings.sources),
        min_support=settings.min_support,
        seed=settings.seed,
    )


def _last_run(
    store: Store, runs: Runs, recorded: dict[str, Any], vocabulary: Vocabulary, key: str | None
) -> tuple[StoredModels, RunState] | None:
    """Return what the last run left to go on from, or None where it had other settings or left nothing."""
    last = runs.last("label")
    if last is None or last["facts"].get("vectors", "") != key or runs.has_lost_output("label"):
        return None
    # Compared as they are stored: a tuple comes back as a list.
    same = json.loads(json.dumps({**recorded, "reviews": 0}, sort_keys=True, default=str))
    if {**last["settings"], "reviews": 0} != same:
        return None
    if not all(store.has(table) for table in (MODELS, "label_noise", "labels")):
        return None
    state = load_state(store, len(vocabulary.attributes))
    # A run that was killed may have written labels of further rows; they count as not seen, and come again.
    if state is None or len(state) > store.count("labels"):
        return None
    return load_stored(store), state


def _label_all(
    store: Store, vocabulary: Vocabulary, settings: Settings, items: LabelInputs, now: Hashes
) -> tuple[dict[str, int], list[str], list[str]]:
    """Learn all attributes and label all items; return counts, notes and warnings."""
    dataset = items.dataset
    with progress(len(vocabulary.attributes), "learn", unit="attribute") as bar:
        options = fit_options(settings.label)
        models, fits = fit_all(
            vocabulary.attributes, dataset, settings.label, options, done=lambda: bar.add(1)
        )
    state = RunState.empty(len(dataset), len(vocabulary.attributes))
    state.fitted, state.seen, state.folds = now, now, dataset.folds.astype(np.int8)
    writer = LabelWriter(vocabulary, items, models, settings.label, state.cells)
    # Without the state the next run is a full one, should this one be killed between tables of two fits.
    if store.has(STATE):
        store.drop(STATE)
    with progress(len(dataset), "label") as bar:
        store.replace("labels", writer.batches(bar.add), writer.schema)
    store.replace("label_noise", [writer.noise_table()], tables.LABEL_NOISE)
    save_fit(store, models, {name: evaluate(fit) for name, fit in fits.items()})
    save_state(store, state)
    counts, notes = _summary(writer, items)
    return counts, notes + _abstentions(fits), _shortages(fits)


def _label_some(
    store: Store, vocabulary: Vocabulary, settings: Settings, items: LabelInputs, update: Update
) -> tuple[dict[str, int], list[str]]:
    """Label what changed and what that affects; all other rows stay as they are."""
    state, rows = update.state, update.rows
    state.folds[rows] = items.dataset.folds[rows]
    writer = LabelWriter(vocabulary, items, update.models, settings.label, state.cells)
    with progress(len(rows), "label") as bar:
        labelled = pa.Table.from_batches(list(writer.batches(bar.add, rows)), writer.schema)
    store.replace("labels", merged(store.scan("labels"), labelled, rows, writer.count), writer.schema)
    for batch in store.scan("label_noise"):
        kept = batch.filter(pa.array(~np.isin(batch["row"].to_numpy(), rows)))
        records = kept.drop_columns(["item_id", "rank"]).to_pylist()
        writer.noise.add(NoiseCandidate(**record) for record in records)
    store.replace("label_noise", [writer.noise_table()], tables.LABEL_NOISE)
    save_changes(store, update.changes)
    save_state(store, state)
    counts, notes = _summary(writer, items)
    counts["labelled again"] = len(rows)
    notes.append("labelled by the models of the last full run; likeness label --full learns anew")
    return counts, notes


def merged(
    old: Iterator[pa.RecordBatch], new: pa.Table, rows: Rows, count: Callable[[pa.RecordBatch], None]
) -> Iterator[pa.RecordBatch]:
    """Yield a table in row order, with the ``new`` rows in the place of the old ones or behind them."""
    last = -1
    for batch in old:
        present = batch["row"].to_numpy()
        kept = batch.filter(pa.array(~np.isin(present, rows))).cast(new.schema)
        low, high = np.searchsorted(rows, [present[0], present[-1] + 1])
        last = int(present[-1])
        table = pa.concat_tables([pa.Table.from_batches([kept]), new.slice(low, high - low)])
        for part in table.sort_by("row").combine_chunks().to_batches():
            count(part)
            yield part
    for part in new.slice(int(np.searchsorted(rows, last + 1))).combine_chunks().to_batches():
        count(part)
        yield part


def _record(
    run: Run, counts: dict[str, int], notes: list[str], items: LabelInputs, key: str | None, full: bool
) -> None:
    """Write into the run what the next one and the page read of it."""
    run.counts.update({name: int(count) for name, count in counts.items()})
    run.facts["notes"] = notes
    run.facts["reviews"] = items.review_position
    run.facts["vectors"] = key
    run.facts["full"] = full


def _summary(writer: LabelWriter, items: LabelInputs) -> tuple[dict[str, int], list[str]]:
    """Return the counts and notes of the summary."""
    counts = {"items": len(items.dataset), "ambiguous": writer.ambiguous}
    counts["conflicts"] = sum(len(conflicts) for conflicts in items.conflicts.values())
    for name, counted in writer.counts.items():
        counts[f"{name}: stated"], counts[f"{name}: predicted"] = counted["stated"], counted["predicted"]
    return counts, list(items.notes)


def _shortages(fits: dict[str, AttributeFit]) -> list[str]:
    """Return a line that says which attributes nothing can be inferred of, and how many more labels they need."""
    lacking = {name: fit.items_needed for name, fit in fits.items() if fit.items_needed}
    if not lacking:
        return []
    by_number: dict[int, list[str]] = {}
    for name, items in sorted(lacking.items(), key=lambda pair: pair[1]):
        by_number.setdefault(items, []).append(name)
    said = "; ".join(f"{items} more for {', '.join(names)}" for items, names in by_number.items())
    return [
        f"too few labelled items to infer anything of some attributes; by tags or reviews they need at least {said}"
    ]


def _abstentions(fits: dict[str, AttributeFit]) -> list[str]:
    """Return what the user should know of each attribute: why it has no model, what was left out, who abstains."""
    notes = []
    for name, fit in fits.items():
        if fit.model is None:
            notes.append(f"{name}: nothing is predicted: {fit.reason}")
            continue
        if fit.sampled_out:
            notes.append(
                f"{name}: {fit.sampled_out} labelled items beyond label.max_reference_items were sampled out"
            )
        abstaining = [
            f"{value} ({threshold.reason})"
            for value, threshold in zip(fit.model.values, fit.model.thresholds, strict=True)
            if threshold.reason
        ]
        if abstaining:
            notes.append(f"{name}: abstains on {'; '.join(abstaining)}")
    return notes
