"""What the store has of each listed entry: its row, its address, and the stamps by which a change is seen."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator, Mapping
from typing import Any

from embed.ingest.digests import Digests
from embed.sources.base import SourceRecord, stamp_of
from index.images.reader import file_path
from index.store import Store
from index.store.database import Database
from index.store.items.revisions import WITHDRAWN
from schema import tables
from schema.ids import key_digest
from schema.source_metadata import as_text

PRESENT, FAILED, STAMPED, SEEN, NEW = 1, 2, 4, 8, 16
"""Flags of an entry: a source has it, it could not be read, its stamps are known, it was listed in this run or came
with it."""

_NOT_WORDS = frozenset({"row", "item_id", "source", "ordinal", "uri", "commit", "event"})
_MEASURED = frozenset(tables.ITEMS.names) - frozenset(tables.COPIES.names)


class KnownEntries:
    """Entries of all sources by the digest of their key; an entry that came twice has a number behind its key.

    Memory: 66 bytes an entry, 24 more for each distinct content (``contents``: its id to its row).
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._digests = Digests()
        self.contents = Digests()
        self.rows = array("q")
        self.places = array("q")
        self.content = array("q")
        self.said = array("q")
        self.words = array("q")
        self.flags = bytearray()
        self._sources = array("i")
        self._load()

    def __len__(self) -> int:
        return len(self.rows)

    # ---- loading

    def _load(self) -> None:
        columns = ["row", "item_id", "source", "keys", "uri", "text", "status", "bytes"]
        for batch in Database.scan(self._store, "items", columns):
            for record in batch.to_pylist():
                self.contents.add(bytes.fromhex(record["item_id"]), record["row"])
                flags = PRESENT | (FAILED if record["status"] == "failed" else 0)
                index = self._new(record, flags)
                # Without a stamp, a file of another size is another file.
                self.content[index] = -int(record["bytes"] or 0)
        events = "event" in self._store.schema("copies").names if self._store.has("copies") else False
        columns = ["row", "source", "keys", "uri", "text", *(["event"] if events else [])]
        for batch in Database.scan(self._store, "copies", columns):
            for record in batch.to_pylist():
                event = record.get("event")
                if event is None:
                    self._new(record, PRESENT)
                elif (known := self._of_row(record)) is not None:
                    withdrawn = event in WITHDRAWN
                    self.flags[known] = (
                        self.flags[known] & ~PRESENT if withdrawn else self.flags[known] | PRESENT
                    )
                    if not withdrawn:
                        self.places[known] = stamp_of(record["uri"] or record["text"] or "")
                    if event == "replaced":
                        self.rows[known] = -1
        for batch in self._store.scan("source_stamps"):
            for stamps in batch.to_pylist():
                found = self._digests.get(stamps["key"])
                if found is not None:
                    self.stamp(found, stamps["content"], stamps["said"], stamps["words"])
        if not all(flags & STAMPED for flags in self.flags):
            self._load_words()

    def _load_words(self) -> None:
        """Take the stamps of words from what was stored, for entries that have none, as in an older release's store."""
        for table in ("items", "copies"):
            for batch in Database.scan(self._store, table):
                for record in batch.to_pylist():
                    if record.get("event") in (*WITHDRAWN, "kept"):
                        continue
                    index = self._of_row(record)
                    if index is not None and not self.flags[index] & STAMPED:
                        self.words[index] = words_stamp(record)

    def _new(self, record: Mapping[str, Any], flags: int) -> int:
        key = (record["keys"] or [""])[0]
        place = stamp_of(record["uri"] or record["text"] or "")
        return self.add(record["source"], key, record["row"], place, flags)

    def _of_row(self, record: Mapping[str, Any]) -> int | None:
        key = (record["keys"] or [""])[0]
        found = (index for index in self._chain(record["source"], key) if self.rows[index] == record["row"])
        return next(found, None)

    # ---- asking

    def _chain(self, source: int, key: str) -> Iterator[int]:
        number = 1
        while (index := self._digests.get(entry_digest(source, key, number))) is not None:
            yield index
            number += 1

    def find(self, source: int, record: SourceRecord) -> int | None:
        """Return the entry of a listed record that was not listed in this run before, or None for a new one."""
        gone: int | None = None
        for index in self._chain(source, record.key):
            if self.flags[index] & SEEN or self.rows[index] < 0:
                continue
            if self.flags[index] & PRESENT:
                return index
            gone = index if gone is None else gone
        return gone

    def repeats(self, source: int, record: SourceRecord) -> bool:
        """Tell whether an earlier record of this run has the same key and address."""
        place = place_of(record)
        return any(
            self.flags[index] & SEEN and self.places[index] == place
            for index in self._chain(source, record.key)
        )

    def has_same_file(self, index: int, record: SourceRecord) -> bool:
        """Tell, without reading it, whether the picture of an entry is in the same state as when it was read."""
        if self.flags[index] & STAMPED:
            return record.content_stamp != 0 and self.content[index] == record.content_stamp
        # A store of an older release has no stamps: a file is compared by its size, anything else is trusted.
        if "#" in record.uri:
            return True
        try:
            return os.path.getsize(file_path(record.uri)) == -self.content[index]
        except (OSError, ValueError):
            return False

    def source_of(self, index: int) -> int:
        """Return the number of the source that an entry is of."""
        return self._sources[index]

    def sources(self) -> set[int]:
        """Return the numbers of all sources that have entries."""
        return set(self._sources)

    def present(self, source: int) -> list[int]:
        """Return the entries that a source has."""
        return [
            index
            for index, number in enumerate(self._sources)
            if number == source and self.flags[index] & PRESENT
        ]

    def unseen(self, source: int) -> list[int]:
        """Return the entries of a source that are present and were not listed in this run."""
        return [index for index in self.present(source) if not self.flags[index] & SEEN]

    def missing(self, source: int) -> list[int]:
        """Return the entries of a source that were marked as missing."""
        return [
            index
            for index, number in enumerate(self._sources)
            if number == source and not self.flags[index] & (PRESENT | SEEN) and self.rows[index] >= 0
        ]

    def names(self, source: int, entries: set[int]) -> Iterator[tuple[int, str, str]]:
        """Yield (entry, key, uri) of some entries of a source, read from the store."""
        columns, where = ["row", "source", "keys", "uri"], f"source = {source}"
        for table in ("items", "copies"):
            plain = "event IS NULL" if table == "copies" else "true"
            for batch in Database.scan(self._store, table, columns, f"{where} AND {plain}"):
                for record in batch.to_pylist():
                    index = self._of_row(record)
                    if index in entries:
                        entries.discard(index)
                        yield index, (record["keys"] or [""])[0], record["uri"] or ""

    # ---- noting

    def add(self, source: int, key: str, row: int, place: int, flags: int) -> int:
        """Take a new entry and return its number."""
        number = 1
        while entry_digest(source, key, number) in self._digests:
            number += 1
        index = len(self.rows)
        self._digests.add(entry_digest(source, key, number), index)
        self.rows.append(row)
        self.places.append(place)
        for stamps in (self.content, self.said, self.words):
            stamps.append(0)
        self.flags.append(flags)
        self._sources.append(source)
        return index

    def stamp(self, index: int, content: int, said: int, words: int) -> None:
        """Remember the stamps of an entry."""
        self.content[index], self.said[index], self.words[index] = content, said, words
        self.flags[index] |= STAMPED

    def digest_of(self, index: int, source: int, key: str) -> bytes:
        """Return the digest under which the stamps of an entry are kept."""
        number = 1 + next(at for at, found in enumerate(self._chain(source, key)) if found == index)
        return entry_digest(source, key, number)


def entry_digest(source: int, key: str, number: int = 1) -> bytes:
    """Return 16 bytes that name an entry: its source, its key, and which of several with that key it is."""
    return key_digest(str(source), key if number == 1 else f"{key}\0{number}")


def place_of(record: SourceRecord) -> int:
    """Return the stamp of a record's address, or of its text where it has no picture."""
    return stamp_of(record.uri or record.annotation.text)


def words_stamp(columns: Mapping[str, Any]) -> int:
    """Return the stamp of what is said of an item, from its columns: equal for equal words however they came."""
    filled = {
        name: _normal(value)
        for name, value in columns.items()
        if name not in _NOT_WORDS and name not in _MEASURED | {"event"} and value not in (None, "", [])
    }
    return stamp_of(sorted(filled.items()))


def _normal(value: Any) -> Any:
    """Return a value in one form: a column may have been widened since, from whole numbers to floats or to text."""
    if isinstance(value, (list, tuple)):
        return tuple(str(part) for part in value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return as_text(value)
