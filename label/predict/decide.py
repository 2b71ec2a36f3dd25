"""From statements and chances to the columns of the labels table: who wins, how sure, from where, and what is doubted.

review > tag > text > the calibrated combination of votes, probe and prompts. A tag that its neighbours contradict
stays, with a lower confidence, and is listed; tags that contradict each other are settled by the neighbours where
these are sure enough. What an item's own tags leave out is judged by that silence, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from label.learn.model import AttributeModel, Heard, doubt
from label.observed.labels import STATED, Stated
from schema.arrays import Bools, Floats32, Floats64, Ints, Ints8, Ints32
from schema.vocabulary import Attribute

Floor = Callable[[str, str], tuple[float, int]]
"""By kind of doubt and attribute: the score that a doubt needs to be kept, and how many can be at most."""

MACHINE = len(STATED)
"""Code of the machine's source, after those of people."""
SUSPECTED = 0.05
"""For the list of doubtful tags one in twenty is taken for wrong: what it takes to look is less than to disbelieve."""
UNCHECKED = 0.9
"""Confidence of a statement that no votes can check."""


@dataclass(slots=True)
class Doubt:
    """One entry of the noise lists: stated against the votes ('wrong'), or voted for and not stated ('missing')."""

    row: int
    attribute: str
    value: str
    kind: str
    score: float
    suggestion: str | None
    chance: float


@dataclass(slots=True)
class Column:
    """Labels of one attribute for n items: entries sorted by item, ``item`` int64, ``code``, ``chance``, ``source``."""

    attribute: Attribute
    values: list[str]
    n: int
    item: Ints
    code: Ints32
    chance: Floats32
    source: Ints8
    support: Ints32
    resolved: dict[int, str] = field(default_factory=dict)
    doubts: list[Doubt] = field(default_factory=list)


def decide(
    attribute: Attribute,
    stated: Stated,
    rows: Ints,
    open_: Bools,
    tagged: Bools,
    model: AttributeModel | None,
    heard: Heard | None,
    audit: Floats64 | None,
    places: Ints,
    rejected: dict[int, set[str]],
    asked: float,
    floor: Floor,
) -> Column:
    """Return the labels of ``rows`` int64 [n] (ascending) of one attribute.

    ``open_`` bool [n] tells where machines may speak, ``tagged`` where a tagger was at work; ``heard`` is the
    evidence on the items at ``places`` in ``rows``. Doubts below ``floor`` are left out.
    """
    n = len(open_)
    named = {*stated.values, *(model.values if model else ())}
    # The order of the vocabulary, not of first sight: a list of values must not depend on what else was read.
    values = sorted(named, key=lambda value: (attribute.order[attribute.base(value)], value))
    number = {value: at for at, value in enumerate(values)}
    said = np.zeros((n, len(values)), np.int8)
    items, codes, sources = stated.among(rows)
    codes = np.array([number[value] for value in stated.values], np.int64)[codes]
    said[items, codes] = sources
    chance = np.where(said == STATED.index("review"), 1.0, UNCHECKED).astype(np.float32) * (said > 0)
    support = np.zeros(n, np.int32)
    lines = _lines(attribute, values)
    column = Column(
        attribute, values, n, items, codes.astype(np.int32), np.empty(0, np.float32), sources, support
    )
    if model is not None and heard is not None and len(places):
        _vote(
            column,
            stated,
            rows,
            said,
            chance,
            open_,
            tagged,
            model,
            heard,
            audit,
            places,
            rejected,
            number,
            lines,
            asked,
            floor,
        )
    item, code = np.nonzero(said)
    if lines.shape[1]:
        above, broader = _implied(item, code, lines)
        plain = said[above, broader] != STATED.index("review")
        said[above[plain], broader[plain]] = 0
        item, code = np.nonzero(said)
    column.item, column.code = item, code.astype(np.int32)
    column.chance, column.source = chance[item, code], said[item, code]
    return column


def _lines(attribute: Attribute, values: list[str]) -> Ints:
    """Return the codes of what each of several values is a kind of, int64 [v, d], filled up with -1."""
    number = {value: at for at, value in enumerate(values)}
    many = attribute.kind == "many"
    found = [[number[a] for a in attribute.ancestors(v) if a in number] if many else [] for v in values]
    depth = max(map(len, found), default=0)
    return np.array([line + [-1] * (depth - len(line)) for line in found], np.int64).reshape(
        len(values), depth
    )


