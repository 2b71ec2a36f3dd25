"""The stage of the selection: candidates ranked, budgets filled, splits drawn; the table says why for every item."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from curate.columns import NO_CLASS, as_classes, as_numbers, key_of, read_columns
from curate.gates.stage import run_gates
from curate.select import candidates
from curate.select.candidates import Reasons, flags_of, reasons_of
from curate.select.quotas import quotas, read_popularity
from curate.select.rank import Rank, parse_rank, scores
from curate.select.report import cost_by_class, funnel_grid, shortfall_grid, split_grid
from curate.select.splits import SMALL, SPLITS, TRAIN, drawn, item_hashes, split_units, units
from index.filters.columns import Columns
from index.filters.language import conditions_of, parse_filter
from index.reviews.effective import effective_reviews
from index.store import Store
from index.store.runs import Runs
from schema import tables
from schema.arrays import Bools, Floats64, Hashes, Ints, Ints8, Ints32
from schema.errors import SettingsError
from schema.ids import settings_hash
from schema.records import Count, Summary
from schema.settings import Settings

STAGE = "select"
TABLE = "selection"
BATCH_ROWS = 65_536


@dataclass(slots=True)
class Chosen:
    """What became of n items: reasons, rank (0: no candidate), score, class, whether selected, split."""

    reasons: Reasons
    rank: Ints
    score: Floats64
    classes: Ints32
    names: list[str]
    selected: Bools
    split: Ints8


def run_select(store: Store, settings: Settings) -> Summary:
    """Choose the data set: what passes the gates, ranked, within budgets, split; writes the table ``selection``.

    The gates are asked first where they are not up to date. Raises SettingsError or FilterError for a rank, a column
    or a filter that is not valid.
    """
    gated = run_gates(store, settings)
    rank = parse_rank(settings.select.rank) if settings.select.rank else None
    columns = Columns(store)
    inputs = inputs_of(store, settings, columns, rank)
    record = _record(store, settings)
    runs = Runs(store)
    last = runs.last(STAGE)
    if last is not None and runs.up_to_date(STAGE, record, inputs):
        return Summary(STAGE, last["counts"], tables=report(last["facts"]), skipped=True)
    with runs.start(STAGE, record, inputs) as run:
        chosen, facts, notes = choose(store, settings, columns, rank)
        store.replace(TABLE, _records(store, chosen), tables.SELECTION)
        run.outputs.append(TABLE)
        run.facts |= facts
        run.counts["selected"] = int(chosen.selected.sum())
        run.counts["candidates"] = int((chosen.rank > 0).sum())
        run.counts["items"] = len(chosen.rank)
        run.counts["protected"] = chosen.reasons.counts().get(candidates.PROTECTED, 0)
        for split, number in facts["splits"].items():
            run.counts[split] = number
    counts: dict[str, Count] = dict(run.counts)
    notes = [*gated.warnings, *notes]
    return Summary(STAGE, counts, seconds=run.seconds, tables=report(run.facts), warnings=tuple(notes))


def report(facts: dict[str, Any]) -> tuple[Any, ...]:
    """Return the tables that the command prints: the funnel, the splits, what classes lack."""
    grids = (funnel_grid(facts["funnel"]), split_grid(facts), shortfall_grid(facts))
    return tuple(grid for grid in grids if grid is not None)


def inputs_of(store: Store, settings: Settings, columns: Columns, rank: Rank | None) -> list[str]:
    """Return the tables that a selection with these settings reads."""
    used = {"items", "gates", *(name for name in ("copies", "groups", "labels") if store.has(name))}
    named = [*(rank.columns if rank else ()), *([settings.select.by] if settings.select.by else [])]
    if settings.select.where:
        named += [condition.column for condition in conditions_of(parse_filter(settings.select.where))]
    if store.has("items"):
        used |= {columns.find(name).table for name in named}
    if settings.select.order != "rank":
        used.add(f"neighbours_{store.encoder_key()}")
    if TABLE in used:
        raise SettingsError(
            "a selection cannot go by the selection before it", "Name columns of other tables."
        )
    return sorted(used)


def _record(store: Store, settings: Settings) -> dict[str, Any]:
    """Return what a selection depends on besides tables: settings, the popularity file, ages that reviewers gave."""
    said = effective_reviews(store).labels
    ages = sorted(
        (row, *label.values, label.exact, label.reviewer)
        for (row, name), label in said.items()
        if name == "age"
    )
    popularity = settings.select.popularity
    return {
        "select": settings.select.model_dump(mode="json"),
        "gates": [gate.model_dump(mode="json") for gate in settings.gate],
        "splits": [settings.export.val, settings.export.test, settings.export.seed],
        "administrators": list(settings.review.administrators),
        "ages": settings_hash({"ages": ages}),
        "popularity": settings_hash(read_popularity(popularity)) if popularity else "",
    }


def choose(
    store: Store, settings: Settings, columns: Columns, rank: Rank | None
) -> tuple[Chosen, dict[str, Any], list[str]]:
    """Return what is selected, the facts of the run, and sentences on what should be known."""
    options, n = settings.select, store.n_items()
    reasons = reasons_of(store, settings)
    rows = np.arange(n)
    classes, names = np.full(n, NO_CLASS, np.int32), list[str]()
    notes: list[str] = []
    if options.by and n:
        column = columns.find(options.by)
        classes, names = as_classes(read_columns(store, [column], rows)[key_of(column)])
        unknown = reasons.open & (classes == NO_CLASS)
        if options.unknown == "drop":
            reasons.give(candidates.NO_CLASS, classes == NO_CLASS)
        elif unknown.any():
            notes.append(
                f"{int(unknown.sum()):,} candidates have no {options.by}: they are a class of their own"
            )
    hashes = item_hashes(store)
    score = _scores(store, columns, rank, reasons.open)
    if rank is not None:
        unranked = int((reasons.open & np.isnan(score)).sum())
        if options.unranked == "drop":
            reasons.give(candidates.NO_RANK, np.isnan(score))
        elif unranked:
            notes.append(f"{unranked:,} candidates have no rank, for want of a value, and come last")
    candidate = np.flatnonzero(reasons.open)
    order = _order(store, settings, candidate, score, hashes)
    place = np.zeros(n, np.int64)
    place[order] = np.arange(1, len(order) + 1)
    selected, facts = _within_budgets(settings, order, classes, names, n, notes)
    over = np.zeros(n, bool)
    over[candidate] = ~selected[candidate]
    reasons.give(candidates.OVER_TOP if options.budget == "none" else candidates.OVER_CLASS, over)
    split = _splits(store, settings, selected, classes, hashes)
    facts |= {
        "funnel": _funnel(reasons, n),
        "splits": {name: int((selected & (split == code)).sum()) for code, name in enumerate(SPLITS)},
        "asked": {"val": settings.export.val, "test": settings.export.test},
        "cost": cost_by_class(reasons, classes, names),
        "by": options.by,
    }
    facts["furthest"] = _furthest(settings, selected, classes, split, names)
    return Chosen(reasons, place, score, classes, names, selected, split), facts, notes


def _scores(store: Store, columns: Columns, rank: Rank | None, among: Bools) -> Floats64:
    """Return the rank's value for each item, NaN where it is not known; percentiles are those of ``among``."""
    score = np.full(len(among), np.nan)
    rows = np.flatnonzero(among)
    if rank is None or not len(rows):
        return score
    found = {name: columns.find(name) for name in rank.columns}
    if not found:
        raise SettingsError("select.rank names no column", "Such as: percentile(source_score)")
    read = read_columns(store, list(found.values()), rows)
    values = {name: as_numbers(column, read[key_of(column)]) for name, column in found.items()}
    score[rows] = scores(rank, values)
    return score


