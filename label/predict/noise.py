"""Noise candidates: tags that the scores contradict, and tags that are probably missing, ranked by attribute."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa

from label.learn.label_noise import label_noise_score
from label.observed.labels import REVIEW
from label.predict.predict import Decided
from schema import tables
from schema.arrays import Bools, Floats64, Rows

CONTRADICTED, MISSING = "contradicted", "missing"
SUPPOSED_RATE = 0.05
"""For these lists one tag in twenty is taken to be wrong: it costs less to look than to disbelieve."""
SUSPECT = 0.5
"""A tag with a higher label-noise score is more likely wrong than right."""


@dataclass(frozen=True, slots=True)
class NoiseCandidate:
    """One entry of the lists: a stated value that the scores contradict, or one that they give and nobody states.

    ``score`` ranks the entries of a list; ``suggestion`` is the value that the model gives instead, with its
    ``probability``, where it gives one.
    """

    row: int
    attribute: str
    value: str
    kind: str
    score: float
    suggestion: str | None
    probability: float


@dataclass(frozen=True, slots=True)
class Floor:
    """What an entry needs to enter a list: the score at least, and how many of one batch can enter at most."""

    score: float
    most: int


def candidates(decided: Decided, rows: Rows, contradicted: Floor, missing: Floor) -> Iterator[NoiseCandidate]:
    """Yield the noise candidates among items that were decided; ``rows`` [n] are those of their batch."""
    yield from _contradicted(decided, rows, contradicted)
    yield from _missing(decided, rows, missing)


def _contradicted(decided: Decided, rows: Rows, floor: Floor) -> Iterator[NoiseCandidate]:
    model, said = decided.model, decided.said
    checked = (said.source > 0) & (said.source < REVIEW)
    items = np.flatnonzero(checked.any(axis=1))
    probability = np.where(said.rejected[items], 0.0, decided.predictions.probability[items])
    if decided.noise_shares is None:
        score = 1 - model.reliability(decided.scores.take(items), probability, SUPPOSED_RATE)
    else:
        by_item = label_noise_score(decided.noise_shares[items], said.source[items] > 0)
        score = np.broadcast_to(by_item[:, None], probability.shape)
    for place, code in _highest(checked[items] & (score > SUSPECT), score, floor):
        others = probability[place].copy()
        others[code] = 0
        best = int(others.argmax())
        suggested = not model.multi_label and others[best] > SUSPECT
        yield NoiseCandidate(
            int(rows[decided.places[items[place]]]),
            model.name,
            model.values[code],
            CONTRADICTED,
            float(score[place, code]),
            model.values[best] if suggested else None,
            float(others[best]),
        )


def _missing(decided: Decided, rows: Rows, floor: Floor) -> Iterator[NoiseCandidate]:
    decisions, model = decided.decisions, decided.model
    for place, code in _highest(decisions.missing, decisions.probability, floor):
        score, value = float(decisions.probability[place, code]), model.values[code]
        row = int(rows[decided.places[place]])
        yield NoiseCandidate(row, model.name, value, MISSING, score, value, score)


def _highest(wanted: Bools, scores: Floats64, floor: Floor) -> list[tuple[int, int]]:
    """Return (item, code) of the highest wanted scores [m, v], and of all equal to the last of them."""
    items, codes = np.nonzero(wanted & (scores >= floor.score))
    if len(items) > floor.most:
        score = scores[items, codes]
        keep = score >= np.partition(score, len(score) - floor.most)[len(score) - floor.most]
        items, codes = items[keep], codes[keep]
    return list(zip(items.tolist(), codes.tolist(), strict=True))


class NoiseLists:
    """The lists of all attributes, each cut to the ``limit`` highest scores as it grows."""

    def __init__(self, limit: int, attributes: int) -> None:
        self.limit = limit
        self._attributes = attributes
        self._candidates: list[NoiseCandidate] = []
        self._lowest: dict[tuple[str, str], float] = {}

    def floor(self, attribute: str, kind: str) -> Floor:
        """Return what an entry needs now to enter a list."""
        return Floor(self._lowest.get((attribute, kind), -np.inf), self.limit)

    def add(self, candidates: Iterable[NoiseCandidate]) -> None:
        """Add entries, and drop those that can no longer be in a list."""
        self._candidates.extend(candidates)
        if len(self._candidates) > 2 * self.limit * self._attributes:
            ranked = self.ranked()
            self._candidates = [candidate for entries in ranked.values() for candidate in entries]
            self._lowest = {
                key: entries[-1].score for key, entries in ranked.items() if len(entries) == self.limit
            }

    def ranked(self) -> dict[tuple[str, str], list[NoiseCandidate]]:
        """Return the list of each attribute and kind, the highest score first, no longer than the limit."""
        lists: dict[tuple[str, str], list[NoiseCandidate]] = {}
        for candidate in self._candidates:
            lists.setdefault((candidate.attribute, candidate.kind), []).append(candidate)
        for entries in lists.values():
            entries.sort(key=lambda candidate: (-candidate.score, candidate.row, candidate.value))
            del entries[self.limit :]
        return dict(sorted(lists.items()))

    def table(self, item_ids: Sequence[str]) -> pa.RecordBatch:
        """Return the lists as rows of the table, ranked; ``item_ids`` by row."""
        records = [
            {"item_id": item_ids[candidate.row], "rank": rank, **asdict(candidate)}
            for entries in self.ranked().values()
            for rank, candidate in enumerate(entries, 1)
        ]
        return pa.RecordBatch.from_pylist(records, tables.LABEL_NOISE)
