"""Which shards of an export are finished: a ledger in its staging folder, by which a killed export goes on.

A shard is a fixed run of rows, so the same request gives the same shards, and one that is finished is not made again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from curate.export.pictures import Failure
from index.store.files import replace_text

LEDGER = ".shards.jsonl"


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A finished file: its name below the export, its size, and the SHA-256 of its bytes."""

    name: str
    size: int
    sha256: str

    @classmethod
    def of(cls, name: str, data: bytes) -> WrittenFile:
        """Return the record of a file that holds these bytes."""
        return cls(name, len(data), hashlib.sha256(data).hexdigest())


@dataclass(frozen=True, slots=True)
class FinishedShard:
    """A shard that is on disk: its name, how many samples it holds, its files, the rows that it had to leave out."""

    name: str
    samples: int
    files: tuple[WrittenFile, ...] = ()
    failures: tuple[Failure, ...] = ()


class ShardLedger:
    """The finished shards of one request; ``request`` is what must be the same to go on with them."""

    def __init__(self, folder: Path, request: str = "") -> None:
        self._folder = folder
        self._path = folder / LEDGER
        self.shards: dict[str, FinishedShard] = {}
        if request:
            self._load(request)
            self._file: TextIO | None = self._path.open("a", encoding="utf-8")
            if not self.shards:
                self._file.truncate(0)
                self._write({"request": request})
        else:
            self._file = None

    def _load(self, request: str) -> None:
        """Take in the shards of an earlier try at the same request, as far as their files are whole."""
        try:
            text = self._path.read_text(encoding="utf-8")
        except (OSError, ValueError):
            return
        whole, _, cut = text.rpartition("\n")
        try:
            lines = [json.loads(line) for line in whole.splitlines()]
        except ValueError:
            return
        if not lines or lines[0].get("request") != request:
            return
        if cut:
            # A kill in the middle of a line costs the shard of that line, and the next one begins a line of its own.
            replace_text(self._path, f"{whole}\n")
        for line in lines[1:]:
            shard = FinishedShard(
                line["name"],
                line["samples"],
                tuple(WrittenFile(**each) for each in line["files"]),
                tuple(Failure(**each) for each in line["failures"]),
            )
            if all(self._is_whole(each) for each in shard.files):
                self.shards[shard.name] = shard

    def _is_whole(self, file: WrittenFile) -> bool:
        place = self._folder / file.name
        return place.is_file() and place.stat().st_size == file.size

    def _write(self, record: dict[str, object]) -> None:
        if self._file is not None:
            self._file.write(json.dumps(record) + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())

    def finish(
        self, name: str, samples: int, files: Sequence[WrittenFile], failures: Sequence[Failure]
    ) -> None:
        """Record a shard whose files are written."""
        shard = FinishedShard(name, samples, tuple(files), tuple(failures))
        self.shards[name] = shard
        self._write(asdict(shard))

    def files(self) -> dict[str, WrittenFile]:
        """Return the files of all shards by their names."""
        return {file.name: file for shard in self.shards.values() for file in shard.files}

    def close(self, keep: bool = False) -> None:
        """Close the ledger; it goes when the export is whole, and stays with ``keep`` for the next try."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if not keep:
            self._path.unlink(missing_ok=True)


def written_file(folder: Path, path: Path) -> WrittenFile:
    """Return the record of a file below a folder; its bytes are read."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return WrittenFile(path.relative_to(folder).as_posix(), path.stat().st_size, digest)
