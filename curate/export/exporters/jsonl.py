"""JSON lines: one item a line, under the same names and with the same values as in Parquet."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curate.export.exporters.base import Output
from curate.export.exporters.sharded import Shard, ShardedExporter

# Line ends for readers that split text where Unicode says; JSON itself leaves them as they are.
LINE_ENDS = str.maketrans({"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"})


class JsonlExporter(ShardedExporter):
    """Writes part-00000.jsonl and on; an export without rows is one empty file."""

    name = "jsonl"

    def shard_name(self, group: str, number: int) -> str:
        """See ShardedExporter."""
        return f"part-{number:05d}.jsonl"

    def begin(self, group: str, name: str) -> Shard:
        """See ShardedExporter."""
        return _JsonlShard(self.output, self.output.folder / name)


class _JsonlShard(Shard):
    def __init__(self, output: Output, path: Path) -> None:
        super().__init__()
        self._output = output
        self._path = path
        self._file = open(path, "w", encoding="utf-8", newline="\n")

    def add(self, batch: pa.RecordBatch) -> int:
        for row in json_rows(batch, self._output):
            self._file.write(json_line(row) + "\n")
        return int(batch.num_rows)

    def close(self) -> Sequence[Path]:
        self._file.close()
        return [self._path]


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
