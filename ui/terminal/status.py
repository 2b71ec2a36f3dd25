"""What a store holds, read in one streaming pass: counts, failures with key and reason, stage runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from schema.catalogue import describe
from ui.flow import STAGES
from ui.terminal.summary import numbers_line
from ui.terminal.tables import cell, clean, seconds, table

if TYPE_CHECKING:
    from index.store import Store


@dataclass(frozen=True, slots=True)
class Failure:
    """One item that a stage could not handle."""

    row: int
    key: str
    stage: str
    reason: str


@dataclass(frozen=True, slots=True)
class Status:
    """Counts by name, failures by (stage, reason), the last run of each stage, reviewed values that nobody knows."""

    counts: dict[str, int]
    reasons: dict[tuple[str, str], int]
    runs: list[dict[str, Any]] = field(default_factory=list)
    unknown: str = ""


def read_status(store: Store) -> Status:
    """Return the state of a store; counts are pushed down, only failures are read."""
    from index.store.runs import Runs

    counts = {
        "items": store.count("items"),
        "pictures": store.count("items", "status = 'ok'"),
        "texts only": store.count("items", "status = 'text'"),
        "failed": store.count("items", "status = 'failed'"),
        "further copies": store.count("copies"),
        "labelled": store.count("labels"),
        "ambiguous": store.count("labels", "ambiguous") if store.has("labels") else 0,
        "in duplicate groups": store.count("groups"),
    }
    for name in store.tables():
        entry = describe(name)
        if entry is not None and entry.counted:
            counts.setdefault(entry.called(name), store.count(name))
    counts["decisions"], unknown = _decisions(store)
    reasons: Counter[tuple[str, str]] = Counter()
    for failure in failures(store):
        reasons[failure.stage, kind_of(failure.reason)] += 1
    last: dict[str, dict[str, Any]] = {}
    for run in Runs(store).all(settings=False):
        last[run["stage"]] = run
    return Status(counts, dict(reasons.most_common()), list(last.values()), unknown)


def _decisions(store: Store) -> tuple[int, str]:
    """Return how many decisions the log holds, and which values of them the last label run's vocabulary lacks."""
    from index.reviews.open import open_log

    log = open_log(store, readonly=True)
    try:
        reviews = list(log.scan())
    finally:
        log.close()
    if not reviews:
        return 0, ""
    from index.filters.values import Values
    from index.reviews.effective import effect_of
    from ui.terminal.reviews import unknown_text

    return len(reviews), unknown_text(effect_of(reviews, vocabulary=Values(store).vocabulary))


def failures(store: Store) -> Iterator[Failure]:
    """Yield every failure of every stage: those of ingest are items, the others stand in a table of their own."""
    for batch in store.scan("items", ["row", "keys", "uri", "reason"], "status = 'failed'"):
        for r in batch.to_pylist():
            yield Failure(r["row"], (r["keys"] or [r["uri"] or ""])[0], "ingest", r["reason"] or "")
    for batch in store.scan("failures"):
        for r in batch.to_pylist():
            yield Failure(r["row"], r["key"] or "", r["stage"], r["reason"])


def kind_of(reason: str) -> str:
    """Return a reason without the part that differs from file to file."""
    return reason.split(":", 1)[0].strip() or "no reason given"


def status_text(store: Store, limit: int = 50) -> str:
    """Return the status as plain text; at most ``limit`` failures are listed, and the rest is counted."""
    from index.store.expected import missing_rows

    status = read_status(store)
    parts = [f"store {clean(store.uri)}"]
    if lost := missing_rows(store):
        parts += [
            "DAMAGED, look closer with likeness check:",
            *(f"  {clean(damage.text)}" for damage in lost),
        ]
    parts += [
        table(["what", "count"], status.counts.items(), indent=2),
        "stages (times in UTC)",
        table(["stage", "finished", "took", "last run"], stage_rows(status), indent=2),
    ]
    if status.unknown:
        parts.append(status.unknown)
    if status.reasons:
        rows2 = [(stage, reason, count) for (stage, reason), count in status.reasons.items()]
        parts += ["failures by reason", table(["stage", "reason", "count"], rows2, indent=2)]
        listed = [(f.stage, f.key, f.reason) for _, f in zip(range(limit), failures(store), strict=False)]
        total = sum(status.reasons.values())
        more = f" (the first {limit} of {cell(total)}; --limit shows more)" if total > limit else ""
        parts += [f"failures{more}", table(["stage", "key", "reason"], listed, indent=2)]
    return "\n".join(parts)


def stage_rows(status: Status) -> list[tuple[str, str, str, str]]:
    """Return for each stage of the flow, in its order, when its last run ended, how long it took and what it did."""
    last = {run["stage"]: run for run in status.runs}
    rows = []
    for stage in STAGES:
        run = last.get(stage.name)
        if run is None:
            if stage.in_run and stage.command:
                rows.append((stage.name, "-", "-", "not run yet"))
            continue
        ended = str(run["finished"])[:19].replace("T", " ")
        rows.append((stage.name, ended, seconds(run["seconds"]), numbers_line(stage.name, run["counts"])))
    return rows
