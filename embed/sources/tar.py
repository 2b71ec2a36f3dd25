"""WebDataset tars: members that share a name are one sample; pictures, captions and JSON may lie anywhere in the tar.

Headers are read first, all of them; then the small text members; pictures are read later, by their place in the tar.
"""

from __future__ import annotations

import json
import re
import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from embed.sources.annotation import Annotation, annotation_of_tags, clean, joined, readable
from embed.sources.base import Known, Source, SourceOptions, SourceRecord, annotation_stamp, file_stamp
from embed.sources.encodings import Encoding
from embed.sources.endings import IMAGE_ENDINGS
from embed.sources.fields.reader import FieldReader
from embed.sources.files import files_of
from embed.sources.listing import text_record
from embed.sources.sidecars.base import SidecarFile
from embed.sources.sidecars.caption import LOST
from embed.sources.sidecars.img2dataset import Img2datasetFile
from index.images.formats import looks_like_image
from index.images.reader import file_uri, tar_uri
from schema.errors import SourceError
from schema.source_metadata import SourceMetadata, typed
from schema.tags.parsing import read_caption, read_tags

_TEXT_BYTES = 2**20
_NUMBERS = re.compile(r"\d+(\.\d+)+")
_TEXTS = frozenset({"txt", "text", "caption", "tags", "json", "id", "cls"})


@dataclass(slots=True)
class _Member:
    """One file in a tar: its folder, its name up to the last dot, its ending, its place."""

    folder: str
    stem: str
    ending: str
    offset: int
    size: int

    @property
    def key(self) -> str:
        """The sample that WebDataset takes it for: its name up to the first dot."""
        return f"{self.folder}{self.stem.partition('.')[0]}"

    @property
    def middle(self) -> str:
        """What stands between the first dot and the last one."""
        return self.stem.partition(".")[2]


@dataclass(slots=True)
class _Sample:
    """Members of one key in the order of the tar."""

    key: str
    pictures: list[_Member] = field(default_factory=list)
    texts: list[_Member] = field(default_factory=list)

    def pairs(self) -> tuple[list[list[_Member]], list[_Member]]:
        """Return the texts of each picture, and those of none.

        A text belongs to the pictures whose stem is its own, or begins with it at a dot. Where no text has the whole
        stem of a picture with dots in it, parts of a sample have names of their own (sample.input.jpg and
        sample.output.txt), and all of them belong together; numbers such as 22.05 are never such names.
        """
        by_stem: dict[str, list[_Member]] = {}
        for text in self.texts:
            by_stem.setdefault(text.stem, []).append(text)
        dotted = any(picture.middle and picture.stem in by_stem for picture in self.pictures)
        taken: set[str] = set()
        found: list[list[_Member]] = []
        for picture in self.pictures:
            parts = picture.stem.split(".")
            stems = [".".join(parts[:count]) for count in range(len(parts), 0, -1)]
            own = [stem for stem in stems if stem in by_stem]
            if not dotted:
                own += [stem for stem in by_stem if stem not in own and not _NUMBERS.fullmatch(stem)]
            taken.update(own)
            found.append(
                [text for text in self.texts if text.stem in own]
                if len(own) > 1
                else [text for stem in own for text in by_stem[stem]]
            )
        return found, [text for text in self.texts if text.stem not in taken]


