"""WebDataset tars: the untouched source bytes of each image beside a JSON of its labels and a caption of its tags."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile

import pyarrow as pa

from curate.export.exporters.base import Exporter
from curate.export.exporters.jsonl import row_as_json

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

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self._tars: dict[str, tarfile.TarFile] = {}
        self._count: dict[str, int] = {}
        self._part: dict[str, int] = {}

    def write(self, batch: pa.RecordBatch) -> int:
        """See Exporter.write. A source that cannot be read any more is left out and named in the manifest."""
        if self.read is None:
            raise ValueError("the webdataset exporter needs a reader of source bytes")
        written = 0
        for record in batch.to_pylist():
            data = None
            if record["width"] is not None:
                try:
                    data = self.read(record["uri"])
                except Exception as error:  # any reader of any source; the row gets its reason
                    self.failures.append((record["item_id"], f"cannot read {record['uri']}: {error}"))
                    continue
                if hashlib.blake2b(data, digest_size=16).hexdigest() != record["item_id"]:
                    self.failures.append(
                        (record["item_id"], f"{record['uri']} changed since it was ingested")
                    )
                    continue
            tar = self._tar(record["split"])
            key = record["item_id"]
            if data is not None:
                ending = ENDINGS.get((record["format"] or "").lower(), "bin")
                _add(tar, f"{key}.{ending}", data)
            line = json.dumps(row_as_json(record, self.vocabulary), ensure_ascii=False, sort_keys=True)
            _add(tar, f"{key}.json", line.encode("utf-8", "surrogateescape"))
            caption = record["text"] or ", ".join(tag.replace("_", " ") for tag in record["tags"] or ())
            _add(tar, f"{key}.txt", caption.encode("utf-8", "surrogateescape"))
            written += 1
            self._count[record["split"]] += 1
            if self._count[record["split"]] >= self.settings.images_per_tar:
                self._tars.pop(record["split"]).close()
        return written

    def _tar(self, split: str) -> tarfile.TarFile:
        if split not in self._tars:
            part = self._part.get(split, 0)
            self._tars[split] = tarfile.open(
                self.folder / f"{split}-{part:05d}.tar", "w", format=tarfile.USTAR_FORMAT
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