def _implied(item: Ints, code: npt.NDArray[np.integer], lines: Ints) -> tuple[Ints, Ints]:
    """Return the entries (item, code) that other entries say already, more exactly."""
    found = lines[code]
    keep = found >= 0
    return np.repeat(item, lines.shape[1])[keep.ravel()], found[keep]


def _vote(
    column: Column,
    stated: Stated,
    rows: Ints,
    said: Ints8,
    chance: Floats32,
    open_: Bools,
    tagged: Bools,
    model: AttributeModel,
    heard: Heard,
    audit: Floats64 | None,
    places: Ints,
    rejected: dict[int, set[str]],
    number: dict[str, int],
    lines: Ints,
    asked: float,
    floor: Floor,
) -> None:
    attribute = column.attribute
    many = attribute.kind == "many"
    votes = model.chances(heard)
    at = np.array([number[value] for value in model.values])
    numbers = rows[places]
    for row, refused in rejected.items():
        place = int(np.searchsorted(numbers, row))
        if place >= len(numbers) or numbers[place] != row:
            continue
        for value in refused:
            if value in number and number[value] in at:
                votes[place, int(np.flatnonzero(at == number[value])[0])] = 0
    # Almost always every item of the chunk has a vector: slices are much quicker than lists of places.
    here = (slice(None), at) if len(places) == len(said) else np.ix_(places, at)
    mine = said[here]
    checked = (mine > 0) & (mine < STATED.index("review"))
    # Only what the tagger wrote can be a slip of the tagger; texts are read by rules and checked in the same way.
    stands = np.flatnonzero(checked.any(axis=1))
    reliable = np.empty(votes.shape, np.float32)
    told, given = heard.of(stands), votes[stands]
    reliable[stands] = model.reliability(told, given)
    chance[here] = np.where(checked, reliable, chance[here])
    accepted = model.accept(heard, votes) & open_[places][:, None] & (mine == 0)
    if many:
        _drop_implied(column, accepted, places, at, lines)
    else:
        accepted &= (said[places].max(axis=1, initial=0) == 0)[:, None]
    missing = accepted & tagged[places][:, None]
    if many or model.absent:
        # Tags that contradict each other are no silence.
        _weigh_silence(column, accepted, votes, places, tagged & ~np.isin(rows, [*stated.contested]), model)
    if audit is None:
        doubted = 1 - model.reliability(told, given, SUSPECTED)
    else:
        doubted = np.broadcast_to(
            doubt(audit[stands], mine[stands] > 0)[:, None], (len(stands), votes.shape[1])
        )
    _wrong(column, numbers[stands], checked[stands], doubted, given, model, floor)
    _missing(column, numbers, missing, votes, model, floor)
    said[here] = np.where(accepted, MACHINE, mine)
    chance[here] = np.where(accepted, votes, chance[here])
    column.support[places] = np.rint(heard.support).astype(np.int32) * accepted.any(axis=1)
    if many:
        return
    for row, codes in stated.contested.items():
        place = int(np.searchsorted(numbers, row))
        if place >= len(numbers) or numbers[place] != row:
            continue
        item = int(places[place])
        names = [stated.values[code] for code in codes]
        known = [(list(model.values).index(name), name) for name in names if name in model.values]
        if len(known) < 2 or said[item].any() or not open_[item]:
            continue
        sure = np.array([votes[place, where] for where, _ in known])
        # One of the contested values is right, or none of them with the rest of the chance.
        best = int(sure.argmax())
        share = float(sure[best] / max(sure.sum() + 0.1 * max(1 - sure.sum(), 0.0), 1e-9))
        if share >= asked:
            name = known[best][1]
            said[item, number[name]] = MACHINE
            chance[item, number[name]] = share
            column.support[item] = int(np.rint(heard.support[place]))
            column.resolved[row] = f"{attribute.name}: the neighbours say {name} ({share:.2f})"


def _drop_implied(column: Column, accepted: Bools, places: Ints, at: Ints, lines: Ints) -> None:
    """Take back accepted values [m, v] that an item's own statements imply."""
    item, code = _implied(column.item, column.code, lines)
    place_of = np.full(column.n, -1, np.int64)
    place_of[places] = np.arange(len(places))
    column_of = np.full(len(column.values), -1, np.int64)
    column_of[at] = np.arange(len(at))
    place, of = place_of[item], column_of[code]
    known = (place >= 0) & (of >= 0)
    accepted[place[known], of[known]] = False


