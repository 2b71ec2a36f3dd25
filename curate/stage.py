"""The stages of curation: measuring."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from curate.gates.evaluate import passing_rows
from curate.measures import MEASURES, Measure, measure_class
from index.filters import matching_rows
from index.stages.local_runner import Runner, run_local
from index.stages.rowwise import RowOptions, RowRun
from index.store import Store
from index.store.runs import Runs
from schema.errors import SettingsError, StoreError
from schema.records import Count, Summary
from schema.settings import Settings

STAGE = "measure"


def run_measure(
    store: Store,
    settings: Settings,
    names: Sequence[str] = (),
    where: str | None = None,
    runner: Runner = run_local,
    passing: bool = False,
) -> Summary:
    """Measure the items that have no row yet in the measure's table; run again, it does only what is missing.

    ``names`` are entries of MEASURES; without any those of ``measure.names``, and without these all that are not
    costly and need no model or package which is not there. ``where`` leaves the other items for later, ``passing``
    those that the gates keep out by what is known so far. Every picture is read and decoded once for all measures.
    Raises SettingsError for a measure that does not exist, FilterError for a bad ``where``, StoreError and ModelError
    for a named measure that this store does not suit.
    """
    chosen = list(dict.fromkeys(names or settings.measure.names))
    lacking = {} if chosen else {name: _lacking(name, settings) for name in MEASURES}
    chosen = chosen or [name for name in MEASURES if not lacking[name]]
    measures = {name: measure_class(name)(settings) for name in chosen}
    chosen = _bound(measures, store, None if names or settings.measure.names else lacking)
    _check_columns(list(measures.values()))
    only = matching_rows(store, where) if where else None
    waiting: list[str] = []
    if passing:
        let_in, waiting = passing_rows(store, settings.gate, settings.tags.vocabulary)
        only = let_in if only is None else np.intersect1d(only, let_in, assume_unique=True)
    record: dict[str, object] = {
        "measures": {measure.name: measure.key for measure in measures.values()},
        "where": where or "",
    }
    if passing:
        record["passing"] = [gate.model_dump(mode="json") for gate in settings.gate]
    runs = Runs(store)
    options = settings.measure
    joined = {table for measure in measures.values() for table, _ in measure.joins().values()}
    inputs = ["items", *sorted(joined)]
    if only is None and not options.retry_failed and runs.up_to_date(STAGE, record, inputs):
        return Summary(STAGE, notes=("up to date",), skipped=True)
    with runs.start(STAGE, record, inputs) as run:
        run.outputs += [measure.table for measure in measures.values()]
        rows = RowRun(
            store,
            settings,
            list(measures.values()),
            RowOptions(options.workers, options.commit_rows, options.retry_failed, only),
            runner,
        )
        outcomes = dict(zip(chosen, rows.run(), strict=True))
        reasons: Counter[str] = Counter()
        notes = [f"{name}: not measured, {reason}" for name, reason in lacking.items() if reason]
        for name, outcome in outcomes.items():
            run.counts["measured"] += outcome.done + outcome.recovered
            run.counts["already"] += outcome.already
            run.counts["failed"] += outcome.failed
            run.facts[name] = outcome.facts
            reasons.update(outcome.reasons)
            notes += [f"{name}: {note}" for note in outcome.notes]
        for measure in measures.values():
            notes += [f"{measure.name}: {note}" for note in measure.finish(store)]
    counts: dict[str, Count] = dict(run.counts)
    seconds = run.seconds
    return Summary(STAGE, counts, tuple(notes), dict(reasons.most_common()), seconds, warnings=tuple(waiting))


def _lacking(name: str, settings: Settings) -> str:
    """Return why a measure does not run where nobody names it, empty where it does."""
    measure = measure_class(name)
    return measure.missing(settings) or ("it takes long and runs where it is named" if measure.costly else "")


def _bound(measures: dict[str, Measure], store: Store, lacking: dict[str, str] | None) -> list[str]:
    """Bind measures to the store and return their names; those that it does not suit go where nobody named them."""
    for name, measure in list(measures.items()):
        try:
            measure.bind(store)
        except StoreError as error:
            if lacking is None:
                raise
            lacking[name] = error.message
            del measures[name]
    return list(measures)


def _check_columns(measures: Sequence[Measure]) -> None:
    """Raise SettingsError for a column whose name does not begin with the measure's: another table may have it."""
    for measure in measures:
        wrong = [
            column.name
            for column in measure.columns
            if column.name != measure.name and not column.name.startswith(f"{measure.name}_")
        ]
        if wrong:
            raise SettingsError(
                f"the measure {measure.name} gives the column {wrong[0]}",
                f"Columns of a measure begin with its name: {measure.name}_...",
            )
