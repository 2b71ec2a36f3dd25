"""Parquet, zstd, files of a million rows: what training code and every dataframe reads."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from curate.export.columns import arrow_schema
from curate.export.exporters.base import Exporter

ROW_GROUP = 65_536


class ParquetExporter(Exporter):
    """Writes part-00000.parquet and on; an export without rows is one file that has the schema."""

    _writer: pq.ParquetWriter | None = None
    _part = 0
    _rows = 0

    def write(self, batch: pa.RecordBatch) -> int:
        """See Exporter.write."""
        batch = batch.select(self.output.names)
        start = 0
        while start < batch.num_rows:
            writer = self._opened()
            count = min(batch.num_rows - start, self.output.settings.rows_per_file - self._rows)
            writer.write_table(pa.Table.from_batches([batch.slice(start, count)]), row_group_size=ROW_GROUP)
            start += count
            self._rows += count
            if self._rows >= self.output.settings.rows_per_file:
                self._end_part()
        return int(batch.num_rows)

    def close(self) -> None:
        """See Exporter.close."""
        if not self._part:
            self._opened()
        self._end_part()

    def _opened(self) -> pq.ParquetWriter:
        if self._writer is None:
            path = self.output.folder / f"part-{self._part:05d}.parquet"
            schema = arrow_schema(self.output.columns)
            self._writer = pq.ParquetWriter(path, schema, compression="zstd", compression_level=1)
            self._rows = 0
        return self._writer

    def _end_part(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            self._part += 1
