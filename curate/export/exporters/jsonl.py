"""JSON lines: one item a line, its attributes under the titles that people read."""

from __future__ import annotations

import json
from typing import IO, Any

import pyarrow as pa

from curate.export.exporters.base import Exporter
from schema.vocabulary import Vocabulary

PLAIN = ("item_id", "keys", "uri", "width", "height", "tags", "text")
LAST = ("group_id", "verdict", "keep", "split")


class JsonlExporter(Exporter):
    """Writes part-00000.jsonl and on."""

    _file: IO[str] | None = None
    _part = 0
    _rows = 0

    def write(self, batch: pa.RecordBatch) -> int:
        """See Exporter.write."""
        for record in batch.to_pylist():
            if self._file is None:
                path = self.folder / f"part-{self._part:05d}.jsonl"
                self._file = open(path, "w", encoding="utf-8", errors="surrogateescape", newline="\n")
                self._rows = 0
            self._file.write(json.dumps(row_as_json(record, self.vocabulary), ensure_ascii=False) + "\n")
            self._rows += 1
            if self._rows >= self.settings.rows_per_file:
                self.close()
        return int(batch.num_rows)

    def close(self) -> None:
        """See Exporter.close."""
        if self._file is not None:
            self._file.close()
            self._file = None
            self._part += 1


def row_as_json(record: dict[str, Any], vocabulary: Vocabulary) -> dict[str, Any]:
    """Return one exported row as the JSON object of a line: plain columns, attributes, confidence, source."""
    names = [attribute.name for attribute in vocabulary.attributes]
    row: dict[str, Any] = {name: record[name] for name in PLAIN}
    row["attributes"] = vocabulary.row(record)
    titles = {attribute.name: attribute.title for attribute in vocabulary.attributes}
    row["confidence"] = {
        titles[name]: None if record[f"{name}_confidence"] is None else round(record[f"{name}_confidence"], 4)
        for name in names
    }
    row["source"] = {titles[name]: record[f"{name}_source"] for name in names}
    row.update({name: record[name] for name in LAST})
    return row
