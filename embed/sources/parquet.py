"""Parquet files whose rows are pictures: a path, the bytes, Hugging Face's {bytes, path}, a list of them; or texts.

Listing reads every column but the bytes; those are read later, by row, through the uri. A folder as the Hugging Face
hub has it (README.md, data/*.parquet) is a source as it stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from embed.sources.annotation import Annotation, readable
from embed.sources.base import Known, Source, SourceOptions, SourceRecord, annotation_stamp, file_stamp
from embed.sources.files import files_of
from embed.sources.listing import path_record, text_record
from embed.sources.picture_folder import PictureFolder
from embed.sources.table_columns import PEEK_ROWS, TableColumns, find_columns, left_out_notes
from index.images.reader import file_uri, row_uri
from schema.errors import SourceError

_BATCH_ROWS = 4096


class ParquetSource(Source):
    """Lists the rows of a Parquet file, or of all those in a folder in sorted order."""

    def __init__(self, path: Path, options: SourceOptions) -> None:
        self._path = path
        self._options = options
        self._notes: dict[str, None] = {}

    def notes(self) -> list[str]:
        """Return how columns were understood, and which files of a folder nobody claimed."""
        return list(self._notes)

    def records(self, known: Known) -> Iterator[SourceRecord]:
        """Yield one record per picture; of several files, one that cannot be read is a failed row."""
        paths, notes = files_of(self._path, (".parquet", ".pq"))
        self._notes.update(dict.fromkeys(notes))
        for path, name in paths:
            try:
                yield from self._file(path, name, known)
            except (OSError, pa.ArrowException) as error:
                reason = f"cannot be read as Parquet: {' '.join(str(error).split())[:160]}"
                if not self._path.is_dir():
                    raise SourceError(f"{path} {reason}") from error
                yield SourceRecord(name, file_uri(path), reason=reason)

    def _file(self, path: Path, name: str, known: Known) -> Iterator[SourceRecord]:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            plain_columns = [field.name for field in schema if _is_plain(field.type)]
            peek = _peek(file, plain_columns)
            columns = find_columns(schema.names, peek, self._options, str(path))
            if columns.image not in schema.names or not _names_pictures(schema.field(columns.image).type):
                columns.image = _picture_column(schema)
            pictures = None if columns.image else PictureFolder.beside(path, peek)
            if not (columns.image or pictures or columns.has_words):
                raise SourceError(
                    f"{path} has no column of pictures, tags or texts; it has: {', '.join(schema.names)}",
                    "Name them: ingest.image_column, ingest.tags_column, ingest.text_column.",
                )
            self._tell(schema, columns, path.name)
            kind = schema.field(columns.image).type if columns.image else pa.null()
            table = _Table(path, name, columns, kind, file_stamp(path) if self._options.stamps else 0)
            wanted = [each for each in plain_columns if each != columns.image]
            wanted += table.place_columns(file)
            row = 0
            for batch in file.iter_batches(_BATCH_ROWS if not table.heavy else 64, columns=wanted):
                for record in batch.to_pylist():
                    place = record.pop(columns.image, None) if columns.image else None
                    said = columns.reader.annotate(record)
                    if pictures is not None:
                        yield pictures.record(record, said, known, self._options.stamps)
                    else:
                        yield from table.records(row, place, said, known)
                    row += 1
            self._notes.update(dict.fromkeys(left_out_notes(columns.reader, path.name)))
            if pictures is not None:
                self._notes.update(dict.fromkeys(pictures.notes()))

    def _tell(self, schema: pa.Schema, columns: TableColumns, name: str) -> None:
        self._notes.update(dict.fromkeys(columns.notes))
        skipped = [each.name for each in schema if not _is_plain(each.type) and each.name != columns.image]
        if skipped:
            listed = ", ".join(readable(each) for each in skipped[:8])
            note = f"columns of {name} that hold bytes or long lists of numbers were left out: {listed}"
            self._notes[note] = None


@dataclass(frozen=True, slots=True)
class _Table:
    """One file: where its pictures are, by the type of the column that names or holds them."""

    path: Path
    name: str
    columns: TableColumns
    kind: pa.DataType
    stamp: int

    @property
    def heavy(self) -> bool:
        """Whether bytes pass through the listing: only a list's length tells how many pictures there are."""
        return _is_list(self.kind) and not _is_text(self.kind.value_type) and not self._has_paths

    @property
    def _has_paths(self) -> bool:
        inner = self.kind.value_type if _is_list(self.kind) else self.kind
        return pa.types.is_struct(inner) and any(field.name == "path" for field in inner)

    def place_columns(self, file: pq.ParquetFile) -> list[str]:
        """Return the columns to read of the picture's: of a struct its path alone, never the bytes of all pictures."""
        image = self.columns.image
        if not image:
            return []
        if self._has_paths:
            leaves = [file.schema.column(number).path for number in range(len(file.schema))]
            return [leaf for leaf in leaves if leaf.startswith(f"{image}.") and leaf.endswith(".path")]
        return [image] if _is_text(self.kind) or _is_list(self.kind) else []

    def records(self, row: int, place: Any, said: Annotation, known: Known) -> Iterator[SourceRecord]:
        """Yield the record of each picture of a row: one, or those of a list with a number behind the key."""
        key = f"{self.name}#{row}"
        if not self.columns.image:
            yield text_record(key, said)
        elif said.reason:
            yield SourceRecord(key, "", said, said.reason)
        elif not _is_list(self.kind):
            yield self._one(key, row, place, None, said, known)
        elif not place:
            yield text_record(key, said)
        else:
            for number, part in enumerate(place):
                yield self._one(f"{key}.{number}", row, part, number, said, known)

    def _one(
        self, key: str, row: int, place: Any, number: int | None, said: Annotation, known: Known
    ) -> SourceRecord:
        inner = self.kind.value_type if _is_list(self.kind) else self.kind
        if _is_text(inner):
            value = str(place or "").strip()
            if not value:
                return text_record(key, said)
            return path_record(self.path.parent, value, said, known, self.stamp != 0)
        path = place.get("path") if isinstance(place, dict) else None
        if path:
            keys = tuple(dict.fromkeys((*said.keys, readable(str(path)))))
            said = Annotation(keys, said.tags, said.text, said.identity, said.metadata)
        uri = row_uri(self.path, row, self.columns.image, number)
        stamp = annotation_stamp(said)
        unchanged = known(key, uri, self.stamp, stamp)
        return SourceRecord(key, uri, None if unchanged else said, "", self.stamp, stamp)


