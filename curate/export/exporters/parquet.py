"""Parquet, zstd, files of a million rows: what training code and every dataframe reads."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from curate.export.exporters.base import INTERNAL, Exporter

ROW_GROUP = 65_536


class ParquetExporter(Exporter):
    """Writes part-00000.parquet and on."""

    _writer: pq.ParquetWriter | None = None
    _part = 0
    _rows = 0

    def write(self, batch: pa.RecordBatch) -> int:
        """See Exporter.write."""
        batch = batch.select([name for name in batch.schema.names if name not in INTERNAL])
        at = 0
        while at < batch.num_rows:
            if self._writer is None:
                path = self.folder / f"part-{self._part:05d}.parquet"
                self._writer = pq.ParquetWriter(path, batch.schema, compression="zstd", compression_level=1)
                self._rows = 0
            count = min(batch.num_rows - at, self.settings.rows_per_file - self._rows)
            self._writer.write_table(
                pa.Table.from_batches([batch.slice(at, count)]), row_group_size=ROW_GROUP
            )
            at += count
            self._rows += count
            if self._rows >= self.settings.rows_per_file:
                self.close()
        return int(batch.num_rows)

    def close(self) -> None:
        """See Exporter.close."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            self._part += 1