def _weigh_silence(
    column: Column, accepted: Bools, votes: Floats64, places: Ints, tagged: Bools, model: AttributeModel
) -> None:
    """Judge again what was accepted [m, v] on items whose silence speaks: less likely than the votes say.

    A reviewer who confirms one of several values has said nothing of the others.
    """
    spoken = np.zeros((column.n, 1), bool)
    spoken[column.item[column.source < STATED.index("review")]] = True
    silent = model.silent(spoken, tagged)[places]
    doubtful = np.flatnonzero((accepted & silent[:, None]).any(axis=1))
    votes[doubtful] = model.left_out(votes[doubtful])
    accepted[doubtful] &= votes[doubtful] >= model.asked


def _wrong(
    column: Column,
    numbers: Ints,
    checked: Bools,
    doubted: Floats64,
    votes: Floats64,
    model: AttributeModel,
    floor: Floor,
) -> None:
    """List the stated values [m, v] of the items ``numbers`` [m] that are more likely wrong than right."""
    name = column.attribute.name
    for place, code in _ranked(checked & (doubted > 0.5), doubted, *floor("wrong", name)):
        other = votes[place].copy()
        other[code] = 0
        best = int(other.argmax())
        suggestion = model.values[best] if column.attribute.kind == "one" and other[best] > 0.5 else None
        column.doubts.append(
            Doubt(
                int(numbers[place]),
                name,
                model.values[code],
                "wrong",
                float(doubted[place, code]),
                suggestion,
                float(other[best]),
            )
        )


def _missing(
    column: Column, numbers: Ints, voted: Bools, votes: Floats64, model: AttributeModel, floor: Floor
) -> None:
    """List the values [m, v] that the votes give to items ``numbers`` [m] which taggers have seen."""
    name = column.attribute.name
    for place, code in _ranked(voted, votes, *floor("missing", name)):
        score = float(votes[place, code])
        value = model.values[code]
        column.doubts.append(Doubt(int(numbers[place]), name, value, "missing", score, value, score))


def _ranked(wanted: Bools, scores: Floats64, lowest: float, most: int) -> list[tuple[int, int]]:
    """Return the places of the ``most`` highest wanted scores and of all equal to the last, none below ``lowest``."""
    place, code = np.nonzero(wanted & (scores >= lowest))
    if len(place) > most:
        score = scores[place, code]
        keep = score >= np.partition(score, len(score) - most)[len(score) - most]
        place, code = place[keep], code[keep]
    return list(zip(place.tolist(), code.tolist(), strict=True))


def arrays(column: Column, machine: str) -> dict[str, Any]:
    """Return the Arrow columns of one attribute; ``machine`` names the source of what was not stated."""
    name = column.attribute.name
    words = pa.array([*STATED, machine], pa.string())
    values = pa.array(column.values, pa.string())
    offsets = np.searchsorted(column.item, np.arange(column.n + 1)).astype(np.int32)
    empty = offsets[1:] == offsets[:-1]
    lowest = np.full(column.n, np.inf, np.float32)
    np.minimum.at(lowest, column.item, column.chance)
    weakest = np.full(column.n, MACHINE + 1, np.int8)
    rank = np.where(column.source == MACHINE, 0, column.source).astype(np.int8)
    np.minimum.at(weakest, column.item, rank)
    source = pa.array(np.where(weakest == 0, MACHINE, weakest), mask=empty)
    found: dict[str, Any] = {
        f"{name}_confidence": pa.array(np.clip(lowest, 0, 1), pa.float32(), mask=empty),
        f"{name}_source": words.take(source),
        f"{name}_support": pa.array(column.support, pa.int32(), mask=empty),
    }
    if column.attribute.kind == "one":
        first = np.minimum(offsets[:-1], max(len(column.code) - 1, 0))
        codes = column.code[first] if len(column.code) else np.zeros(column.n, np.int32)
        found[name] = values.take(pa.array(codes, mask=empty))
        return found
    listed = pa.array(np.append(offsets[:-1], offsets[-1]), mask=np.append(empty, False))
    found[name] = pa.ListArray.from_arrays(listed, values.take(pa.array(column.code)))
    found[f"{name}_confidences"] = pa.ListArray.from_arrays(listed, pa.array(column.chance, pa.float32()))
    found[f"{name}_sources"] = pa.ListArray.from_arrays(listed, words.take(pa.array(column.source)))
    return found