def _order(store: Store, settings: Settings, candidate: Ints, score: Floats64, hashes: Hashes) -> Ints:
    """Return the candidates, best first; equal ones in an order drawn by their content and the seed."""
    options = settings.select
    mine = np.where(np.isnan(score[candidate]), -np.inf, score[candidate])
    best = np.lexsort((drawn(hashes[candidate], options.seed), -mine))
    if options.order != "rank" and len(candidate):
        from curate.select.subsets import diverse_order, links_among, typical_order

        links = links_among(store.graph(store.encoder_key()), candidate)
        if options.order == "diverse":
            best = diverse_order(links, best)
        else:
            best = typical_order(links, best, options.top or len(candidate))
    found: Ints = candidate[best]
    return found


def _within_budgets(
    settings: Settings, order: Ints, classes: Ints32, names: Sequence[str], n: int, notes: list[str]
) -> tuple[Bools, dict[str, Any]]:
    """Return what of the ordered candidates is selected, bool [n], and the facts about classes."""
    options = settings.select
    selected = np.zeros(n, bool)
    if options.budget == "none":
        selected[order[: options.top or len(order)]] = True
        return selected, {}
    # The class of items without a value is the last one.
    codes = np.where(classes == NO_CLASS, len(names), classes)[order].astype(np.int64)
    available = np.bincount(codes, minlength=len(names) + 1)
    present = available > 0
    popularity = available.astype(np.float64)
    if options.popularity:
        known = read_popularity(options.popularity)
        popularity = np.array([known.get(name, 0.0) for name in (*names, "")])
        missing = int((present & (popularity == 0)).sum())
        if missing:
            notes.append(
                f"{missing:,} classes have no popularity in {options.popularity}: only a floor gives them items"
            )
    shared = quotas(options, available[present], popularity[present])
    granted = np.zeros(len(present), np.int64)
    granted[present] = shared.granted
    by_class = np.argsort(codes, kind="stable")
    starts = np.cumsum(available) - available
    position = np.arange(len(order)) - starts[codes[by_class]]
    selected[order[by_class[position < granted[codes[by_class]]]]] = True
    lacking = shared.shortfalls(available[present])
    worst = np.argsort(-lacking, kind="stable")
    listed = [(*names, "(no value)")[code] for code in np.flatnonzero(present).tolist()]
    facts = {
        "classes": int(present.sum()),
        "short": int((lacking > 0).sum()),
        "lacking": int(lacking.sum()),
        "shortfalls": [
            [listed[at], int(shared.wanted[at]), int(available[present][at])]
            for at in worst[:200].tolist()
            if lacking[at] > 0
        ],
    }
    return selected, facts


