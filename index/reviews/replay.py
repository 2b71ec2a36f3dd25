"""A review log as JSON lines: written out, and taken in by a store that may number its items differently."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from index.reviews.log import COLUMNS, Review
from index.reviews.open import open_log
from index.store.database import Database
from index.store.files import replace_file
from schema.errors import ReviewError


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


def replay_reviews(store: Database, path: str | Path) -> tuple[int, int]:
    """Write the decisions of a JSONL log into this store, batch by batch with their names and times.

    Items are found by their id, so the other store may number its rows differently. Batches that are here already
    are left out. Returns (written, decisions about items that this store does not have).
    """
    with Path(path).open(encoding="utf-8", newline="\n") as file:
        records = [_parse(line, number, path) for number, line in enumerate(file, 1) if line.strip()]
    rows = _rows_of(store, {record.item_id for record in records if record.kind != "undo"})
    log = open_log(store)
    known = {review.batch for review in log.scan()}
    batches: dict[str, list[Review]] = {}
    for record in records:
        batches.setdefault(record.batch, []).append(record)
    written = missing = 0
    for batch, reviews in batches.items():
        if batch in known:
            continue
        kept = [review for review in reviews if review.kind == "undo" or review.item_id in rows]
        missing += len(reviews) - len(kept)
        if not kept:
            continue
        if kept[0].kind == "undo":
            if kept[0].other in known:
                log.restore(kept)
                known.add(batch)
                written += 1
            continue
        log.restore([replace(review, row=rows[review.item_id]) for review in kept])
        known.add(batch)
        written += len(kept)
    log.close()
    return written, missing


def _parse(line: str, number: int, path: str | Path) -> Review:
    try:
        record: dict[str, Any] = json.loads(line)
        return Review(**{name: record[name] for name in COLUMNS})
    except (ValueError, KeyError, TypeError) as error:
        raise ReviewError(f"{path}, line {number}: not a record of a review log ({error})") from error


def _rows_of(store: Database, item_ids: set[str]) -> dict[str, int]:
    """Return the row of each id that this store has, in one pass over two columns of items."""
    rows: dict[str, int] = {}
    if not item_ids:
        return rows
    for batch in store.scan("items", columns=["row", "item_id"]):
        pairs = zip(batch["item_id"].to_pylist(), batch["row"].to_pylist(), strict=True)
        rows.update((item_id, row) for item_id, row in pairs if item_id in item_ids)
    return rows