def _peek(file: pq.ParquetFile, columns: list[str]) -> list[dict[str, Any]]:
    if not columns:
        return []
    batch = next(file.iter_batches(PEEK_ROWS, columns=columns), None)
    return batch.to_pylist() if batch is not None else []


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
    )


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _is_plain(kind: pa.DataType) -> bool:
    """Tell columns that are read while listing: no bytes in them, and no embeddings."""
    if _is_bytes(kind):
        return False
    if _is_list(kind):
        inner = kind.value_type
        return _is_plain(inner) and not (pa.types.is_floating(inner) or _is_list(inner))
    if pa.types.is_struct(kind):
        return all(_is_plain(field.type) for field in kind)
    return not pa.types.is_map(kind)


def _holds_picture(kind: pa.DataType) -> bool:
    if _is_list(kind):
        return _holds_picture(kind.value_type)
    if pa.types.is_struct(kind):
        names = {field.name for field in kind}
        return any(field.name == "bytes" and _is_bytes(field.type) for field in kind) or names == {
            "bytes",
            "path",
        }
    return _is_bytes(kind)


def _names_pictures(kind: pa.DataType) -> bool:
    inner = kind.value_type if _is_list(kind) else kind
    return _is_text(inner) or _holds_picture(kind)


def _picture_column(schema: pa.Schema) -> str:
    """The first column that can only be a picture: binary, a struct with bytes in it, or a list of either."""
    found = next((str(field.name) for field in schema if _holds_picture(field.type)), "")
    # A struct that was flattened: image.bytes beside image.path, or the path alone.
    return found or next((name for name in schema.names if name.lower().endswith(".path")), "")
