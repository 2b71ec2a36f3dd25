"""Parquet, zstd, files of a million rows: what training code and dataframes read; with the pictures on request."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from curate.export.columns import arrow_schema
from curate.export.exporters.base import Output
from curate.export.exporters.sharded import Shard, ShardedExporter
from schema.plugins import Options

ROW_GROUP = 65_536
IMAGE = pa.field("image", pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())]))
"""A picture in the form that Hugging Face's ``datasets`` decodes."""


class ParquetOptions(Options):
    """Options of ``[export.parquet]``."""

    images: bool = Field(False, description="Embed the pictures as a column image of bytes and path.")
    images_per_file: int = Field(5_000, ge=1, description="Rows per file where pictures are embedded.")


class ParquetExporter(ShardedExporter):
    """Writes part-00000.parquet and on; an export without rows is one file that has the schema."""

    name = "parquet"
    Options: ClassVar[type[Options]] = ParquetOptions
    options: ParquetOptions

    @property
    def shard_rows(self) -> int:
        """See ShardedExporter."""
        settings = self.output.settings
        return (
            min(settings.rows_per_file, self.options.images_per_file)
            if self.options.images
            else (settings.rows_per_file)
        )

    def shard_name(self, group: str, number: int) -> str:
        """See ShardedExporter."""
        return f"part-{number:05d}.parquet"

    def begin(self, group: str, name: str) -> Shard:
        """See ShardedExporter."""
        path = self.output.folder / name
        return PictureShard(self.output, path) if self.options.images else _RowShard(self.output, path)


class _RowShard(Shard):
    def __init__(self, output: Output, path: Path) -> None:
        super().__init__()
        self._names, self._path = output.names, path
        schema = arrow_schema(output.columns)
        self._writer = pq.ParquetWriter(path, schema, compression="zstd", compression_level=1)

    def add(self, batch: pa.RecordBatch) -> int:
        table = pa.Table.from_batches([batch.select(self._names)])
        self._writer.write_table(table, row_group_size=ROW_GROUP)
        return int(batch.num_rows)

    def close(self) -> Sequence[Path]:
        self._writer.close()
        return [self._path]


class PictureShard(Shard):
    """A Parquet file with the pictures of its rows in the first column; small row groups, as readers hold one whole."""

    def __init__(self, output: Output, path: Path) -> None:
        super().__init__()
        self._output, self._path = output, path
        self._path.parent.mkdir(parents=True, exist_ok=True)
        schema = arrow_schema(output.columns)
        schema = schema.remove(schema.get_field_index("image")) if "image" in schema.names else schema
        self._schema = pa.schema([IMAGE, *schema], metadata={b"huggingface": _features(schema).encode()})
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd", compression_level=1)

    def add(self, batch: pa.RecordBatch) -> int:
        """See Shard."""
        written = 0
        for rows, pictures in self._output.pictures.chunks(batch, self.failures):
            ids = rows.column(rows.schema.get_field_index("item_id")).to_pylist()
            images = [
                {"bytes": picture.data, "path": f"{item}.{picture.ending}"} if picture else None
                for item, picture in zip(ids, pictures, strict=True)
            ]
            columns = [pa.array(images, IMAGE.type), *rows.select(self._schema.names[1:]).columns]
            self._writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=self._schema))
            written += rows.num_rows
        return written

    def close(self) -> Sequence[Path]:
        """See Shard."""
        self._writer.close()
        return [self._path]


def features(schema: pa.Schema) -> dict[str, object]:
    """Return the features of Hugging Face's ``datasets`` for columns."""
    return {field.name: _feature(field.type) for field in schema}


def _feature(kind: pa.DataType) -> object:
    if pa.types.is_list(kind):
        inner = _feature(kind.value_type)
        return {"feature": inner, "_type": "List"}
    if pa.types.is_struct(kind):
        return {field.name: _feature(field.type) for field in kind}
    names = {"float": "float32", "double": "float64"}
    return {"dtype": names.get(str(kind), str(kind)), "_type": "Value"}


def _features(schema: pa.Schema) -> str:
    found = {"image": {"_type": "Image"}, **features(schema)}
    return json.dumps({"info": {"features": found}})
