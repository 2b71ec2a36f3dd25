"""Searching: by pictures and a text through the store's encoder, and by filters made from boxes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from schema.arrays import Floats32, Rows
from schema.errors import FilterError, StoreError
from schema.numbers.hashing import mix64
from schema.tags.parsing import parse_tags
from ui.review.workspace import Workspace

if TYPE_CHECKING:
    from curate.protected import ProtectedGate

SIMILAR = 240
"""Items that a search by picture or text shows; four pages, past which nobody looks."""
KINDS = {"all": "", "kept": "keep = true", "duplicates": "keep = false", "several characters": "ambiguous"}
UNKNOWN = "(unknown)"
LEAST_PROBABILITY = 0.3
"""Below this probability the likeliest value of an attribute that is left unknown is not worth showing."""


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """What is searched for: pictures' bytes and a text, what it should not be, and a filter; any of it, or nothing.

    ``sample`` draws so many of what the filter matches, the same ones for the same ``seed``. ``everything`` looks at
    texts and refused files, too, where there is nothing but a filter.
    """

    images: tuple[bytes, ...] = ()
    text: str = ""
    where: str = ""
    excluded: tuple[bytes | str, ...] = ()
    sample: int = 0
    seed: int = 0
    everything: bool = False

    @property
    def queries(self) -> tuple[bytes | str, ...]:
        """Pictures and text together."""
        return (*self.images, *([self.text] if self.text else []))


@dataclass(frozen=True, slots=True)
class Hits:
    """Rows found; closest first with their similarity when ``ranked``, else ascending."""

    rows: Rows
    similarity: dict[int, float] = field(default_factory=dict)
    ranked: bool = False
    vector: Floats32 | None = None

    def notes(self) -> dict[int, str]:
        """Return what stands beside an item: its similarity."""
        return {row: f"{value:.3f}" for row, value in self.similarity.items()}


def search(workspace: Workspace, request: SearchRequest, count: int = SIMILAR) -> Hits:
    """Return the items that match, by similarity to the pictures and the text when any are given.

    Raises FilterError for a bad condition, EncoderError when a picture cannot be read or the store's encoder is not
    here.
    """
    if not request.queries:
        if request.excluded:
            raise FilterError(
                "there is nothing to search for but what it should not be", "Name a picture or a text."
            )
        return Hits(_matching(workspace, request))
    from embed.vectors.query import joint_vector
    from index.neighbours.search import search as nearest

    store = workspace.store
    vector = joint_vector(store, workspace.settings, request.queries, request.excluded)
    rows, similarity = nearest(store, store.encoder_key(), vector, count, request.where or None)
    pairs = zip(rows.tolist(), similarity.tolist(), strict=True)
    return Hits(rows.astype(np.int64), dict(pairs), True, vector)


def _matching(workspace: Workspace, request: SearchRequest) -> Rows:
    """Return the rows that the filter matches, or a sample of them; ascending."""
    if request.everything:
        from index.filters import matching_rows

        where = request.where or "status != 'failed'"
        rows = (
            matching_rows(workspace.store, where) if workspace.store.has("items") else np.empty(0, np.int64)
        )
    else:
        rows = workspace.rows(request.where)
    return sampled(rows, request.sample, request.seed) if request.sample else rows


def sampled(rows: Rows, count: int, seed: int) -> Rows:
    """Return ``count`` of the rows, drawn by a hash of each: new items change the draw only where they are drawn."""
    key = mix64(np.array([seed % 2**62 + 1]))
    order = np.lexsort((rows, mix64(rows.astype(np.uint64) ^ key)))[:count]
    return np.sort(rows[order])


def filter_expression(
    workspace: Workspace,
    chosen: Mapping[str, Sequence[str]],
    tag: str = "",
    kind: str = "all",
    expert: str = "",
) -> str:
    """Return the filter that the boxes stand for, as one condition over items, labels and groups."""
    parts = []
    if any(chosen.values()) and not workspace.store.has("labels"):
        raise StoreError("there are no labels to filter by yet", "Run: likeness label --store ...")
    for name, values in chosen.items():
        if not values:
            continue
        named = [v for v in values if v != UNKNOWN]
        either = []
        if named:
            either.append(f"{name} IN ({', '.join(map(quoted, named))})")
        if UNKNOWN in values:
            either.append(f"{name} IS NULL")
        parts.append(f"({' OR '.join(either)})")
    parts += [f"has(tags, {quoted(name)})" for name in parse_tags(tag)]
    if KINDS.get(kind):
        if kind == "duplicates" and not workspace.store.has("groups"):
            raise StoreError("no duplicates were looked for yet", "Run: likeness dedupe --store ...")
        if workspace.store.has("groups") or kind == "several characters":
            parts.append(KINDS[kind])
    if expert.strip():
        parts.append(f"({expert.strip()})")
    return " AND ".join(parts)


def quoted(text: str) -> str:
    """Return text as an SQL string; raises FilterError for control characters."""
    if not text.isprintable():
        raise FilterError(f"{text!r} cannot be searched for")
    return "'" + text.replace("'", "''") + "'"


@dataclass(frozen=True, slots=True)
class PredictedLabel:
    """A label that a picture would get or, when not ``accepted``, the likeliest value of what is left unknown."""

    attribute: str
    value: str
    probability: float
    accepted: bool


def predicted_labels(workspace: Workspace, hits: Hits) -> list[PredictedLabel]:
    """Return the labels that what was searched for would itself get, in the vocabulary's order.

    They come from the models of the last label run, which leave unknown what is not certain enough, as they do for
    items of the store; before the first run, from a majority of the nearest hits.
    """
    from label.predict.evidence import evidence_of_vector

    if not hits.ranked or hits.vector is None:
        return []
    models = workspace.models()
    if models is None:
        return _by_neighbours(workspace, hits)
    present = [a.name for a in workspace.attributes if a.name in models.models]
    evidence = evidence_of_vector(models, workspace.vocabulary, hits.vector, present)
    made = []
    for name in present:
        found = evidence[name]
        values = {each.value: each.probability for each in found if each.given}
        if workspace.attribute(name).multi_label:
            values = {value: values[value] for value in workspace.attribute(name).specific(list(values))}
        if values:
            made.append(PredictedLabel(name, ", ".join(values), min(values.values()), True))
        elif found and found[0].probability >= LEAST_PROBABILITY:
            made.append(PredictedLabel(name, found[0].value, found[0].probability, False))
    return made


def _by_neighbours(workspace: Workspace, hits: Hits, most: int = 15) -> list[PredictedLabel]:
    """Return what a similarity-weighted majority of the nearest hits has; at least three must say anything."""
    items = workspace.items(hits.rows[:most])
    made = []
    for attribute in workspace.attributes:
        votes: dict[str, float] = defaultdict(float)
        labelled, total = 0, 0.0
        for item in items:
            label = item.labels[attribute.name]
            if not label.values or item.ambiguous:
                continue
            weight = max(hits.similarity.get(item.row, 0.0), 0.0)
            labelled += 1
            total += weight
            for value in label.values:
                votes[value] += weight
        if labelled >= 3 and total > 0:
            best = max(votes, key=lambda v: votes[v])
            if votes[best] / total > 0.5:
                made.append(PredictedLabel(attribute.name, best, votes[best] / total, True))
    return made


def label_row(
    workspace: Workspace, predicted: Sequence[PredictedLabel]
) -> tuple[dict[str, str | list[str] | None], dict[str, float]]:
    """Return ({"Hair Color": "Blonde", "Age": None, ...}, confidences of what is given), by title."""
    values: dict[str, str | list[str] | None] = {}
    for each in predicted:
        if each.accepted:
            many = workspace.attribute(each.attribute).kind == "multi-label"
            values[each.attribute] = each.value.split(", ") if many else each.value
    titles = {attribute.name: attribute.title for attribute in workspace.attributes}
    sure = {titles[each.attribute]: each.probability for each in predicted if each.accepted}
    return workspace.vocabulary.row(values), sure


def protected_gate(workspace: Workspace) -> ProtectedGate:
    """Return the protected gate as of now; it is read anew after a change of a table or a review."""
    from curate.protected import ProtectedGate

    reviews = workspace.reviews()
    last = reviews[-1].decision if reviews else 0
    tables = ("items", "copies", "labels", "groups", "revised_items")
    administrators = workspace.settings.review.administrators
    return workspace.cached(
        f"protected after {last}", tables, lambda: ProtectedGate(workspace.store, administrators)
    )