def _splits(store: Store, settings: Settings, selected: Bools, classes: Ints32, hashes: Hashes) -> Ints8:
    """Return the split of every item as a place in SPLITS; of those that are not selected it means nothing."""
    found = np.full(len(selected), SPLITS.index(TRAIN), np.int8)
    rows = np.flatnonzero(selected)
    if not len(rows):
        return found
    oldest = units(store)[rows]
    unit, first, of_row, sizes = np.unique(oldest, return_index=True, return_inverse=True, return_counts=True)
    share = drawn(hashes[unit], settings.export.seed)
    options = settings.export
    codes = (classes[rows[first]] + 1).astype(np.int64)
    split = split_units(share, sizes, codes, options.val, options.test)
    found[rows] = split[of_row]
    return found


def _funnel(reasons: Reasons, n: int) -> list[list[Any]]:
    """Return [reason, items it takes out, items left behind it], beginning with all items."""
    left = n
    lines: list[list[Any]] = [["all items", 0, n]]
    for name, count in reasons.counts().items():
        left -= count
        lines.append([name, count, left])
    return lines


def _furthest(
    settings: Settings, selected: Bools, classes: Ints32, split: Ints8, names: Sequence[str]
) -> list[Any]:
    """Return the class of SMALL items or more whose share of a split is furthest from the one asked, and how far."""
    codes = (classes[selected] + 1).astype(np.int64)
    total = np.bincount(codes, minlength=len(names) + 1)
    large = total >= SMALL
    if not large.any():
        return []
    worst: list[Any] = ["", "", 0.0]
    for name, asked in (("val", settings.export.val), ("test", settings.export.test)):
        got = np.bincount(codes[split[selected] == SPLITS.index(name)], minlength=len(total))
        apart = np.where(large, np.abs(got / np.maximum(total, 1) - asked), 0)
        at = int(apart.argmax())
        if apart[at] > worst[2]:
            worst = [("(no value)", *names)[at], name, float(apart[at])]
    return worst


def _records(store: Store, chosen: Chosen) -> Iterator[pa.RecordBatch]:
    reasons = pa.array(chosen.reasons.names, pa.string())
    names = pa.array(chosen.names, pa.string())
    splits = pa.array(SPLITS, pa.string())
    flags = flags_of(store)
    flagged, gates = flags.column("row").to_numpy(), flags.column("gate").combine_chunks()
    by_row = np.argsort(flagged, kind="stable")
    flagged = flagged[by_row]
    for batch in store.scan("items", ["row", "item_id"], batch_rows=BATCH_ROWS):
        rows = batch.column(0).to_numpy()
        selected, rank, score = chosen.selected[rows], chosen.rank[rows], chosen.score[rows]
        low, high = np.searchsorted(flagged, rows[0]), np.searchsorted(flagged, rows[-1], side="right")
        counts = np.bincount(flagged[low:high] - rows[0], minlength=len(rows))[: len(rows)]
        offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))
        arrays = [
            batch.column(0),
            batch.column(1),
            pa.array(selected),
            _coded(chosen.reasons.code[rows], reasons),
            pa.array(rank, mask=rank == 0),
            pa.array(score, mask=np.isnan(score)),
            _coded(chosen.classes[rows], names),
            _coded(np.where(selected, chosen.split[rows], -1), splits),
            pa.ListArray.from_arrays(offsets, gates.take(pa.array(by_row[low:high]))),
        ]
        yield pa.RecordBatch.from_arrays(arrays, schema=tables.SELECTION)


def _coded(codes: Any, names: pa.Array) -> pa.Array:
    """Return texts for places in a list of names, null for -1."""
    if not len(names):
        return pa.nulls(len(codes), pa.string())
    places = pa.array(np.maximum(codes, 0).astype(np.int32), mask=codes < 0)
    return pa.DictionaryArray.from_arrays(places, names).cast(pa.string())
