"""A review log as JSON lines: written out, and taken in by a store that may number its items differently."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, astuple, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from index.reviews.log import (
    ACTIONS,
    GROUP_VALUES,
    KINDS,
    MAX_CAPTION,
    MAX_REVIEWER,
    ReviewLog,
    bad_curation,
)
from index.reviews.open import open_log
from index.reviews.records import COLUMNS, LATER, LISTS, Review, read_record
from index.store.database import Database
from index.store.files import replace_file
from index.store.keys import rows_of_ids
from schema.errors import ReviewError
from schema.ids import is_item_id

LONGEST = 1000
"""Letters of one text of a record; more is no decision."""
LONGEST_OTHER = 2**20
"""Letters of the list of item ids in ``other``: some 30 000 items."""
LONGEST_LINE = 2**22


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of the lines of a log.

    ``written`` decisions are new, ``known`` ones were in this log before, ``missing`` ones are about items that this
    store does not have, ``late`` ones are older than what this log already holds of the same line of decisions.
    ``problems`` are (line number, reason) of lines that are no decisions.
    """

    written: int = 0
    known: int = 0
    missing: int = 0
    late: int = 0
    problems: tuple[tuple[int, str], ...] = ()


def export_reviews(store: Database | str | Path, path: str | Path) -> int:
    """Write the whole log as JSONL, one record per line with the columns of REVIEWS; return how many."""
    log = open_log(store, readonly=True)
    count = 0

    def write(place: Path) -> None:
        nonlocal count
        with place.open("w", encoding="utf-8", newline="\n") as file:
            for review in log.scan():
                file.write(json.dumps(asdict(review), ensure_ascii=False) + "\n")
                count += 1

    try:
        replace_file(Path(path), write)
    except OSError as error:
        raise ReviewError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        log.close()
    return count


def replay_reviews(store: Database, path: str | Path) -> Replayed:
    """Write the decisions of a JSONL log into this store, batch by batch with their names and times.

    Items are found by their id, so the other store may number its rows differently. Every line is checked by itself:
    bad ones are told and the others taken, and the file can be replayed again when they are mended. Values that the
    vocabulary does not have are taken, too: they count once it has them, or says what they are called now. Raises
    ReviewError when the file cannot be read.
    """
    records: list[Review] = []
    problems: list[tuple[int, str]] = []
    try:
        for number, line in _lines(Path(path)):
            found = _parse(line)
            if isinstance(found, Review):
                records.append(found)
            else:
                problems.append((number, found))
    except OSError as error:
        raise ReviewError(f"cannot read {path}: {error.strerror or error}") from error
    log = open_log(store)
    try:
        return replace(_take(store, log, records), problems=tuple(problems))
    finally:
        log.close()


@dataclass(slots=True)
class _Known:
    """What the log holds already: the decisions, and its batches."""

    decisions: set[tuple[object, ...]] = field(default_factory=set)
    batches: set[str] = field(default_factory=set)

    def add(self, reviews: Iterable[Review]) -> None:
        for review in reviews:
            self.decisions.add(_identity(review))
            self.batches.add(review.batch)


def _take(store: Database, log: ReviewLog, records: Sequence[Review]) -> Replayed:
    rows = rows_of_ids(store, {record.item_id for record in records if record.kind != "undo"})
    known = _Known()
    known.add(log.scan())
    # Where a later decision on the same subject is in the log, an older one must not come behind it.
    last_known: dict[tuple[str, str | None, str], int] = {}
    for place, record in enumerate(records):
        if _identity(record) in known.decisions:
            last_known[_subject(record)] = place
    batches: dict[str, list[Review]] = {}
    old = missing = late = 0
    for place, record in enumerate(records):
        if _identity(record) in known.decisions:
            old += 1
        elif record.kind != "undo" and record.item_id not in rows:
            missing += 1
        elif last_known.get(_subject(record), -1) > place:
            late += 1
        else:
            batches.setdefault(record.batch, []).append(record)
    written = 0
    for reviews in batches.values():
        if reviews[0].kind == "undo" and reviews[0].other not in known.batches:
            missing += len(reviews)
            continue
        log.restore([r if r.kind == "undo" else replace(r, row=rows[r.item_id]) for r in reviews])
        known.add(reviews)
        written += len(reviews)
    return Replayed(written, old, missing, late)


def _identity(review: Review) -> tuple[object, ...]:
    """Return what makes two records one decision, whatever their number and their item's row."""
    return astuple(replace(review, decision=0, row=0))


