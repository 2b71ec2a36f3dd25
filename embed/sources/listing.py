"""A listing file, JSONL, JSON or CSV: one row per picture or text, with columns found or named in the settings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

from embed.sources.annotation import Annotation, clean, readable
from embed.sources.base import Known, Source, SourceOptions, SourceRecord, annotation_stamp, picture_record
from embed.sources.picture_folder import PictureFolder
from embed.sources.records import Record, records
from embed.sources.table_columns import PEEK_ROWS, TableColumns, find_columns, left_out_notes, named_pictures
from schema.errors import SourceError

WEB_ADDRESS = "is a web address; download it with img2dataset or gallery-dl and list the files"


class ListingSource(Source):
    """Lists the rows of one file; relative paths are looked up beside it, absolute ones are taken as they are.

    A table without a column of paths names pictures by an id: images/ID.* beside it.
    """

    def __init__(self, path: Path, options: SourceOptions) -> None:
        self._path = path
        self._options = options
        self._notes: list[str] = []
        self._csv = path.suffix.lower() in (".csv", ".tsv")

    def notes(self) -> list[str]:
        """Return how columns were understood, and what no column could hold."""
        return self._notes

    def records(self, known: Known) -> Iterator[SourceRecord]:
        """Yield one record per row, in the file's order; a row that cannot be parsed is a failed one."""
        lines = records(self._path, self._options.encoding)
        first = list(islice(lines, PEEK_ROWS))
        peek = [line.fields for line in first if not line.reason]
        names = list(dict.fromkeys(name for row in peek for name in row))
        columns = find_columns(names, peek, self._options, str(self._path), strict=self._csv)
        columns.reader.cells = self._csv
        pictures = None if columns.image else PictureFolder.beside(self._path, peek)
        if not columns.image and pictures is None and not columns.has_words and names:
            raise SourceError(
                f"{self._path} has no column of pictures, tags or texts; it has: {', '.join(names)}",
                "Name them: ingest.image_column, ingest.tags_column, ingest.text_column.",
            )
        for line in chain(first, lines):
            place = f"{readable(self._path.name)}#{line.line}"
            if line.reason:
                yield SourceRecord(place, reason=clean(line.reason))
                continue
            if not columns.image and pictures is None and any(name not in names for name in line.fields):
                # JSON rows may leave columns out, so the picture's may come late.
                names += [name for name in line.fields if name not in names]
                columns.image = find_columns(names, [], self._options, str(self._path), strict=False).image
            yield from self._row(place, line, columns, pictures, known)
        if names and not self._csv:
            find_columns(names, [], self._options, str(self._path))
        self._notes += columns.notes + left_out_notes(columns.reader, self._path.name)
        if pictures is not None:
            self._notes += pictures.notes()

    def _row(
        self, place: str, line: Record, columns: TableColumns, pictures: PictureFolder | None, known: Known
    ) -> Iterator[SourceRecord]:
        said = columns.reader.annotate(line.fields, (columns.image,))
        if pictures is not None:
            yield pictures.record(line.fields, said, known, self._options.stamps)
            return
        names = named_pictures(line.fields, columns.image)
        if not names:
            yield text_record(place, said)
        for name in names:
            yield path_record(self._path.parent, name, said, known, self._options.stamps)


def path_record(folder: Path, name: str, said: Annotation, known: Known, stamps: bool) -> SourceRecord:
    """Return the record of a row that names its picture by a path."""
    key = readable(name)
    if said.reason:
        return SourceRecord(key, key, said, said.reason)
    if "\0" in name:
        return SourceRecord(key, key, said, "no such file")
    try:
        path = resolve(folder, name)
    except ValueError as error:
        return SourceRecord(key, key, said, str(error))
    return picture_record(key, path, said, known, stamps)


def resolve(folder: Path, name: str) -> str:
    """Return the path that a listing in ``folder`` means by ``name``; ValueError with the reason when it may not."""
    if "://" in name and not name.startswith("file://"):
        raise ValueError(WEB_ADDRESS)
    name = name.removeprefix("file://")
    full = os.path.normpath(os.path.join(folder, name))
    if "\\" in name and not os.path.lexists(full):
        full = os.path.normpath(os.path.join(folder, name.replace("\\", "/")))
    if not os.path.isabs(name) and not full.startswith(os.path.join(os.path.normpath(folder), "")):
        raise ValueError("lies outside the source folder")
    return full


def text_record(place: str, said: Annotation) -> SourceRecord:
    """Return the record of a row without a picture: its text, else its tags as a text, else a failed row."""
    key = said.keys[0] if said.keys else place
    if said.reason:
        return SourceRecord(key, "", said, said.reason)
    text = said.text or ", ".join(tag.replace("_", " ") for tag in said.tags)
    if not text:
        return SourceRecord(key, reason="row has neither a picture nor a text")
    said = Annotation((), said.tags, text.strip(), said.identity, said.metadata)
    return SourceRecord(key, "", said, said_stamp=annotation_stamp(said))
