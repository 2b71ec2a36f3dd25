"""Searching for the page: a picture or a text through the store's encoder, filters from boxes, labels by neighbours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from schema.arrays import Floats32, Rows
from schema.errors import FilterError, StoreError
from schema.tags.parsing import parse_tags
from ui.review.workspace import Workspace

SIMILAR = 240
"""Items that a search by picture or text shows; four pages, past which nobody looks."""
KINDS = {"all": "", "kept": "keep = true", "duplicates": "keep = false", "several characters": "ambiguous"}
UNKNOWN = "(unknown)"
GUESS = 0.3
"""Below this chance the likeliest value of an attribute that abstains is not worth telling."""


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """What is searched for: a picture's bytes, or a text, or neither; and a filter."""

    image: bytes = b""
    text: str = ""
    where: str = ""


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


def find(workspace: Workspace, wanted: SearchRequest, count: int = SIMILAR) -> Hits:
    """Return the items that match, by similarity to the picture or text when one is given.

    Raises FilterError for a bad condition, EncoderError when the picture cannot be read.
    """
    if not wanted.image and not wanted.text:
        return Hits(workspace.rows(wanted.where))
    from embed.vectors.query import query_vector
    from index.neighbours.search import search

    vector = query_vector(workspace.store, workspace.settings, wanted.image or wanted.text)
    rows, similarity = search(
        workspace.store, workspace.store.encoder_key(), vector, count, wanted.where or None
    )
    pairs = zip(rows.tolist(), similarity.tolist(), strict=True)
    return Hits(rows.astype(np.int64), dict(pairs), True, vector)


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
        parts.append(f"({expert.strip()})" if " or " in expert.lower() else expert.strip())
    return " AND ".join(parts)


def quoted(text: str) -> str:
    """Return text as an SQL string; raises FilterError for control characters."""
    if not text.isprintable():
        raise FilterError(f"{text!r} cannot be searched for")
    return "'" + text.replace("'", "''") + "'"


@dataclass(frozen=True, slots=True)
class PredictedLabel:
    """A label that a picture from outside would get, or, when not ``sure``, the likeliest one that abstains."""

    attribute: str
    value: str
    chance: float
    sure: bool


def predicted_labels(workspace: Workspace, hits: Hits) -> list[PredictedLabel]:
    """Return the labels that what was searched for would itself get, in the vocabulary's order.

    They come from the models of the last label run, which abstain as they do for items of the store; before the first
    one, from the share of the nearest hits.
    """
    from label.predict.evidence import OUTSIDE, chances_of

    if not hits.ranked or hits.vector is None:
        return []
    learned = workspace.models()
    if learned is None:
        return _by_neighbours(workspace, hits)
    present = [a.name for a in workspace.attributes if a.name in learned.models]
    plain = learned.features.plain(np.asarray(hits.vector, np.float32)[None])
    made = []
    for name, chances in chances_of(learned, plain, OUTSIDE, present).items():
        standing = [each for each in chances if each.stands]
        values = {each.value: each.chance for each in standing}
        if workspace.attribute(name).kind == "many":
            values = {value: values[value] for value in workspace.attribute(name).specific(list(values))}
        if values:
            made.append(PredictedLabel(name, ", ".join(values), min(values.values()), True))
        elif chances and chances[0].chance >= GUESS:
            made.append(PredictedLabel(name, chances[0].value, chances[0].chance, False))
    return made


def _by_neighbours(workspace: Workspace, hits: Hits, nearest: int = 15) -> list[PredictedLabel]:
    """Return what a similarity-weighted majority of the nearest hits has; at least three must say anything."""
    items = workspace.items(hits.rows[:nearest])
    made = []
    for attribute in workspace.attributes:
        votes: dict[str, float] = defaultdict(float)
        voters, total = 0, 0.0
        for item in items:
            label = item.labels[attribute.name]
            if not label.values or item.ambiguous:
                continue
            weight = max(hits.similarity.get(item.row, 0.0), 0.0)
            voters += 1
            total += weight
            for value in label.values:
                votes[value] += weight
        if voters >= 3 and total > 0:
            best = max(votes, key=lambda v: votes[v])
            if votes[best] / total > 0.5:
                made.append(PredictedLabel(attribute.name, best, votes[best] / total, True))
    return made
