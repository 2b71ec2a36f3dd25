"""Folders of pictures with a caption file beside each, as LoRA trainers read them.

``SPLIT/ITEM.png`` and ``SPLIT/ITEM.txt``; with ``kohya`` below ``SPLIT/N_NAME/``, where N is how often a picture is
repeated in an epoch. ``metadata.jsonl`` has a row for each picture, ``meta.json`` what kohya's fine-tuning reads.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import pyarrow as pa
from pydantic import Field

from curate.export.captions import caption_text
from curate.export.exporters.base import Output
from curate.export.exporters.jsonl import json_line, json_rows
from curate.export.exporters.sharded import Shard, ShardedExporter
from curate.export.pictures import Picture
from curate.export.shards import WrittenFile
from schema.plugins import Options

PARTS = ".parts"
METADATA = "metadata.jsonl"
META = "meta.json"


class FolderOptions(Options):
    """Options of ``[export.folder]``."""

    files: Literal["copy", "link", "hardlink"] = Field(
        "copy", description="Copies of the pictures, symbolic links or hard links to the sources."
    )
    extension: str = Field(".txt", pattern=r"\.\w+", description="Ending of the caption files.")
    kohya: bool = Field(False, description="Folders N_NAME: N repeats, NAME the concept.")
    repeats: int = Field(1, ge=1, le=10_000, description="N where the source states none.")
    concept: str = Field("", description="NAME for all; empty takes the column collection, or 'images'.")
    meta: bool = Field(False, description="Also meta.json, which kohya's fine-tuning scripts read.")
    pictures_per_part: int = Field(5_000, ge=1, description="Pictures after which a killed export goes on.")


class FolderExporter(ShardedExporter):
    """Writes pictures and captions below a folder for each split."""

    name = "folder"
    by_split = True
    empty = False
    Options: ClassVar[type[Options]] = FolderOptions
    options: FolderOptions

    @property
    def shard_rows(self) -> int:
        """See ShardedExporter."""
        return self.options.pictures_per_part

    def shard_name(self, group: str, number: int) -> str:
        """See ShardedExporter."""
        return f"{PARTS}/{group}-{number:05d}.jsonl"

    def begin(self, group: str, name: str) -> Shard:
        """See ShardedExporter."""
        return _Part(self.output, self.options, group, self.output.folder / name)

    def finish(self) -> None:
        """See ShardedExporter. The parts of a split become one metadata.jsonl, written line by line."""
        folder = self.output.folder
        parts = sorted((folder / PARTS).glob("*.jsonl"))
        by_split: dict[str, list[Path]] = {}
        for part in parts:
            by_split.setdefault(part.stem.rpartition("-")[0], []).append(part)
        for split, mine in by_split.items():
            (folder / split).mkdir(exist_ok=True)
            with open(folder / split / METADATA, "wb") as whole:
                for part in mine:
                    with part.open("rb") as file:
                        shutil.copyfileobj(file, whole)
            if self.options.meta:
                _write_meta(folder / split)
        shutil.rmtree(folder / PARTS, ignore_errors=True)
        for name in [name for name in self.output.ledger.shards if name.startswith(PARTS)]:
            shard = self.output.ledger.shards[name]
            kept = tuple(file for file in shard.files if not file.name.startswith(PARTS))
            self.output.ledger.shards[name] = type(shard)(name, shard.samples, kept, shard.failures)


class _Part(Shard):
    def __init__(self, output: Output, options: FolderOptions, split: str, path: Path) -> None:
        super().__init__()
        self._output, self._options, self._path = output, options, path
        self._split = split
        path.parent.mkdir(parents=True, exist_ok=True)
        self._rows = open(path, "w", encoding="utf-8", newline="\n")
        self._written: list[WrittenFile] = []

    def add(self, batch: pa.RecordBatch) -> int:
        written = 0
        for rows, pictures in self._output.pictures.chunks(batch, self.failures):
            lines = json_rows(rows, self._output)
            for record, row, picture in zip(rows.to_pylist(), lines, pictures, strict=True):
                self._add(record, row, picture)
            written += rows.num_rows
        return written

    def _add(self, record: Mapping[str, Any], row: dict[str, Any], picture: Picture | None) -> None:
        folder = self._folder(record)
        stem = record["item_id"]
        caption = caption_text(record)
        name = None
        if picture is not None:
            name = f"{folder}{stem}.{picture.ending}"
            self._place(name, picture)
        self._write(f"{folder}{stem}{self._options.extension}", (caption + "\n").encode())
        self._rows.write(json_line({"file_name": name, **row, "caption": caption}) + "\n")

    def _folder(self, record: Mapping[str, Any]) -> str:
        """Return the folder of a row below its split, with a slash at its end."""
        if not self._options.kohya:
            return ""
        name = self._options.concept or record.get("collection") or "images"
        repeats = record.get("repeats") or self._options.repeats
        return f"{repeats}_{plain_name(name)}/"

    def _place(self, name: str, picture: Picture) -> None:
        place = self._output.folder / self._split / name
        source = picture.path
        if self._options.files != "copy" and source is not None and source.is_file():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.unlink(missing_ok=True)
            if self._options.files == "link":
                place.symlink_to(source.resolve())
                return
            try:
                os.link(source.resolve(), place)
            except OSError:  # another disk, or a file system without links
                pass
            else:
                self._listed(name, picture.data)
                return
        self._write(name, picture.data)

    def _write(self, name: str, data: bytes) -> None:
        place = self._output.folder / self._split / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        place.write_bytes(data)
        self._listed(name, data)

    def _listed(self, name: str, data: bytes) -> None:
        self._written.append(WrittenFile.of(f"{self._split}/{name}", data))

    def close(self) -> Sequence[Path | WrittenFile]:
        self._rows.close()
        return [self._path, *self._written]


def plain_name(text: str) -> str:
    """Return a text as a name of a folder that every system takes, never empty."""
    kept = re.sub(r"[^\w .()-]+", "_", text, flags=re.UNICODE).strip(" .")[:80]
    return kept or "images"


def _write_meta(folder: Path) -> None:
    """Write kohya's meta.json: by the path without its ending the caption and the tags."""
    with (
        open(folder / METADATA, encoding="utf-8") as rows,
        open(folder / META, "w", encoding="utf-8") as meta,
    ):
        meta.write("{")
        first = True
        for line in rows:
            row = json.loads(line)
            if row["file_name"] is None:
                continue
            tags = ", ".join(tag.replace("_", " ") for tag in row.get("tags") or ())
            entry = {"caption": row["caption"], "tags": tags}
            key = json.dumps(row["file_name"].rpartition(".")[0])
            meta.write(f"{'' if first else ','}\n{key}: {json.dumps(entry, ensure_ascii=False)}")
            first = False
        meta.write("\n}\n")
