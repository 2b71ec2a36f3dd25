"""What came into a store and what did not, and why: the first part of the report."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from ui.terminal.status import failures, kind_of
from ui.terminal.summary import Funnel, funnel

if TYPE_CHECKING:
    from index.store import Store

EXAMPLES = 3
SIDES = (256, 512, 768, 1024, 1536, 2048)
TAGS = (0, 5, 10, 20)


@dataclass(frozen=True, slots=True)
class Source:
    """One place that was read: what it lists, and what became of that."""

    path: str
    kind: str
    listed: int
    pictures: int = 0
    texts: int = 0
    copies: int = 0
    refused: int = 0
    withdrawn: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why files were refused or a stage failed: how many, and the names of some."""

    stage: str
    reason: str
    count: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What came in: the funnel, the sources, the refusals, what readers noted, and how the pictures are made up."""

    funnel: Funnel
    sources: tuple[Source, ...]
    refusals: tuple[Refusal, ...]
    notes: tuple[str, ...]
    formats: dict[str, int] = field(default_factory=dict)
    sides: dict[str, int] = field(default_factory=dict)
    tags: dict[str, int] = field(default_factory=dict)


def arrivals(store: Store) -> Arrivals:
    """Return what came in, counted in one pass over the items."""
    statuses: dict[int, Counter[str]] = {}
    formats: Counter[str] = Counter()
    sides, tags = np.zeros(len(SIDES) + 1, np.int64), np.zeros(len(TAGS) + 1, np.int64)
    for batch in store.scan("items", ["source", "status", "format", "width", "height", "tags"]):
        for source, status in zip(batch["source"].to_pylist(), batch["status"].to_pylist(), strict=True):
            statuses.setdefault(source, Counter())[status] += 1
        pictures = np.array([status == "ok" for status in batch["status"].to_pylist()], bool)
        formats.update(name for name in batch.filter(pictures)["format"].to_pylist() if name)
        short = np.minimum(*(_numbers(batch[name])[pictures] for name in ("width", "height")))
        sides += np.bincount(np.searchsorted(SIDES, short, side="right"), minlength=len(sides))
        lengths = _numbers(batch["tags"].value_lengths())[pictures]
        tags += np.bincount(np.searchsorted(TAGS, lengths, side="left"), minlength=len(tags))
    copies: Counter[int] = Counter()
    for batch in store.scan("copies", ["source"]) if store.has("copies") else ():
        copies.update(batch["source"].to_pylist())
    return Arrivals(
        funnel(store),
        tuple(_sources(store, statuses, copies)),
        tuple(_refusals(store)),
        tuple(_notes(store)),
        dict(formats.most_common()),
        dict(zip(_ranges(SIDES, "px"), sides.tolist(), strict=True)),
        dict(zip(("none", "1-5", "6-10", "11-20", "more than 20"), tags.tolist(), strict=True)),
    )


def _numbers(column: Any) -> Any:
    return column.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)


def _ranges(edges: tuple[int, ...], unit: str) -> list[str]:
    middle = [f"{low}-{high - 1} {unit}" for low, high in pairwise(edges)]
    return [f"below {edges[0]} {unit}", *middle, f"{edges[-1]} {unit} and more"]


def _sources(store: Store, statuses: dict[int, Counter[str]], copies: Counter[int]) -> list[Source]:
    if not store.has("sources"):
        return []
    found = []
    for record in store.read("sources").to_pylist():
        counts = statuses.get(record["source"], Counter())
        known = counts["ok"] + counts["text"] + counts["failed"]
        found.append(
            Source(
                record["path"],
                record["kind"],
                record["listed"],
                counts["ok"],
                counts["text"],
                copies[record["source"]],
                counts["failed"],
                counts.total() - known,
            )
        )
    return found


def _refusals(store: Store) -> list[Refusal]:
    counts: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], list[str]] = {}
    for failure in failures(store):
        kind = failure.stage, kind_of(failure.reason)
        counts[kind] += 1
        if len(examples.setdefault(kind, [])) < EXAMPLES:
            examples[kind].append(failure.key)
    return [Refusal(*kind, count, tuple(examples[kind])) for kind, count in counts.most_common()]


def _notes(store: Store) -> list[str]:
    """Return what ingest runs noted of their sources, such as files that no reader claims; the last word of each."""
    from index.store.runs import Runs

    notes: dict[str, None] = {}
    for run in Runs(store).all(settings=False):
        if run["stage"] == "ingest":
            notes |= dict.fromkeys(run["facts"].get("notes", ()))
    return list(notes)
