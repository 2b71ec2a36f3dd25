"""CSV: the columns of Parquet as text; lists and records as JSON, nulls empty."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from curate.export.exporters.base import Output
from curate.export.exporters.jsonl import json_rows
from curate.export.exporters.sharded import Shard, ShardedExporter


class CsvExporter(ShardedExporter):
    """Writes part-00000.csv and on, UTF-8, a header in each."""

    name = "csv"

    def shard_name(self, group: str, number: int) -> str:
        """See ShardedExporter."""
        return f"part-{number:05d}.csv"

    def begin(self, group: str, name: str) -> Shard:
        """See ShardedExporter."""
        return _CsvShard(self.output, self.output.folder / name)


class _CsvShard(Shard):
    def __init__(self, output: Output, path: Path) -> None:
        super().__init__()
        self._output, self._path = output, path
        self._file = open(path, "w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow([*output.names, *["attributes"] * output.settings.attributes])

    def add(self, batch: pa.RecordBatch) -> int:
        for row in json_rows(batch, self._output):
            self._writer.writerow([_cell(value) for value in row.values()])
        return int(batch.num_rows)

    def close(self) -> Sequence[Path]:
        self._file.close()
        return [self._path]


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value
