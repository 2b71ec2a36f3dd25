"""Parquet files whose rows are pictures: a path, the bytes, or Hugging Face's {bytes, path}; or texts alone.

Listing reads every column but the bytes; those are read later, by row, through the uri.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from embed.sources.columns import Columns, find_columns, words_of
from embed.sources.listing import resolve, text_row
from embed.sources.sighting import Known, Sighting, Source, readable
from index.images.reader import file_uri, row_uri
from schema.errors import SourceError
from schema.settings import IngestSettings

_BATCH_ROWS = 4096


class ParquetSource(Source):
    """Lists the rows of a Parquet file, or of all those in a folder in sorted order."""

    def __init__(self, path: Path, settings: IngestSettings) -> None:
        self._path = path
        self._settings = settings

    def sightings(self, known: Known) -> Iterator[Sighting]:
        """Yield one sighting per row; of several files, one that cannot be read is a failed row."""
        paths = sorted(self._path.rglob("*.parquet")) if self._path.is_dir() else [self._path]
        for path in paths:
            name = path.relative_to(self._path).as_posix() if self._path.is_dir() else path.name
            try:
                yield from self._file(path, readable(name))
            except (OSError, pa.ArrowException) as error:
                reason = f"cannot be read as Parquet: {' '.join(str(error).split())[:160]}"
                if not self._path.is_dir():
                    raise SourceError(f"{path} {reason}") from error
                yield Sighting(readable(name), file_uri(path), reason=reason)

    def _file(self, path: Path, name: str) -> Iterator[Sighting]:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            columns = find_columns(schema.names, self._settings, str(path))
            image = columns.image or _picture_column(schema)
            if image and not columns.image:
                columns = Columns(image, columns.tags, columns.text, columns.key, columns.identity)
            if not (image or columns.tags or columns.text):
                raise SourceError(
                    f"{path} has no column of pictures, tags or texts; it has: {', '.join(schema.names)}",
                    "Name them: ingest.image_column, ingest.tags_column, ingest.text_column.",
                )
            kind = schema.field(image).type if image else pa.null()
            wanted = [*columns.tags, *(n for n in (columns.text, columns.key, columns.identity) if n)]
            # Of a struct only its path: the bytes of five million pictures must not pass through here.
            inner = pa.types.is_struct(kind)
            has_path = inner and any(field.name == "path" for field in kind)
            if has_path:
                wanted.append(f"{image}.path")
            elif image and _is_text(kind):
                wanted.append(image)
            row = 0
            for batch in file.iter_batches(_BATCH_ROWS, columns=wanted):
                for record in batch.to_pylist():
                    yield self._row(path, name, row, record, columns, kind)
                    row += 1

    def _row(
        self, path: Path, name: str, row: int, record: dict[str, Any], columns: Columns, kind: pa.DataType
    ) -> Sighting:
        place = f"{name}#{row}"
        words = words_of(record, columns)
        if not columns.image:
            return text_row(place, words)
        if _is_text(kind):
            value = str(record.get(columns.image) or "").strip()
            if not value:
                return text_row(place, words)
            try:
                uri = file_uri(resolve(path.parent, value))
            except ValueError as error:
                return Sighting(readable(value), readable(value), words.keys, reason=str(error))
            return Sighting(readable(value), uri, words.keys, words.tags, words.text, words.identity)
        inside = record.get(columns.image)
        inner = readable(str(inside["path"])) if isinstance(inside, dict) and inside.get("path") else ""
        keys = tuple(dict.fromkeys(key for key in (*words.keys, inner) if key))
        return Sighting(
            place, row_uri(path, row, columns.image), keys, words.tags, words.text, words.identity
        )


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _picture_column(schema: pa.Schema) -> str:
    """The first column that can only be a picture: binary, or a struct with bytes in it."""
    for field in schema:
        binary = pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type)
        if binary or (pa.types.is_struct(field.type) and any(part.name == "bytes" for part in field.type)):
            return str(field.name)
    return ""
