"""metadata.jsonl and metadata.csv as Hugging Face's ImageFolder has them: rows that name pictures below them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

from embed.sources.records import Record, records
from embed.sources.sidecars.base import Entry, Sidecar, SidecarFile
from embed.sources.table_columns import PEEK_ROWS, find_columns, named_pictures


class MetadataFile(Sidecar):
    """Rows in their order, which is that of the listing; a row without a picture is a text."""

    patterns = ("metadata.jsonl", "metadata.csv", "metadata.parquet")
    many = True

    def entries(self, file: SidecarFile) -> Iterator[Entry]:
        """Yield an entry a row; its subject is empty where the row names no picture."""
        rows = _rows(file, self.options.encoding)
        first = list(islice(rows, PEEK_ROWS))
        names = list(dict.fromkeys(name for row in first for name in row.fields))
        columns = find_columns(names, [row.fields for row in first], self.options, file.name, strict=False)
        columns.reader.cells = file.name.lower().endswith(".csv")
        self.notes += columns.notes
        for row in chain(first, rows):
            if row.reason:
                yield Entry("", columns.reader.annotate({}), row.reason, line=row.line)
                continue
            if columns.image not in row.fields:
                # JSON rows may leave columns out, so the picture's may come late.
                known = [*names, *(name for name in row.fields if name not in names)]
                image = find_columns(known, [], self.options, file.name, strict=False).image
                columns.image = image if image in row.fields else columns.image
            said = columns.reader.annotate(row.fields, (columns.image,))
            for name in named_pictures(row.fields, columns.image) or [""]:
                yield Entry(name, said, line=row.line)


def _rows(file: SidecarFile, encoding: str) -> Iterator[Record]:
    if not file.name.lower().endswith(".parquet"):
        yield from records(Path(file.path), encoding)
        return
    import pyarrow.parquet as pq

    with pq.ParquetFile(file.path) as table:
        number = 0
        for batch in table.iter_batches(4096):
            for row in batch.to_pylist():
                yield Record(number, row)
                number += 1
