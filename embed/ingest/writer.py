"""Commits of items, copies and thumbnails, whose marker comes last; and what the store knows already."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from embed.ingest.digests import Digests
from embed.ingest.reading import ReadResult
from embed.sources.annotation import Annotation, readable
from embed.sources.base import SourceRecord
from index.store import Store
from schema import tables
from schema.ids import key_digest
from schema.settings import IngestSettings
from schema.source_metadata import Extra, as_type, extra_type

OVERFLOW = "source_other"
"""The column that holds, as JSON, the fields of a source beyond ``ingest.extra_columns``."""


@dataclass(slots=True)
class Writer:
    """Writes what was read; knows every key and content that the store holds.

    Memory: one commit of rows, and 40 bytes per known item (its key's digest, its content's digest, its row).
    """

    store: Store
    settings: IngestSettings
    keys: Digests = field(default_factory=lambda: Digests(with_numbers=False))
    contents: Digests = field(default_factory=Digests)
    rows: int = 0
    commits: int = 0
    overflow: dict[str, None] = field(default_factory=dict)
    _items: list[dict[str, Any]] = field(default_factory=list)
    _copies: list[dict[str, Any]] = field(default_factory=list)
    _thumbnails: list[dict[str, Any]] = field(default_factory=list)
    _extras: dict[str, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        marks = [
            mark for batch in self.store.scan("ingests", ["commit"]) for mark in batch.column(0).to_pylist()
        ]
        self.commits = max(marks, default=0)
        for table in ("items", "copies", "thumbnails"):
            # What a killed run wrote without its marker.
            self.store.delete(table, f"commit > {self.commits}")
        columns = ["row", "item_id", "source", "keys", "uri", "text", "status"]
        for batch in self.store.scan("items", columns):
            records = batch.to_pylist()
            self.contents.update((bytes.fromhex(record["item_id"]), record["row"]) for record in records)
            retry = self.settings.retry_failed
            self._know(record for record in records if not (retry and record["status"] == "failed"))
            self.rows += len(records)
        for batch in self.store.scan("copies", ["source", "keys", "uri", "text"]):
            self._know(batch.to_pylist())
        if self.store.has("items"):
            own = (name for name in self.store.schema("items").names if name not in tables.ITEMS.names)
            self._extras = dict.fromkeys(own)

    def source(self, path: str, kind: str) -> int:
        """Return the number of a source, giving it one when it is new."""
        path = readable(path)
        known = [record for batch in self.store.scan("sources") for record in batch.to_pylist()]
        for record in known:
            if record["path"] == path:
                return int(record["source"])
        record = {"source": len(known), "path": path, "kind": kind, "listed": 0}
        self.store.append("sources", pa.Table.from_pylist([record], tables.SOURCES), tables.SOURCES)
        return len(known)

    def listed(self, source: int, count: int) -> None:
        """Store how many things a source lists, when that changed."""
        known = [record for batch in self.store.scan("sources") for record in batch.to_pylist()]
        if known[source]["listed"] != count:
            known[source]["listed"] = count
            self.store.replace("sources", pa.Table.from_pylist(known, tables.SOURCES), tables.SOURCES)

    def knows(self, source: int, key: str, place: str) -> bool:
        """Tell whether a key of a source, with this uri or text, is in the store."""
        return _digest(source, key, place) in self.keys

    def add(self, source: int, ordinal: int, read: ReadResult) -> str:
        """Take one result into the current commit; returns items, texts, copies or failed."""
        record, said = read.record, read.record.annotation
        digest = bytes.fromhex(read.item_id)
        self.keys.add(_digest(source, record.key, place_of(record)))
        row = self.contents.get(digest)
        commit = self.commits + 1
        shared = {
            "item_id": read.item_id,
            "source": source,
            "ordinal": ordinal,
            "uri": record.uri,
            "commit": commit,
            **self._said(record.key, said),
        }
        if row is not None:
            self._copies.append({"row": row, **shared})
            outcome = "copies"
        else:
            row, self.rows = self.rows, self.rows + 1
            self.contents.add(digest, row)
            self._items.append({"row": row, **shared, **_measured(read), "identity": said.identity})
            if read.facts is not None:
                self._thumbnails.append({"row": row, "thumbnail": read.facts.thumbnail, "commit": commit})
            outcome = {"ok": "items", "text": "texts", "failed": "failed"}[read.status]
        if len(self._items) + len(self._copies) >= self.settings.commit_rows:
            self.commit(source)
        return outcome

    def _said(self, key: str, said: Annotation) -> dict[str, Any]:
        """Return the columns of what is said; columns of the source beyond the limit share one."""
        columns = said.metadata.columns()
        extras: Mapping[str, Extra] = said.metadata.extras
        rest: dict[str, Extra] = {}
        for name in extras:
            if name not in self._extras and len(self._extras) >= self.settings.extra_columns:
                rest[name] = columns.pop(name)
                self.overflow[name] = None
            else:
                self._extras[name] = None
        if rest:
            columns[OVERFLOW] = json.dumps(rest, ensure_ascii=False, sort_keys=True)
        return {
            **columns,
            "keys": list(dict.fromkeys([key, *said.keys])),
            "tags": list(said.tags),
            "text": said.text,
        }

    def commit(self, source: int) -> None:
        """Write what is pending, the marker last; nothing when nothing is pending."""
        if not self._items and not self._copies:
            return
        marker = {
            "commit": self.commits + 1,
            "source": source,
            "items": len(self._items),
            "copies": len(self._copies),
            "failed": sum(record["status"] == "failed" for record in self._items),
        }
        self._append("thumbnails", self._thumbnails, tables.THUMBNAILS)
        self._append("copies", self._copies, tables.COPIES)
        self._append("items", self._items, tables.ITEMS)
        self._append("ingests", [marker], tables.INGESTS)
        self.commits += 1
        self._items, self._copies, self._thumbnails = [], [], []

    def _append(self, table: str, records: list[dict[str, Any]], schema: pa.Schema) -> None:
        if not records:
            return
        extras = list(
            dict.fromkeys(name for record in records for name in record if name not in schema.names)
        )
        kinds = {name: extra_type(record.get(name) for record in records) for name in extras}
        fields = [pa.field(name, kind) for name, kind in kinds.items() if kind is not None]
        if fields and not self.store.has(table):
            self.store.append(table, schema.empty_table(), schema)
        if fields:
            present = self.store.ensure_columns(table, fields)
            own = [present.field(field.name) for field in fields]
            for record in records:
                record.update(
                    {
                        each.name: as_type(record.get(each.name), each.type)
                        for each in own
                        if each.name in record
                    }
                )
            schema = pa.schema([*schema, *own])
        self.store.append(table, pa.Table.from_pylist(records, schema), schema)

    def _know(self, records: Iterable[Mapping[str, Any]]) -> None:
        self.keys.update(
            (_digest(record["source"], (record["keys"] or [""])[0], record["uri"] or record["text"] or ""), 0)
            for record in records
        )


def place_of(record: SourceRecord) -> str:
    """Return what tells two records of one key apart: the uri, or the text of a record without a picture."""
    return record.uri or record.annotation.text


def _measured(read: ReadResult) -> dict[str, Any]:
    picture, facts = read.picture, read.facts
    record: dict[str, Any] = {"status": read.status, "reason": read.reason, "bytes": read.size}
    if picture is not None and facts is not None:
        record |= {
            "width": picture.width,
            "height": picture.height,
            "format": picture.format,
            "frames": picture.frames,
            "lossless": picture.lossless,
            "alpha": picture.alpha,
            "phash": facts.phash,
            "sharpness": facts.sharpness,
            "border": facts.border,
        }
    return record


def _digest(source: int, key: str, place: str) -> bytes:
    return key_digest(str(source), f"{key}\0{place}")
