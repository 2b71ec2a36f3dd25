"""``likeness dedupe --against PATH``: mark what a store shares with another store or a folder, and take marks back."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path

import pyarrow as pa

from dedupe.against.find import find_matches
from dedupe.against.pictures import other_pictures
from index.duplicates.overlaps import TABLE
from index.store import Store
from index.store.runs import Runs
from schema import tables
from schema.errors import SettingsError
from schema.near import did_you_mean
from schema.records import Summary
from schema.settings import Settings

STAGE = "against"


def run_against(store: Store, settings: Settings, path: str) -> Summary:
    """Mark the items that are also at ``path``, a store or a folder, in place of what was marked against it before.

    Marked items stay in the store; no selection and no export has them until ``release`` takes the marks back.
    """
    begun, problems, counts = time.monotonic(), Counter[str](), Counter[str]()
    name = address(path)
    threads = settings.dedupe.threads or os.cpu_count() or 1
    with Runs(store).start(STAGE, {"path": name}, ["items", "thumbnails"]) as run:
        with other_pictures(path, settings.ingest, threads, problems) as other:
            matches = find_matches(store, other, settings.dedupe, threads, counts)
            counts["pictures_there"] = len(other)
            keys = [other.keys[match.number] for match in matches]
        ids = (
            store.take_items([match.row for match in matches], ["row", "item_id"]).to_pylist()
            if matches
            else []
        )
        item_ids = {each["row"]: each["item_id"] for each in ids}
        records = [
            {
                "row": match.row,
                "item_id": item_ids[match.row],
                "against": name,
                "key": key,
                "verdict": match.verdict,
                "similarity": match.similarity,
            }
            for match, key in zip(matches, keys, strict=True)
        ]
        records += [each for each in _records(store) if each["against"] != name]
        records.sort(key=lambda each: (each["row"], each["against"]))
        store.replace(TABLE, pa.Table.from_pylist(records, tables.OVERLAPS), tables.OVERLAPS)
        counts["in_both"] = len(matches)
        run.counts.update(counts)
        run.outputs.append(TABLE)
    notes = [
        f"{len(matches)} items are also in {name}: set aside, no export has them"
        f" (likeness dedupe --release {path} takes that back)"
    ]
    if counts["not_compared"]:
        notes.append(
            f"{counts['not_compared']} pairs of close hashes were not compared: many pictures look alike"
        )
    return Summary(
        STAGE, dict(counts), (), dict(problems), seconds=time.monotonic() - begun, warnings=tuple(notes)
    )


def release(store: Store, path: str) -> Summary:
    """Take back the marks that were made against ``path``; raises SettingsError where none were."""
    name = address(path)
    records = _records(store)
    kept = [each for each in records if each["against"] != name]
    if len(kept) == len(records):
        known = sorted({str(each["against"]) for each in records})
        raise SettingsError(
            f"nothing is set aside against {name}{did_you_mean(name, known)}",
            f"Known: {', '.join(known)}" if known else "Nothing is set aside at all.",
        )
    store.replace(TABLE, pa.Table.from_pylist(kept, tables.OVERLAPS), tables.OVERLAPS)
    count = len(records) - len(kept)
    return Summary(
        STAGE, {"released": count}, warnings=(f"{count} items are no longer set aside against {name}",)
    )


def address(path: str) -> str:
    """Return how a path is named in the table: an address as it is, a folder in full."""
    return path if "://" in path else str(Path(path).expanduser().resolve())


def _records(store: Store) -> list[dict[str, object]]:
    return store.read(TABLE).to_pylist() if store.has(TABLE) else []
