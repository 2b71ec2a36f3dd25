"""The one value that sources produce, what they are told, and the protocol they follow."""

from __future__ import annotations

import os
import stat
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Protocol, TypeAlias

from embed.sources.annotation import Annotation
from index.images.reader import file_uri
from schema.settings import IngestSettings

Known: TypeAlias = Callable[[str, str, int, int], bool]
"""Asked with (key, uri, stamp of the content, stamp of what is said) before a source opens a caption: what is in the
store and did not change need not be read again."""

NOTHING_SAID = Annotation()


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """One listed thing: a picture, a text, or a row that can be neither and says why in ``reason``.

    ``key`` names it within its source; ``uri`` is empty when there is no picture. ``said`` is None where the store has
    it unchanged. The stamps tell a change without reading: ``content_stamp`` of the file that the picture is in,
    ``said_stamp`` of what ``said`` was read from; 0 is unknown. ``aside``: no entry of the listing itself, such as a
    caption that cannot be read; ``repeated``: an earlier entry named the same picture.
    """

    key: str
    uri: str = ""
    said: Annotation | None = NOTHING_SAID
    reason: str = ""
    content_stamp: int = 0
    said_stamp: int = 0
    aside: bool = False
    repeated: bool = False

    @property
    def annotation(self) -> Annotation:
        """What is said of it; empty where it was not read again."""
        return self.said if self.said is not None else NOTHING_SAID


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """What every source is told: the ingest settings, the encoding of texts, and the column names that are ours."""

    settings: IngestSettings = field(default_factory=IngestSettings)
    encoding: str = ""
    taken: frozenset[str] = frozenset()

    @property
    def stamps(self) -> bool:
        """Whether files are looked at for changes."""
        return self.settings.refresh != "never"


class Source(Protocol):
    """A place that lists items; the order is the same every time."""

    @abstractmethod
    def records(self, known: Known) -> Iterator[SourceRecord]:
        """Yield everything in listing order; of what is ``known``, ``said`` may be left out."""
        ...

    def notes(self) -> list[str]:
        """Return what is worth telling after the listing, such as files that nobody claimed."""
        return []

    def unlisted(self) -> tuple[str, ...]:
        """Return the beginnings of keys that could not be listed this time: they are not missing."""
        return ()


def picture_record(key: str, path: str, said: Annotation, known: Known, stamps: bool) -> SourceRecord:
    """Return the record of a picture file; without what is said of it where the store has that already."""
    uri = file_uri(path)
    stamp, content = annotation_stamp(said), file_stamp(path) if stamps else 0
    return SourceRecord(key, uri, None if known(key, uri, content, stamp) else said, "", content, stamp)


def file_stamp(path: str | os.PathLike[str], *more: object) -> int:
    """Return a number that changes when a file is written to (size and time of change), 0 for a missing file."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return 0
    return stamp_of(status.st_size, status.st_mtime_ns, *more) if stat.S_ISREG(status.st_mode) else 0


def stamp_of(*parts: object) -> int:
    """Return a 63-bit number, never 0, that differs for different parts."""
    digest = blake2b(repr(parts).encode("utf-8", "backslashreplace"), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 1) or 1


def annotation_stamp(said: Annotation) -> int:
    """Return the stamp of an annotation that was read: it changes when anything in it does."""
    return stamp_of(said.keys, said.tags, said.text, said.identity, sorted_columns(said), said.reason)


def sorted_columns(said: Annotation) -> Iterable[tuple[str, object]]:
    """Return the columns of the metadata that are filled, by name."""
    return [
        (name, value) for name, value in sorted(said.metadata.columns().items()) if value not in (None, [])
    ]
