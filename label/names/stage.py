"""The stage ``names``: which character and work each item shows, by what is stated and by likeness, or nobody known."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from index.reviews.effective import effective_reviews
from index.stages.progress import progress
from index.store import Store
from index.store.encoder_key import known_encoder_key
from index.store.runs import Runs
from label.data.leakage import Links, leakage_groups
from label.data.load import copy_links, group_links
from label.data.task import assign_folds
from label.names.confidence import Wanted
from label.names.learning import FOLDS, LEAST_PICTURES, NamedPictures, NameModel, learn_names
from label.names.stated import StatedNames, read_stated
from label.names.unknown import same_character_ratio, unknown_groups
from schema import tables
from schema.arrays import Bools, Floats16, Floats32, Floats64, Ints, Rows
from schema.columns.names import CHARACTER, DOUBTFUL, MODEL
from schema.records import Summary
from schema.sections.names import NamesSettings
from schema.settings import Settings

METHOD = 1
"""Counts up when the same inputs get other names."""
CHUNK = 1 << 16


def run_names(store: Store, settings: Settings) -> Summary:
    """Write the table of names: what is stated, what is inferred for items without a name, which stated names are
    doubtful, and groups of look-alikes whom nobody has named."""
    started = time.monotonic()
    key = known_encoder_key(store)
    reviews = effective_reviews(store)
    recorded: dict[str, Any] = {
        "method": METHOD,
        "names": settings.names.model_dump(),
        "reviews": reviews.position,
    }
    inputs = ["items", "copies", "groups", "labels"]
    inputs += [f"vectors_{key}", f"neighbours_{key}"] if key else []
    runs = Runs(store)
    if runs.up_to_date("names", recorded, inputs):
        return Summary("names", notes=("the names are up to date",), skipped=True)
    with runs.start("names", recorded, inputs) as run:
        read = read_stated(store, settings, reviews)
        learnable = any(len(each.single()[0]) >= LEAST_PICTURES for each in read.values())
        items = _Items.load(store, key, settings, with_vectors=learnable)
        counts: dict[str, int] = {"items": len(items.rows)}
        notes: list[str] = []
        columns: dict[str, pa.Array] = {}
        facts: dict[str, Any] = {}
        for attribute, stated in read.items():
            with progress(1, f"names: {attribute}", unit="attribute") as bar:
                found = _name(attribute, stated, items, settings)
                bar.add(1)
            columns |= found.columns(attribute)
            counts |= found.counts(attribute)
            notes += found.notes(attribute)
            facts[attribute] = found.facts()
        batch = pa.RecordBatch.from_arrays(
            [
                pa.array(items.rows),
                pa.array(items.item_ids),
                *(columns[name] for name in tables.NAMES.names[2:]),
            ],
            schema=tables.NAMES,
        )
        store.replace("names", [batch], tables.NAMES)
        run.outputs.append("names")
        run.counts.update(counts)
        run.facts["names"] = facts
        run.facts["reviews"] = reviews.position
    return Summary("names", dict(counts), tuple(notes), seconds=time.monotonic() - started)


@dataclass(frozen=True, slots=True)
class _Items:
    """The items of a store: row numbers [n], ids, which show several characters, their folds; their vectors, and the
    mean of these, ``centre`` [d]."""

    rows: Rows
    item_ids: list[str]
    several: Bools
    folds: Ints
    vector_rows: Rows
    vectors: Floats16
    centre: Floats32
    store: Store
    key: str | None

    @classmethod
    def load(cls, store: Store, key: str | None, settings: Settings, with_vectors: bool) -> _Items:
        """Read the items; vectors and folds are only read where names can be learned from them."""
        item_ids: list[str] = []
        for batch in store.items(["row", "item_id"]):
            item_ids += batch.column("item_id").to_pylist()
        n = len(item_ids)
        rows = np.arange(n)
        links: list[Links] = group_links(store)[:1] if with_vectors and store.has("groups") else []
        vector_rows, vectors = np.empty(0, np.int64), np.empty((0, 1), np.float16)
        if with_vectors and key and store.has(f"vectors_{key}"):
            stored = store.vectors(key)
            vector_rows, vectors = stored.rows, stored.data
            if store.has(f"neighbours_{key}"):
                links.append(copy_links(store, key))
        several = np.zeros(n, bool)
        if store.has("labels"):
            for batch in store.scan("labels", ["row", "ambiguous"]):
                flagged = batch["ambiguous"].fill_null(False).to_numpy(zero_copy_only=False)
                several[batch["row"].to_numpy()[flagged]] = True
        folds = assign_folds(rows, leakage_groups(n, links), FOLDS, settings.names.seed)
        return cls(rows, item_ids, several, folds, vector_rows, vectors, _mean(vectors), store, key)

    def with_vector(self, rows: Rows) -> tuple[Bools, Ints]:
        """Return which of these rows have a vector, and where those lie among the vectors."""
        if not len(self.vector_rows):
            return np.zeros(len(rows), bool), np.empty(0, np.int64)
        place = np.minimum(np.searchsorted(self.vector_rows, rows), len(self.vector_rows) - 1)
        there = self.vector_rows[place] == rows
        return there, place[there]


def _mean(vectors: Floats16) -> Floats32:
    """Return the mean of vectors [n, d], float32 [d], in parts: all of them as float32 would be twice the memory."""
    sums = np.zeros(vectors.shape[1], np.float64)
    for start in range(0, len(vectors), CHUNK):
        sums += vectors[start : start + CHUNK].astype(np.float32).sum(axis=0)
    return (sums / max(len(vectors), 1)).astype(np.float32)


@dataclass(slots=True)
class _Names:
    """The names of one attribute for n items: numbers of names by place, how sure, who says so, and what is doubted."""

    stated: StatedNames
    n: int
    inferred: dict[int, int]
    confidence: npt.NDArray[np.float32]
    doubt: npt.NDArray[np.float32]
    suggested: Ints
    unknown: list[str | None]
    model: NameModel | None
    reason: str = ""

    def columns(self, attribute: str) -> dict[str, pa.Array]:
        """Return the columns of the table, by name."""
        shown = self.stated.names
        values: list[list[str] | None] = [None] * self.n
        sources: list[str | None] = [None] * self.n
        for row, numbers in self.stated.by_row.items():
            values[row] = [shown[number] for number in numbers]
            sources[row] = self.stated.source[row]
        for row, number in self.inferred.items():
            values[row], sources[row] = [shown[number]], MODEL
        found = {
            attribute: pa.array(values, pa.list_(pa.string())),
            f"{attribute}_confidence": pa.array(
                self.confidence, pa.float32(), mask=np.isnan(self.confidence)
            ),
            f"{attribute}_source": pa.array(sources, pa.string()),
            f"{attribute}_doubt": pa.array(self.doubt, pa.float32(), mask=np.isnan(self.doubt)),
            f"{attribute}_suggested": pa.array(
                [shown[number] if number >= 0 else None for number in self.suggested.tolist()], pa.string()
            ),
        }
        if attribute == CHARACTER:
            found["unknown_character"] = pa.array(self.unknown, pa.string())
        return found

    def counts(self, attribute: str) -> dict[str, int]:
        """Return the counts of the summary."""
        named = {number for numbers in self.stated.by_row.values() for number in numbers}
        found = {
            f"{attribute}: names": len(named),
            f"{attribute}: stated": len(self.stated.by_row),
            f"{attribute}: inferred": len(self.inferred),
            f"{attribute}: doubtful": int((np.nan_to_num(self.doubt) >= DOUBTFUL).sum()),
        }
        if attribute == CHARACTER:
            found["unknown characters"] = len({each for each in self.unknown if each})
        return found

    def notes(self, attribute: str) -> list[str]:
        """Return what the user should know."""
        if self.model is None:
            return [f"{attribute}: nothing is inferred: {self.reason}"]
        held_out = self.model.held_out
        notes = []
        if np.isfinite(held_out.precision):
            notes.append(
                f"{attribute}: of held-out pictures of known names {held_out.coverage:.0%} get a name, "
                f"{held_out.precision:.1%} of those rightly"
            )
        else:
            notes.append(f"{attribute}: no threshold reaches the precision asked; nothing is inferred")
        notes.append(f"{attribute}: about {self.model.stated.wrong_share:.0%} of stated names look wrong")
        return notes

    def facts(self) -> dict[str, Any]:
        """Return what the run records of how well it does."""
        if self.model is None:
            return {"reason": self.reason}
        held_out = self.model.held_out
        return {
            "held_out_precision": held_out.precision,
            "held_out_coverage": held_out.coverage,
            "held_out_strangers_named": held_out.strangers_named,
            "wrong_share": self.model.stated.wrong_share,
            "thresholds": [
                {"at": each.at, "hits": each.hits, "total": each.total, "reason": each.reason}
                for each in self.model.confidence.thresholds
            ],
        }


def _name(attribute: str, stated: StatedNames, items: _Items, settings: Settings) -> _Names:
    """Learn one attribute from what is stated, and name the items that show a single character and have no name."""
    n, wanted = len(items.rows), settings.names
    missing = np.full(n, np.nan, np.float32)
    found = _Names(stated, n, {}, missing, missing.copy(), np.full(n, -1, np.int64), [None] * n, None)
    for row in stated.by_row:
        found.confidence[row] = 1.0
    rows, names = stated.single()
    keep = ~items.several[rows]
    rows, names = rows[keep], names[keep]
    found.reason = (
        f"{len(rows)} pictures of a single character have a name, "
        f"of {len(np.unique(names))} names; more are needed"
    )
    there, places = items.with_vector(rows)
    rows, names = rows[there], names[there]
    pictures = NamedPictures(items.vectors[places], names, items.folds[rows], len(stated.names))
    found.model = model = learn_names(pictures, items.centre, _wanted(wanted), wanted.seed)
    if model is None:
        return found
    found.doubt[rows] = model.stated.wrong
    doubted = model.stated.wrong >= DOUBTFUL
    found.suggested[rows[doubted]] = model.stated.other[doubted]
    found.confidence[rows] = np.where(np.isnan(model.stated.wrong), 1.0, 1 - model.stated.wrong)
    for row in rows[[stated.source[row] == "review" for row in rows.tolist()]].tolist():
        found.confidence[row], found.doubt[row], found.suggested[row] = 1.0, np.nan, -1
    nameless = np.ones(n, bool)
    nameless[list(stated.by_row)] = False
    nameless[list(stated.closed)] = False
    nameless &= ~items.several
    _infer(found, model, items, np.flatnonzero(nameless))
    if attribute == CHARACTER:
        _group_unknown(found, model, items, rows, names, nameless)
    return found


def _wanted(settings: NamesSettings) -> Wanted:
    return Wanted(settings.precision, settings.confidence, settings.strangers, settings.stranger_rate)


def _infer(found: _Names, model: NameModel, items: _Items, rows: Rows) -> None:
    """Name the items at ``rows`` that are likely enough to show somebody known."""
    matcher = model.matcher()
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        there, places = items.with_vector(part)
        part = part[there]
        if not len(part):
            continue
        match = matcher.match(model.space.coordinates(items.vectors[places]))
        likely: Floats64 = model.confidence.probabilities(match.features())
        accepted = model.confidence.accepted(likely, match.count)
        for place in np.flatnonzero(accepted).tolist():
            row, name = int(part[place]), int(match.best[place])
            if name not in found.stated.rejected.get(row, ()):
                found.inferred[row] = name
                found.confidence[row] = likely[place]


def _group_unknown(
    found: _Names, model: NameModel, items: _Items, named: Rows, names: Ints, nameless: Bools
) -> None:
    """Group the items without a name that show one character."""
    table = f"neighbours_{items.key}"
    if items.key is None or not items.store.has(table):
        return
    graph = items.store.graph(items.key)
    left = nameless.copy()
    left[list(found.inferred)] = False
    rows = np.flatnonzero(left)
    there, places = items.with_vector(rows)
    rows = rows[there]
    believed = ~(model.stated.wrong >= DOUBTFUL)
    _, own = items.with_vector(named[believed])
    known = model.space.coordinates(items.vectors[own])
    least = same_character_ratio(graph, model.space, named[believed], known, names[believed])
    groups = unknown_groups(graph, model.space, rows, model.space.coordinates(items.vectors[places]), least)
    for row, group in zip(rows.tolist(), groups.tolist(), strict=True):
        if group >= 0:
            found.unknown[row] = f"unknown {items.item_ids[group][:12]}"
