"""The caption stage: captions of what has none yet, of what was asked for again, and flags for those that recur."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

import pyarrow as pa

from curate.captions import CAPTIONERS, Captioner, captioner_class
from curate.captions.base import caption_column
from index.filters import matching_rows
from index.stages.local_runner import Runner, run_local
from index.stages.rowwise import Outcome, RowOptions, RowRun
from index.store import Store
from index.store.merge import merge_rows
from index.store.runs import Runs
from schema.arrays import Rows
from schema.errors import SettingsError
from schema.records import Count, Summary
from schema.settings import Settings

STAGE = "caption"
RECURRING = "recurring"
INPUTS = ("items", "copies", "groups", "labels")


def run_caption(
    store: Store,
    settings: Settings,
    names: Sequence[str] = (),
    where: str | None = None,
    again: bool = False,
    runner: Runner = run_local,
) -> Summary:
    """Caption the items that have no caption yet; run again, it does only what is missing or no longer holds.

    ``names`` are entries of CAPTIONERS; without any those of ``caption.names``, and without these those that need no
    model. ``where`` leaves the other items for later; with ``again`` what it matches is written anew. Captions of
    labels and tags are written again when these changed. What a reviewer wrote stands beside the tables and stays.
    Raises SettingsError for a captioner that does not exist, FilterError for a bad ``where``.
    """
    if again and not where:
        raise SettingsError("--again needs --where", "Say which captions are to be written again.")
    chosen = list(dict.fromkeys(names or settings.caption.names or without_model()))
    # One after the other: a hybrid reads the sentences that another one wrote in this run.
    classes = sorted(
        (captioner_class(name) for name in chosen), key=lambda each: bool(each(settings).sentence)
    )
    only = matching_rows(store, where) if where else None
    total: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    notes: list[str] = []
    captioners = [each(settings) for each in classes]
    keys = {each.name: each.bound(store).key for each in captioners}
    record = {"captioners": keys, "where": where or ""}
    options = settings.caption
    runs = Runs(store)
    if not where and not options.retry_failed and runs.up_to_date(STAGE, record, INPUTS):
        return Summary(STAGE, notes=("up to date",), skipped=True)
    with runs.start(STAGE, record, INPUTS) as run:
        for each in captioners:
            captioner = each.bound(store)
            # What it is bound to now that it runs: a hybrid's sentences may have been written just before.
            keys[captioner.name] = captioner.key
            if again and only is not None:
                _forget(store, captioner, only)
            rows = RowOptions(options.workers, options.commit_rows, options.retry_failed, only, "caption")
            outcome = RowRun(store, settings, [captioner], rows, runner).run()[0]
            _add(total, outcome)
            reasons.update(outcome.reasons)
            notes += [f"{captioner.name}: {note}" for note in (*outcome.notes, *captioner.finish(store))]
            if captioner.flags_recurring and (
                recurring := flag_recurring(store, captioner, options.recurring)
            ):
                notes.append(
                    f"{captioner.name}: {recurring} captions recur for {options.recurring} pictures or more"
                )
            run.outputs.append(captioner.table)
            run.facts[captioner.name] = outcome.facts
        run.counts.update(total)
    counts: dict[str, Count] = dict(run.counts)
    return Summary(STAGE, counts, tuple(notes), dict(reasons.most_common()), run.seconds)


def without_model() -> list[str]:
    """Return the captioners that need neither a model nor an endpoint."""
    return [name for name in CAPTIONERS if not captioner_class(name).needs_model]


def _add(total: Counter[str], outcome: Outcome) -> None:
    total["captioned"] += outcome.done + outcome.recovered
    total["already"] += outcome.already
    total["failed"] += outcome.failed


def _forget(store: Store, captioner: Captioner, rows: Rows) -> None:
    """Delete captions, and failures, of some rows, so that they are missing."""
    label = captioner.label
    for start in range(0, len(rows), 1000):
        numbers = ", ".join(map(str, rows[start : start + 1000].tolist()))
        if store.has(captioner.table):
            store.delete(captioner.table, f"row IN ({numbers})")
        store.delete("failures", f"stage = '{label}' AND row IN ({numbers})")


def flag_recurring(store: Store, captioner: Captioner, least: int) -> int:
    """Flag the captions that ``least`` pictures or more share to the letter; return how many captions these are.

    A model that fails says the same of every picture. Memory holds 16 bytes for each distinct caption.
    """
    column = caption_column(captioner.name)
    flags = f"{column}_flags"
    counts: Counter[bytes] = Counter()
    for batch in store.scan(captioner.table, [column]):
        counts.update(_digest(text) for text in batch.column(0).to_pylist())
    common = {digest for digest, count in counts.items() if count >= least}
    changed: list[pa.Table] = []
    number = 0
    for batch in store.scan(captioner.table):
        table = pa.Table.from_batches([batch])
        recurs = [_digest(text) in common for text in table.column(column).to_pylist()]
        number += sum(recurs)
        old = [list(given or ()) for given in table.column(flags).to_pylist()]
        new = [
            [*(flag for flag in given if flag != RECURRING), *([RECURRING] if is_common else [])]
            for given, is_common in zip(old, recurs, strict=True)
        ]
        differing = [given != kept for given, kept in zip(old, new, strict=True)]
        if any(differing):
            place = table.schema.get_field_index(flags)
            field = table.schema.field(place)
            changed.append(
                table.set_column(place, field, pa.array(new, field.type)).filter(pa.array(differing))
            )
    if changed:
        rows = pa.concat_tables(changed).cast(captioner.schema())
        store.replace(captioner.table, merge_rows(store.scan(captioner.table), rows), captioner.schema())
    return number


def _digest(text: str | None) -> bytes:
    return hashlib.blake2b((text or "").encode(), digest_size=16).digest()
