"""The stage of the gates: the table of what each one does, and what each would take out alone and in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from curate.columns import as_text, is_number, key_of, read_columns
from curate.gates.evaluate import (
    CONDITION,
    DECIDERS,
    DROP,
    FLAG,
    OUTCOMES,
    PASS,
    REVIEW,
    REVIEWER,
    Act,
    columns_of,
    decisions,
    evaluate,
    not_made,
)
from index.filters.columns import Column, Columns
from index.store import Store
from index.store.runs import Run, Runs
from schema import tables
from schema.arrays import Bools, Rows
from schema.ids import settings_hash
from schema.records import Count, Grid, Summary
from schema.sections.curation import GateSettings
from schema.settings import Settings

STAGE = "gates"
BATCH_ROWS = 65_536


def run_gates(store: Store, settings: Settings, sheet: str | Path | None = None) -> Summary:
    """Ask every ``[[gate]]`` of the settings about every item, and write the table ``gates``.

    ``sheet`` is where to write samples on both sides of each gate as one page of HTML. Raises FilterError that names
    the gate whose condition is not valid.
    """
    gates = settings.gate
    vocabulary = settings.tags.vocabulary
    columns = Columns(store)
    asked = gates if store.has("items") else ()
    waiting = not_made(asked, columns, vocabulary)
    used = {gate.name: [] if gate.name in waiting else columns_of(columns, gate) for gate in asked}
    inputs = sorted({"items", *(column.table for named in used.values() for column in named)})
    if store.has("copies"):
        inputs.append("copies")
    said = decisions(store, gates)
    record = {
        "gates": [gate.model_dump(mode="json") for gate in gates],
        "reviews": settings_hash({"said": said}),
    }
    runs = Runs(store)
    acts: list[Act] | None = None
    last = runs.last(STAGE)
    before = len(last["settings"]["gates"]) if last is not None else 0
    forgotten = (f"the last run had {before} gates, and these settings have none: none counts any more",)
    if last is not None and runs.up_to_date(STAGE, record, inputs):
        facts = last["facts"]["gates"]
        notes = (*waiting.values(), *_notes(facts))
        summary = Summary(STAGE, last["counts"], tables=gates_table(facts), skipped=True, warnings=notes)
    else:
        with runs.start(STAGE, record, inputs) as run:
            acts = evaluate(store, gates, vocabulary)
            store.replace(STAGE, _records(store, acts, used), tables.GATES)
            run.outputs.append(STAGE)
            facts = run.facts["gates"] = funnel_of(store, acts)
            _count(run, store, acts)
        counts: dict[str, Count] = dict(run.counts)
        notes = (*(forgotten if before and not gates else ()), *waiting.values(), *_notes(facts))
        summary = Summary(STAGE, counts, seconds=run.seconds, tables=gates_table(facts), warnings=notes)
    if sheet is not None:
        from curate.gates.sheet import write_sheet

        write_sheet(
            store, settings, acts if acts is not None else evaluate(store, gates, vocabulary), Path(sheet)
        )
    return summary


def funnel_of(store: Store, acts: Sequence[Act]) -> list[dict[str, Any]]:
    """Return for each gate, in order, what it does alone and what it takes out of what the ones before it left."""
    inside: Bools = np.ones(store.n_items(), bool)
    found = []
    for act in acts:
        out = act.out
        fresh = int(inside[out].sum())
        inside[out] = False
        found.append(
            {
                "gate": act.gate.name,
                "where": act.gate.where,
                "action": act.gate.action,
                "reason": act.gate.words,
                "matching": act.matching,
                "out": len(out),
                "in_order": fresh,
                "flagged": len(act.with_outcome(FLAG)),
                "held": len(act.with_outcome(REVIEW)),
                "not_known": act.unknown,
                "unknown": act.gate.unknown,
                "passed": act.count(PASS, REVIEWER),
                "put_out": act.count(DROP, REVIEWER),
            }
        )
    return found


def gates_table(facts: Sequence[dict[str, Any]]) -> tuple[Grid, ...]:
    """Return the table that the command prints: a line for each gate."""
    rows = [
        (
            fact["gate"],
            fact["action"],
            fact["matching"],
            fact["out"],
            fact["in_order"],
            fact["flagged"],
            f"{fact['not_known']:,} {_fate(fact)}" if fact["not_known"] else "0",
            fact["passed"],
        )
        for fact in facts
    ]
    heads = ("gate", "action", "matching", "out alone", "out in order", "flagged", "not known", "let through")
    return (Grid(heads, tuple(rows)),) if rows else ()


def _fate(fact: dict[str, Any]) -> str:
    return {"pass": "pass", "drop": "dropped", "review": "held back"}[fact["unknown"]]


def _notes(facts: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    return tuple(
        f"{fact['gate']}: {fact['put_out']:,} put out by reviewers" for fact in facts if fact["put_out"]
    )


def _count(run: Run, store: Store, acts: Sequence[Act]) -> None:
    passing = np.ones(store.n_items(), bool)
    for act in acts:
        passing[act.out] = False
    run.counts["gates"] = len(acts)
    run.counts["out"] = int((~passing).sum())
    run.counts["held"] = len(_union([act.with_outcome(REVIEW) for act in acts]))
    run.counts["flagged"] = len(_union([act.with_outcome(FLAG) for act in acts]))
    run.counts["let through"] = sum(act.count(PASS, REVIEWER) for act in acts)
    run.counts["not known"] = sum(act.unknown for act in acts)
    run.counts["dropped"] = sum(act.count(DROP, CONDITION) for act in acts)


def _union(parts: Sequence[Rows]) -> Rows:
    return np.unique(np.concatenate([np.empty(0, np.int64), *parts]))


def _records(store: Store, acts: Sequence[Act], used: dict[str, list[Column]]) -> Iterator[pa.RecordBatch]:
    """Yield the table, gate by gate; what the conditions looked at is read once for all of them."""
    rows = _union([act.rows for act in acts])
    if not len(rows):
        return
    columns = list(dict.fromkeys(column for named in used.values() for column in named))
    item = Column("items", "item_id", pa.string())
    values = read_columns(store, [item, *columns], rows)
    for act in acts:
        place = pa.array(np.searchsorted(rows, act.rows))
        for first in range(0, len(act.rows), BATCH_ROWS):
            part = slice(first, first + BATCH_ROWS)
            at = place[part]
            count = len(at)
            records = {
                "row": pa.array(act.rows[part]),
                "item_id": values[key_of(item)].take(at).cast(pa.string()),
                "gate": _same(act.gate.name, count),
                "outcome": _named(OUTCOMES, act.outcome[part]),
                "decided_by": _named(DECIDERS, act.decided_by[part]),
                "values": _looked_at(used[act.gate.name], values, at),
                "limit": _same(act.gate.where, count),
                "reason": _same(act.gate.words, count),
            }
            arrays = [records[field.name] for field in tables.GATES]
            yield pa.RecordBatch.from_arrays(arrays, schema=tables.GATES)


def _looked_at(columns: Sequence[Column], values: dict[str, pa.Array], at: pa.Array) -> pa.Array:
    """Return for each item a list of what it has in these columns."""
    count, width = len(at), len(columns)
    if not width:
        return pa.repeat(pa.scalar([], tables.GATES.field("values").type), count)
    order = np.arange(count * width).reshape(width, count).T.ravel()
    numbers, texts = [], []
    for column in columns:
        taken = values[key_of(column)].take(at)
        numbers.append(_number(taken) if is_number(column) else pa.nulls(count, pa.float64()))
        texts.append(pa.nulls(count, pa.string()) if is_number(column) else as_text(taken))
    names = np.tile([column.name for column in columns], count)
    index = pa.array(order)
    flat = pa.StructArray.from_arrays(
        [
            pa.array(names, pa.string()),
            pa.concat_arrays(numbers).take(index),
            pa.concat_arrays(texts).take(index),
        ],
        fields=list(tables.GATE_VALUE),
    )
    offsets = pa.array(np.arange(count + 1, dtype=np.int32) * width)
    return pa.ListArray.from_arrays(offsets, flat).cast(tables.GATES.field("values").type)


def _number(values: pa.Array) -> pa.Array:
    return (values.cast(pa.int8()) if pa.types.is_boolean(values.type) else values).cast(pa.float64())


def _same(text: str, count: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), [text]).cast(pa.string())


def _named(names: Sequence[str], places: Any) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(places), pa.array(names)).cast(pa.string())


def stored_gates(store: Store) -> list[GateSettings]:
    """Return the gates of the last run of the stage; none where it never ran."""
    last = Runs(store).last(STAGE)
    return [GateSettings.model_validate(gate) for gate in last["settings"]["gates"]] if last else []
