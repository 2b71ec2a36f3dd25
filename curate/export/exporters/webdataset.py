"""WebDataset tars: each picture beside a JSON of its row and its caption, with the indexes that loaders ask for.

Every sample of a tar has the same members: picture, ``.txt``, ``.json``; texts without a picture go to tars of their
own. A sibling Parquet has the rows of each tar, ``sizes.json`` the number of samples, ``SPLIT.json`` is the index of
``wids``.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curate.export.captions import caption_text
from curate.export.columns import arrow_schema
from curate.export.exporters.base import Output
from curate.export.exporters.jsonl import json_line, json_rows
from curate.export.exporters.sharded import Shard, ShardedExporter
from curate.export.shards import WrittenFile, written_file

TEXTS = "texts"


class WebdatasetExporter(ShardedExporter):
    """Writes SPLIT-00000.tar and on; the key of a sample is its item id, so nothing splits at a dot."""

    name = "webdataset"
    by_split = True
    empty = False

    @property
    def shard_rows(self) -> int:
        """See ShardedExporter."""
        return self.output.settings.images_per_tar

    def groups(self, batch: pa.RecordBatch) -> Sequence[str]:
        """See ShardedExporter."""
        widths = batch.column(batch.schema.get_field_index("width")).to_pylist()
        return [
            split if width is not None else f"{split}-{TEXTS}"
            for split, width in zip(super().groups(batch), widths, strict=True)
        ]

    def shard_name(self, group: str, number: int) -> str:
        """See ShardedExporter."""
        return f"{group}-{number:05d}.tar"

    def begin(self, group: str, name: str) -> Shard:
        """See ShardedExporter."""
        return _Tar(self.output, self.output.folder / name)

    def finish(self) -> None:
        """See ShardedExporter. ``sizes.json`` counts samples, ``SPLIT.json`` is what ``wids`` opens."""
        shards = {
            name: shard for name, shard in sorted(self.output.ledger.shards.items()) if name.endswith(".tar")
        }
        if not shards:
            return
        folder = self.output.folder
        _write_json(folder / "sizes.json", {name: shard.samples for name, shard in shards.items()})
        by_split: dict[str, list[dict[str, Any]]] = {}
        for name, shard in shards.items():
            tar = next(file for file in shard.files if file.name == name)
            entry = {"url": name, "nsamples": shard.samples, "filesize": tar.size, "sha256sum": tar.sha256}
            by_split.setdefault(name.rpartition("-")[0], []).append(entry)
        for split, entries in by_split.items():
            index = {
                "__kind__": "wids-shard-index-v1", "wids_version": 1, "name": split, "shardlist": entries,
            }  # fmt: skip
            _write_json(folder / f"{split}.json", index)


class _Tar(Shard):
    def __init__(self, output: Output, path: Path) -> None:
        super().__init__()
        self._output, self._path = output, path
        self._file = _Hashed(path)
        self._tar = tarfile.open(fileobj=self._file, mode="w", format=tarfile.USTAR_FORMAT)
        self._rows = pq.ParquetWriter(
            path.with_suffix(".parquet"),
            arrow_schema(output.columns),
            compression="zstd",
            compression_level=1,
        )

    def add(self, batch: pa.RecordBatch) -> int:
        written = 0
        for rows, pictures in self._output.pictures.chunks(batch, self.failures):
            lines = json_rows(rows, self._output)
            for record, row, picture in zip(rows.to_pylist(), lines, pictures, strict=True):
                key = record["item_id"]
                if picture is not None:
                    self._member(f"{key}.{picture.ending}", picture.data)
                self._member(f"{key}.json", json_line(dict(sorted(row.items()))).encode())
                self._member(f"{key}.txt", caption_text(record).encode())
            self._rows.write_table(pa.Table.from_batches([rows.select(self._output.names)]))
            written += rows.num_rows
        return written

    def _member(self, name: str, data: bytes) -> None:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        info.mode = 0o644
        self._tar.addfile(info, io.BytesIO(data))

    def close(self) -> Sequence[Path | WrittenFile]:
        self._tar.close()
        size, digest = self._file.finish()
        self._rows.close()
        beside = self._path.with_suffix(".parquet")
        name = self._path.relative_to(self._output.folder).as_posix()
        return [WrittenFile(name, size, digest), written_file(self._output.folder, beside)]


class _Hashed(io.RawIOBase):
    """A file whose SHA-256 is known when its last byte is written: it need not be read again."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = open(path, "wb")
        self._digest = hashlib.sha256()
        self._size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._digest.update(data)
        self._size += len(data)
        return self._file.write(data)

    def tell(self) -> int:
        return self._size

    def finish(self) -> tuple[int, str]:
        """Close the file; return its size and digest."""
        self._file.close()
        return self._size, self._digest.hexdigest()


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")
