"""Repairs: derived tables are removed for their stage to make again, marks and sources are told from the rest.

What only the lost table knew is not made up: it is said to be lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from index.images.decode import BadImage, decode, to_rgb
from index.images.facts import WORKING_SIDE, measure
from index.images.reader import Reader, ReadError
from index.integrity.check import Checked
from index.store import Store
from index.store.database import Database
from index.store.expected import kept_counts
from index.store.format import FILE, FormatFile, StoreFormat
from index.store.runs import Runs
from schema import tables
from schema.errors import StoreError
from schema.settings import IngestSettings

REMADE = "vectors_"
"""Tables of facts that their stage can make again from the pictures; others are lost with their table."""


def restore_format(folder: Path) -> str:
    """Write ``store.json`` anew where it is gone or damaged and the folder holds tables; '' where nothing was wrong.

    Raises StoreError where the folder holds no table of a store.
    """
    record = FormatFile(folder)
    try:
        if record.exists():
            record.read()
            return ""
    except StoreError:
        pass
    if not (folder / "items.lance").is_dir():
        raise StoreError(f"{folder} holds no items of a store")
    names = Database(str(folder)).schema("items").names
    version = tables.FORMAT_VERSION if set(tables.ITEMS.names) <= set(names) else 1
    record.write(StoreFormat(version))
    return f"{FILE} was gone or damaged; it is written anew for format {version}"


def repair(store: Store, checked: Checked, settings: IngestSettings) -> list[str]:
    """Mend what can be mended of a store that a writer holds, and return a sentence for each thing done.

    Derived tables that are damaged are removed: the stages make them again. Raises StoreError when items are lost,
    since nothing in the store can bring them back.
    """
    done: list[str] = []
    damaged = {damage.table for damage in checked.damages}
    if "items" in damaged:
        raise StoreError(
            "items are lost, and nothing in the store can bring them back",
            "Ingest the same sources into a new store; decisions of reviewers carry over: likeness reviews --help",
        )
    if "sources" in damaged:
        done += _restore_sources(store)
    if "ingests" in damaged:
        done += _restore_marks(store)
    if "thumbnails" in damaged:
        done += _restore_thumbnails(store, settings)
    for damage in checked.damages:
        if store.has(damage.table) and (not damage.fact or damage.table.startswith(REMADE)):
            store.drop(damage.table)
            done.append(f"{damage.table} is removed; its stage makes it again")
    return done


def _restore_sources(store: Store) -> list[str]:
    """Number the sources as ingest did: in the order in which runs named them."""
    named = [
        path for run in Runs(store).all() if run["stage"] == "ingest" for path in run["settings"]["sources"]
    ]
    paths = list(dict.fromkeys(named))
    used = {number for batch in store.scan("items", ["source"]) for number in batch.column(0).to_pylist()}
    if used and max(used) >= len(paths):
        return []
    records = [{"source": at, "path": path, "kind": "", "listed": 0} for at, path in enumerate(paths)]
    store.drop("sources")
    store.replace("sources", pa.Table.from_pylist(records, tables.SOURCES), tables.SOURCES)
    return [f"sources is made again from {len(paths)} paths that ingest runs were given"]


def _restore_marks(store: Store) -> list[str]:
    """Count the commits again from the rows that they brought; the items that runs have counted were all finished."""
    if store.count("items") < kept_counts(store).get("items", 0):
        return []
    counts: dict[str, Counter[int]] = {"items": Counter(), "copies": Counter(), "failed": Counter()}
    source_of: dict[int, int] = {}
    for table in ("items", "copies"):
        for batch in store.scan(table, ["commit", "source", *(["status"] if table == "items" else [])]):
            for record in batch.to_pylist():
                counts[table][record["commit"]] += 1
                counts["failed"][record["commit"]] += record.get("status") == "failed"
                source_of[record["commit"]] = record["source"]
    marks = [
        {"commit": commit, "source": source_of[commit], **{name: of[commit] for name, of in counts.items()}}
        for commit in sorted(source_of)
    ]
    store.drop("ingests")
    store.replace("ingests", pa.Table.from_pylist(marks, tables.INGESTS), tables.INGESTS)
    return [
        f"ingests is made again: {len(marks)} commits, counted from the items and copies that they brought"
    ]


def _restore_thumbnails(store: Store, settings: IngestSettings) -> list[str]:
    """Draw the thumbnails anew from the pictures, all of them: what can be read of the old table is not trusted."""
    lost: list[int] = []
    reader = Reader(settings.max_bytes)
    try:
        store.drop("thumbnails")
        store.replace("thumbnails", _thumbnails(store, reader, settings, lost), tables.THUMBNAILS)
    finally:
        reader.close()
    said = f"; {len(lost)} pictures could not be read and have none" if lost else ""
    return [f"thumbnails are drawn anew: {store.count('thumbnails')}{said}"]


def _thumbnails(
    store: Store, reader: Reader, settings: IngestSettings, lost: list[int]
) -> Iterator[pa.RecordBatch]:
    background = to_rgb(settings.background)
    for batch in store.scan("items", ["row", "uri", "status", "commit"], batch_rows=1024):
        records: list[dict[str, object]] = []
        for item in batch.to_pylist():
            if item["status"] != "ok":
                continue
            try:
                picture = decode(
                    reader.read(item["uri"]),
                    target=WORKING_SIDE,
                    background=background,
                    max_pixels=settings.max_pixels,
                )
                thumbnail = measure(picture.image, settings.thumbnail).thumbnail
                records.append({"row": item["row"], "thumbnail": thumbnail, "commit": item["commit"]})
            except (ReadError, BadImage):
                lost.append(item["row"])
        yield pa.RecordBatch.from_pylist(records, tables.THUMBNAILS)
