"""Commits of items, copies, events and stamps, whose marker comes last."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from embed.ingest.known import FAILED, KnownEntries, words_stamp
from embed.ingest.reading import ReadResult
from embed.sources.annotation import Annotation, readable
from embed.sources.base import SourceRecord
from index.store import Store
from index.store.items import revisions
from schema import tables
from schema.settings import IngestSettings
from schema.source_metadata import Extra, as_type, extra_type

OVERFLOW = "source_other"
"""The column that holds, as JSON, the fields of a source beyond ``ingest.extra_columns``."""


@dataclass(slots=True)
class Writer:
    """Writes what was read, one commit of rows at a time; ``known`` is what the store has already.

    ``copied`` are rows whose content came again in this run, ``overflow`` the columns that had to share one.
    """

    store: Store
    settings: IngestSettings
    known: KnownEntries = field(init=False)
    rows: int = 0
    commits: int = 0
    overflow: dict[str, None] = field(default_factory=dict)
    copied: set[int] = field(default_factory=set)
    _items: list[dict[str, Any]] = field(default_factory=list)
    _copies: list[dict[str, Any]] = field(default_factory=list)
    _thumbnails: list[dict[str, Any]] = field(default_factory=list)
    _stamps: list[dict[str, Any]] = field(default_factory=list)
    _extras: dict[str, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.commits = self.store.commits()
        for table in ("items", "copies", "thumbnails", "source_stamps"):
            # What a killed run wrote without its marker.
            self.store.delete(table, f"commit > {self.commits}")
        revisions.rebuild(self.store, self.commits)
        self.known = KnownEntries(self.store)
        self.rows = self.store.n_items()
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

    def add(self, index: int, source: int, ordinal: int, read: ReadResult) -> str:
        """Take one new entry into the current commit; returns items, texts, copies or failed."""
        record = read.record
        digest = bytes.fromhex(read.item_id)
        row = self.known.contents.get(digest)
        columns = self.columns_of(record.key, record.annotation)
        shared = {"item_id": read.item_id, "source": source, "ordinal": ordinal, "uri": record.uri, **columns}
        shared["commit"] = self.commits + 1
        if row is not None:
            self._copies.append({"row": row, **shared})
            self.copied.add(row)
            outcome = "copies"
        else:
            row, self.rows = self.rows, self.rows + 1
            self.known.contents.add(digest, row)
            self._items.append({"row": row, **shared, **_measured(read)})
            if read.facts is not None:
                thumbnail = {"row": row, "thumbnail": read.facts.thumbnail, "commit": shared["commit"]}
                self._thumbnails.append(thumbnail)
            outcome = {"ok": "items", "text": "texts", "failed": "failed"}[read.status]
        self.known.rows[index] = row
        self.known.flags[index] |= FAILED if read.status == "failed" else 0
        if self.settings.refresh != "never":
            self.stamp(index, source, record, words_stamp(columns))
        self._commit_when_full(source)
        return outcome

    def event(
        self, index: int, key: str, uri: str, event: str, columns: Mapping[str, Any] | None = None
    ) -> None:
        """Take what a source has changed about a known entry, with its words where it has new ones."""
        source = self.known.source_of(index)
        self._copies.append(
            {
                "keys": [key], **(columns or {}), "row": self.known.rows[index], "item_id": "", "source": source,
                "ordinal": -1, "uri": uri, "commit": self.commits + 1, "event": event,
            }
        )  # fmt: skip
        self._commit_when_full(source)

    def stamp(self, index: int, source: int, record: SourceRecord, words: int) -> None:
        """Take the stamps of an entry, by which the next run sees whether it changed."""
        stamps = {"content": record.content_stamp, "said": record.said_stamp, "words": words}
        self.known.stamp(index, **stamps)
        key = self.known.digest_of(index, source, record.key)
        self._stamps.append({"source": source, "key": key, **stamps, "commit": self.commits + 1})

    def _commit_when_full(self, source: int) -> None:
        if len(self._items) + len(self._copies) >= self.settings.commit_rows:
            self.commit(source)

    def columns_of(self, key: str, said: Annotation) -> dict[str, Any]:
        """Return the columns of what is said of an entry; columns of the source beyond the limit share one."""
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
            "identity": said.identity,
        }

    def commit(self, source: int) -> None:
        """Write what is pending, the marker last; nothing when nothing is pending."""
        if not (self._items or self._copies or self._stamps):
            return
        marker = {
            "commit": self.commits + 1,
            "source": source,
            "items": len(self._items),
            "copies": len(self._copies),
            "failed": sum(record["status"] == "failed" for record in self._items),
        }
        self._name_items()
        extras = self._ensure_extras()
        self._append("thumbnails", self._thumbnails, tables.THUMBNAILS, [])
        self._append("copies", self._copies, tables.COPIES, extras)
        self._append("items", self._items, tables.ITEMS, extras)
        self._append("source_stamps", self._stamps, tables.SOURCE_STAMPS, [])
        self._append("ingests", [marker], tables.INGESTS, [])
        self.commits += 1
        self._items, self._copies, self._thumbnails, self._stamps = [], [], [], []

    def _name_items(self) -> None:
        """Give the records of events the ids of their items."""
        nameless = [record for record in self._copies if not record["item_id"]]
        if not nameless:
            return
        names = {record["row"]: record["item_id"] for record in self._items}
        rows = sorted({record["row"] for record in nameless} - names.keys())
        if rows:
            found = self.store.take("items", rows, ["row", "item_id"]).to_pylist()
            names |= {record["row"]: record["item_id"] for record in found}
        for record in nameless:
            record["item_id"] = names[record["row"]]

    def _ensure_extras(self) -> list[pa.Field]:
        """Make columns for what only these sources have, in items and copies alike, and return them."""
        records = [*self._items, *self._copies]
        ours = {*tables.ITEMS.names, *tables.COPIES.names}
        names = dict.fromkeys(name for record in records for name in record if name not in ours)
        kinds = {name: extra_type(record.get(name) for record in records) for name in names}
        fields = [pa.field(name, kind) for name, kind in kinds.items() if kind is not None]
        if not fields:
            return []
        for table, schema in (("items", tables.ITEMS), ("copies", tables.COPIES)):
            if not self.store.has(table):
                self.store.append(table, schema.empty_table(), schema)
            present = self.store.ensure_columns(table, fields)
            # A column of items may be wider already; copies follow.
            fields = [present.field(field.name) for field in fields]
        return fields

    def _append(
        self, table: str, records: list[dict[str, Any]], schema: pa.Schema, extras: list[pa.Field]
    ) -> None:
        if not records:
            return
        for record in records:
            record.update(
                {each.name: as_type(record[each.name], each.type) for each in extras if each.name in record}
            )
        own = [each for each in extras if any(each.name in record for record in records)]
        schema = pa.schema([*schema, *own])
        self.store.append(table, pa.Table.from_pylist(records, schema), schema)


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
            "prompt": picture.prompt or None,
            "prompt_source": picture.prompt_source or None,
            "has_prompt": bool(picture.prompt),
            "phash": facts.phash,
            "sharpness": facts.sharpness,
            "border": facts.border,
        }
    return record