def _subject(review: Review) -> tuple[str, str | None, str]:
    if review.kind == "undo":
        return ("undo", review.other, "")
    return (review.kind, review.attribute, review.item_id)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that hold something with their numbers; of one that is too long its beginning."""
    with path.open("rb") as file:
        number = 0
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            while not line.endswith(b"\n") and (more := file.readline(LONGEST_LINE)):
                if more.endswith(b"\n"):
                    break
            if line.strip():
                yield number, line


def _parse(line: bytes) -> Review | str:
    """Return the record of a line, or what is wrong with it."""
    if len(line) > LONGEST_LINE:
        return f"it is longer than {LONGEST_LINE:,} bytes"
    try:
        record = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        return "it is no UTF-8"
    except (ValueError, RecursionError):
        return "it is no JSON"
    if not isinstance(record, dict):
        return "it is no JSON object"
    missing = [name for name in COLUMNS if name not in record and name not in LATER]
    if missing:
        return f"it has no {', '.join(missing)}"
    values: dict[str, Any] = {name: record[name] for name in COLUMNS if name in record}
    return _bad_types(values) or _bad_values(values) or read_record(values)


_NUMBERS = ("decision", "row")
_OPTIONAL = ("attribute", "value", "group_id", "other", "seen", "queue")


def _bad_types(values: dict[str, Any]) -> str:
    for name, value in values.items():
        if name in _NUMBERS:
            if not isinstance(value, int) or isinstance(value, bool) or not -1 <= value < 2**62:
                return f"{name} is {_shown(value)}, not a number of a log"
            continue
        if value is None and name in (*_OPTIONAL, *LISTS):
            continue
        if name in LISTS:
            if not isinstance(value, list) or not all(
                isinstance(each, str) and _is_text(each) for each in value
            ):
                return f"{name} is {_shown(value)}, not a list of texts"
            if sum(map(len, value)) > LONGEST_OTHER:
                return f"{name} has {sum(map(len, value)):,} letters"
            continue
        if not isinstance(value, str):
            return f"{name} is {_shown(value)}, not a text"
        if len(value) > _longest(name, values):
            return f"{name} has {len(value):,} letters"
        if not _is_text(value):
            return f"{name} holds half a character"
    return ""


def _longest(name: str, values: dict[str, Any]) -> int:
    """Return how many letters a text of a record may have."""
    if name == "other":
        return LONGEST_OTHER
    return MAX_CAPTION if values["kind"] == "caption" and name in ("value", "seen") else LONGEST


def _bad_values(values: dict[str, Any]) -> str:
    kind, value, action = values["kind"], values["value"], values["action"]
    if not values["batch"]:
        return "batch is empty"
    reviewer = values["reviewer"]
    if not reviewer.strip() or not reviewer.isprintable() or len(reviewer) > MAX_REVIEWER:
        return f"reviewer is {_shown(reviewer)}, not a name of at most {MAX_REVIEWER} letters"
    try:
        datetime.fromisoformat(values["time"])
    except ValueError:
        return f"time is {_shown(values['time'])}, not a time"
    if kind == "undo":
        return "" if values["other"] else "an undo names the batch that it takes back"
    if kind not in KINDS:
        return f"kind is {_shown(kind)}; there are: {', '.join(KINDS)}"
    if not is_item_id(values["item_id"]) or values["row"] < 0:
        return f"item_id is {_shown(values['item_id'])}, not the id of an item"
    if action not in ACTIONS:
        return f"action is {_shown(action)}; there are: {', '.join(ACTIONS)}"
    if kind == "label" and not values["attribute"]:
        return "a label decision names its attribute"
    if kind == "label" and value is None and action != "set":
        return f"{action} needs a value"
    if kind == "caption" and not (values["attribute"] and action == "set"):
        return "an edited caption names its captioner, and is set"
    if kind == "subjects" and value not in ("several", "one", None):
        return f"value is {_shown(value)}; there are: several, one"
    if kind == "group" and value not in GROUP_VALUES:
        return f"value is {_shown(value)}; there are: {', '.join(GROUP_VALUES)}"
    named = values.get("others") or (values["other"] or "").split()
    if kind == "group" and not all(map(is_item_id, named)):
        return "others does not list ids of items"
    return bad_curation(kind, values["attribute"], value, action)


def _is_text(text: str) -> bool:
    """Tell whether a text can be stored: JSON can write halves of surrogate pairs."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