class TarSource(Source):
    """Lists the samples of one tar, or of all those in a folder in sorted order."""

    def __init__(self, path: Path, options: SourceOptions) -> None:
        self._path = path
        self._options = options
        self._reader = FieldReader(taken=options.taken)
        self._notes: list[str] = []
        self._unclaimed: Counter[str] = Counter()

    def notes(self) -> list[str]:
        """Return which members and files nobody claimed."""
        left = [f"{count:,} {readable(ending)}" for ending, count in self._unclaimed.most_common(12)]
        found = (
            [f"{sum(self._unclaimed.values()):,} members of tars were not read: {', '.join(left)}"]
            if left
            else []
        )
        return self._notes + found

    def records(self, known: Known) -> Iterator[SourceRecord]:
        """Yield one record per picture, or per sample that has only a text; a torn tar ends in a failed row."""
        paths, self._notes = files_of(self._path, (".tar",), beside=(".parquet",))
        for path, name in paths:
            failure: Exception | None = None
            members: list[_Member] = []
            try:
                members.extend(self._members(path))
            except (tarfile.TarError, OSError, EOFError, ValueError) as error:
                if not self._path.is_dir() and isinstance(error, OSError):
                    raise SourceError(f"cannot read {path}: {error.strerror or error}") from error
                failure = error  # what came before the damage is whole
            yield from self._tar(path, name, members, known)
            if failure is not None:
                reason = f"damaged tar, read up to the damage: {' '.join(str(failure).split())[:160]}"
                yield SourceRecord(name, file_uri(path), reason=clean(reason))
            yield from self._failed_rows(path, name)

    def _members(self, path: Path) -> Iterator[_Member]:
        with tarfile.open(path, "r:", errors="surrogateescape") as tar:
            while (member := tar.next()) is not None:
                # tarfile remembers every header; a shard of a million members is not worth a gigabyte.
                tar.members = []  # type: ignore[attr-defined]
                folder, slash, base = member.name.rpartition("/")
                if not member.isreg() or base.startswith("._") or not base or member.sparse is not None:
                    continue
                stem, _, ending = base.rpartition(".")
                ending = ending.lower() if stem else ""
                found = _Member(f"{folder}{slash}", stem or base, ending, member.offset_data, member.size)
                if ending in _TEXTS and member.size > _TEXT_BYTES:
                    self._unclaimed[f"{ending} of more than {_TEXT_BYTES:,} bytes"] += 1
                elif ending in _TEXTS or f".{ending}" in IMAGE_ENDINGS or _sniff(tar, member):
                    yield found
                else:
                    self._unclaimed[f".{ending}" if ending else "without an ending"] += 1
            # tarfile takes a torn or wrong header for the end, unless it is the very first one.
            if _torn(path, tar.offset):
                raise tarfile.ReadError(f"no valid header at byte {tar.offset:,}")

    def _tar(self, path: Path, name: str, members: list[_Member], known: Known) -> Iterator[SourceRecord]:
        samples: dict[str, _Sample] = {}
        for member in members:
            sample = samples.setdefault(member.key, _Sample(member.key))
            (sample.texts if member.ending in _TEXTS else sample.pictures).append(member)
        with open(path, "rb") as file:
            texts = _Texts(file, self._options, self._reader, [m for m in members if m.ending in _TEXTS])
            stamp = file_stamp(path) if self._options.stamps else 0
            for sample in samples.values():
                paired, orphans = sample.pairs()
                for picture, own in zip(sample.pictures, paired, strict=True):
                    ending = f"{picture.middle}.{picture.ending}".strip(".")
                    key = readable(f"{name}/{sample.key}.{ending}" if ending else f"{name}/{sample.key}")
                    said = texts.annotation(own, readable(sample.key))
                    uri = tar_uri(path, picture.offset, picture.size)
                    said_stamp = annotation_stamp(said)
                    unchanged = known(key, uri, stamp, said_stamp)
                    yield SourceRecord(key, uri, None if unchanged else said, "", stamp, said_stamp)
                if orphans := [text for text in orphans if text.ending not in ("id", "cls")]:
                    said = texts.annotation(orphans)
                    row = text_record(readable(f"{name}/{sample.key}"), said)
                    keys = tuple(dict.fromkeys((readable(sample.key), *said.keys)))
                    whole = Annotation(keys, said.tags, row.annotation.text, said.identity, said.metadata)
                    stamp_of_text = annotation_stamp(whole)
                    yield SourceRecord(
                        readable(f"{name}/{sample.key}"), "", whole, row.reason, said_stamp=stamp_of_text
                    )
            for key, reason in texts.failures:
                yield SourceRecord(f"{name}/{key}", reason=reason, aside=True)

    def _failed_rows(self, path: Path, name: str) -> Iterator[SourceRecord]:
        """Yield the rows of the table beside an img2dataset shard whose pictures could not be fetched."""
        table = path.with_suffix(".parquet")
        if not table.is_file():
            return
        for entry in Img2datasetFile(self._options).entries(SidecarFile(str(table), self._options)) or ():
            if entry.reason:
                yield SourceRecord(
                    f"{name}/{entry.subject.removeprefix('stem:')}", "", entry.said, entry.reason
                )


class _Texts:
    """Reads the text members of one tar, decoded alike, and turns them into annotations."""

    def __init__(
        self, file: BinaryIO, options: SourceOptions, reader: FieldReader, members: list[_Member]
    ) -> None:
        self._file = file
        self._reader = reader
        self._encoding = Encoding(options.encoding, (lambda: map(self._bytes, members),))
        self.failures: list[tuple[str, str]] = []

    def _bytes(self, member: _Member) -> bytes:
        self._file.seek(member.offset)
        return self._file.read(member.size)

    def annotation(self, members: list[_Member], *keys: str) -> Annotation:
        """Return what text members say together; ``keys`` come before the ids in them."""
        found = joined(self._one(member) for member in members)
        own = tuple(dict.fromkeys((*keys, *found.keys)))
        return Annotation(own, found.tags, found.text, found.identity, found.metadata, found.reason)

    def _one(self, member: _Member) -> Annotation:
        said = self._encoding.decode(self._bytes(member))
        if said.doubtful:
            name = readable(f"{member.folder}{member.stem}.{member.ending}")
            self.failures.append((name, LOST.format(lost=said.lost)))
        if member.ending == "json":
            try:
                record = json.loads(said.text)
            except (ValueError, RecursionError) as error:
                name = readable(f"{member.folder}{member.stem}.json")
                self.failures.append((name, f"not readable JSON: {str(error)[:120]}"))
                return Annotation()
            return self._reader.annotate(record) if isinstance(record, dict) else Annotation()
        if member.ending == "tags":
            return annotation_of_tags(read_tags(said.text))
        if member.ending == "id":
            return Annotation((clean(said.text.strip()),))
        if member.ending == "cls":
            value = typed(clean(said.text))
            return Annotation(metadata=SourceMetadata(extras={} if value is None else {"cls": value}))
        return annotation_of_tags(*read_caption(said.text))


def _torn(path: Path, offset: int) -> bool:
    size = path.stat().st_size
    with open(path, "rb") as file:
        file.seek(min(offset, size))
        return offset > size or any(file.read(512))


def _sniff(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bool:
    file = tar.extractfile(member)
    return file is not None and looks_like_image(file.read(32))
