"""A Hugging Face data set: an image folder with its metadata, or Parquet with the pictures in it, and its card.

``README.md`` has the YAML that ``datasets`` and the Hub read, ``croissant.json`` the description of MLCommons. Pictures
lie below ``data/SPLIT/NNNNN/``, ten thousand in a folder, each folder with the metadata of its pictures.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from curate.export.card import card_text, croissant
from curate.export.columns import arrow_schema
from curate.export.exporters.base import Failure, Output
from curate.export.exporters.jsonl import json_line, json_rows
from curate.export.exporters.parquet import PictureShard, features
from curate.export.exporters.sharded import Shard, ShardedExporter
from curate.export.shards import WrittenFile
from schema.plugins import Options

SPLITS = {"val": "validation"}
"""Names of splits that ``datasets`` calls otherwise."""


class HuggingFaceOptions(Options):
    """Options of ``[export.huggingface]``."""

    layout: Literal["imagefolder", "parquet"] = Field(
        "imagefolder", description="Files with metadata beside them, or Parquet that holds the pictures."
    )
    metadata: Literal["parquet", "jsonl"] = Field(
        "parquet",
        description="metadata.parquet has types; of metadata.jsonl readers guess them from the first rows.",
    )
    name: str = Field("characters", pattern=r"[\w .-]+", description="Name of the data set, in its card.")
    licence: str = Field(
        "other", description="Licence of the data set as the Hub calls it, such as cc-by-4.0."
    )
    pictures_per_folder: int = Field(10_000, ge=1, description="Pictures in one folder or Parquet file.")


class HuggingFaceExporter(ShardedExporter):
    """Writes data/, README.md and croissant.json."""

    name = "huggingface"
    by_split = True
    empty = False
    Options: ClassVar[type[Options]] = HuggingFaceOptions
    options: HuggingFaceOptions

    @property
    def shard_rows(self) -> int:
        """See ShardedExporter."""
        return self.options.pictures_per_folder

    def groups(self, batch: pa.RecordBatch) -> Sequence[str]:
        """See ShardedExporter. Splits go by the names that ``datasets`` has for them."""
        return [SPLITS.get(split, split) for split in super().groups(batch)]

    def shard_name(self, group: str, number: int) -> str:
        """See ShardedExporter."""
        if self.options.layout == "parquet":
            return f"data/{group}-{number:05d}.parquet"
        return f"data/{group}/{number:05d}"

    def begin(self, group: str, name: str) -> Shard:
        """See ShardedExporter."""
        if self.options.layout == "parquet":
            return PictureShard(self.output, self.output.folder / name)
        return _ImageFolder(self.output, name, self.options.metadata)

    def finish(self) -> None:
        """See ShardedExporter."""
        samples: dict[str, int] = {}
        shards = sorted(self.output.ledger.shards.items())
        for name, shard in shards:
            split = name.split("/")[1].rpartition("-")[0] if name.endswith(".parquet") else name.split("/")[1]
            samples[split] = samples.get(split, 0) + shard.samples
        schema = arrow_schema(self.output.columns)
        described = {"image": {"_type": "Image"}, **features(schema)}
        embedded = self.options.layout == "parquet"
        card = card_text(self.options.name, self.options.licence, samples, described, embedded)
        (self.output.folder / "README.md").write_text(card, encoding="utf-8")
        rows = [
            file for _, shard in shards for file in shard.files if file.name.endswith((".jsonl", ".parquet"))
        ]
        text = json.dumps(
            croissant(self.options.name, self.options.licence, rows, self.output.columns),
            indent=1,
            sort_keys=True,
        )
        (self.output.folder / "croissant.json").write_text(text + "\n", encoding="utf-8")


class _ImageFolder(Shard):
    def __init__(self, output: Output, name: str, metadata: str) -> None:
        super().__init__()
        self._output, self._name = output, name
        self._folder = output.folder / name
        self._folder.mkdir(parents=True, exist_ok=True)
        self._written: list[WrittenFile] = []
        self._metadata = self._folder / f"metadata.{metadata}"
        schema = arrow_schema(output.columns)
        self._schema = pa.schema([pa.field("file_name", pa.string()), *schema])
        self._table = (
            pq.ParquetWriter(self._metadata, self._schema, compression="zstd")
            if metadata == "parquet"
            else None
        )
        self._lines = None if self._table else open(self._metadata, "w", encoding="utf-8", newline="\n")

    def add(self, batch: pa.RecordBatch) -> int:
        written = 0
        for rows, pictures in self._output.pictures.chunks(batch, self.failures):
            ids = rows.column(rows.schema.get_field_index("item_id")).to_pylist()
            kept: list[int] = []
            files: list[str] = []
            for place, (item, picture) in enumerate(zip(ids, pictures, strict=True)):
                if picture is None:
                    self.failures.append(Failure(item, "has no picture", "an image folder holds pictures"))
                    continue
                kept.append(place)
                files.append(f"{item}.{picture.ending}")
                (self._folder / files[-1]).write_bytes(picture.data)
                self._written.append(WrittenFile.of(f"{self._name}/{files[-1]}", picture.data))
            if kept:
                self._write_rows(rows.take(pa.array(kept)), files)
            written += len(kept)
        return written

    def _write_rows(self, rows: pa.RecordBatch, files: Sequence[str]) -> None:
        if self._table is not None:
            columns = [pa.array(files, pa.string()), *rows.select(self._schema.names[1:]).columns]
            self._table.write_batch(pa.RecordBatch.from_arrays(columns, schema=self._schema))
        if self._lines is not None:
            for file, row in zip(files, json_rows(rows, self._output), strict=True):
                self._lines.write(json_line({"file_name": file, **row}) + "\n")

    def close(self) -> Sequence[Path | WrittenFile]:
        if self._table is not None:
            self._table.close()
        if self._lines is not None:
            self._lines.close()
        return [self._metadata, *self._written]
