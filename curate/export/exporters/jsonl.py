"""JSON lines: one item a line, under the same names and with the same values as in Parquet."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc

from curate.export.exporters.base import Exporter, Output

# Line ends for readers that split text where Unicode says; JSON itself leaves them as they are.
LINE_ENDS = str.maketrans({"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"})


class JsonlExporter(Exporter):
    """Writes part-00000.jsonl and on; an export without rows is one empty file."""

    _file: IO[str] | None = None
    _part = 0
    _rows = 0

    def write(self, batch: pa.RecordBatch) -> int:
        """See Exporter.write."""
        for row in json_rows(batch, self.output):
            self._opened().write(json_line(row) + "\n")
            self._rows += 1
            if self._rows >= self.output.settings.rows_per_file:
                self._end_part()
        return int(batch.num_rows)

    def close(self) -> None:
        """See Exporter.close."""
        if not self._part:
            self._opened()
        self._end_part()

    def _opened(self) -> IO[str]:
        if self._file is None:
            path = self.output.folder / f"part-{self._part:05d}.jsonl"
            self._file = open(path, "w", encoding="utf-8", newline="\n")
            self._rows = 0
        return self._file

    def _end_part(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
            self._part += 1


def json_rows(batch: pa.RecordBatch, output: Output) -> Iterator[dict[str, Any]]:
    """Yield the rows of a batch as JSON objects: the columns by name and, where asked for, ``attributes``."""
    # Before they become Python's 64-bit numbers: the shortest number that reads back as the same 32-bit one.
    names, columns = [], []
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        names.append(name)
        columns.append(_shortest(column) if pa.types.is_float32(column.type) else column.to_pylist())
    wanted = output.names
    for values in zip(*columns, strict=True):
        record = dict(zip(names, values, strict=True))
        row = {name: record[name] for name in wanted}
        if output.settings.attributes:
            row["attributes"] = output.vocabulary.row(record)
        yield row


def _shortest(column: pa.Array) -> list[float | None]:
    return [None if text is None else float(text) for text in pc.cast(column, pa.string()).to_pylist()]


def json_line(row: Mapping[str, Any]) -> str:
    """Return a row as one line of JSON, without its end."""
    return json.dumps(row, ensure_ascii=False).translate(LINE_ENDS)
