"""WebDataset tars: the untouched source bytes of each image beside a JSON of its row and a caption of its tags."""

from __future__ import annotations

import io
import tarfile
from typing import Any

import pyarrow as pa

from curate.export.columns import SPLIT
from curate.export.exporters.base import Exporter, Failure, Output
from curate.export.exporters.jsonl import json_line, json_rows
from schema.ids import content_id

ENDINGS = {
    "jpeg": "jpg",
    "png": "png",
    "webp": "webp",
    "gif": "gif",
    "avif": "avif",
    "bmp": "bmp",
    "tiff": "tif",
}


class WebdatasetExporter(Exporter):
    """Writes SPLIT-00000.tar and on; the key of a sample is its item id, so nothing splits at a dot."""

    def __init__(self, output: Output) -> None:
        super().__init__(output)
        if output.read is None:
            raise ValueError("the webdataset exporter needs a reader of source bytes")
        self._read = output.read
        self._tars: dict[str, tarfile.TarFile] = {}
        self._count: dict[str, int] = {}
        self._part: dict[str, int] = {}

    def write(self, batch: pa.RecordBatch) -> int:
        """See Exporter.write. A source that cannot be read any more is left out and named in the manifest."""
        written = 0
        for record, row in zip(batch.to_pylist(), json_rows(batch, self.output), strict=True):
            picture = self._picture(record) if record["width"] is not None else None
            if isinstance(picture, Failure):
                self.failures.append(picture)
                continue
            self._add_sample(record, row, picture)
            written += 1
        return written

    def _picture(self, record: dict[str, Any]) -> bytes | Failure:
        """Return the bytes of an item's picture, those that were ingested, or why there are none."""
        item, uri = record["item_id"], record["uri"]
        try:
            picture = self._read(uri)
        except Exception as error:  # any reader of any source; the row gets its reason
            return Failure(item, "cannot be read", f"cannot read {uri}: {error}")
        if content_id(picture) != item:
            return Failure(item, "changed since ingest", f"{uri} changed since it was ingested")
        return picture

    def _add_sample(self, record: dict[str, Any], row: dict[str, Any], picture: bytes | None) -> None:
        split, key = record[SPLIT.name], record["item_id"]
        tar = self._tar(split)
        if picture is not None:
            ending = ENDINGS.get((record["format"] or "").lower(), "bin")
            _add(tar, f"{key}.{ending}", picture)
        _add(tar, f"{key}.json", json_line(dict(sorted(row.items()))).encode())
        caption = record["text"] or ", ".join(tag.replace("_", " ") for tag in record["tags"] or ())
        _add(tar, f"{key}.txt", caption.encode())
        self._count[split] += 1
        if self._count[split] >= self.output.settings.images_per_tar:
            self._tars.pop(split).close()

    def _tar(self, split: str) -> tarfile.TarFile:
        if split not in self._tars:
            part = self._part.get(split, 0)
            self._tars[split] = tarfile.open(
                self.output.folder / f"{split}-{part:05d}.tar", "w", format=tarfile.USTAR_FORMAT
            )
            self._part[split] = part + 1
            self._count[split] = 0
        return self._tars[split]

    def close(self) -> None:
        """See Exporter.close."""
        for split in sorted(self._tars):
            self._tars[split].close()
        self._tars.clear()


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    info.mode = 0o644
    tar.addfile(info, io.BytesIO(data))
