"""Exporters that write shards: fixed runs of rows, each finished by itself, so that a killed export goes on."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa

from curate.export.columns import SPLIT
from curate.export.exporters.base import Exporter, Failure, Output
from curate.export.shards import WrittenFile, written_file


class Shard(ABC):
    """One shard under way; ``failures`` are the rows that it had to leave out."""

    def __init__(self) -> None:
        self.failures: list[Failure] = []
        self.samples = 0

    @abstractmethod
    def add(self, batch: pa.RecordBatch) -> int:
        """Write rows; return how many got written."""

    @abstractmethod
    def close(self) -> Sequence[Path | WrittenFile]:
        """Finish the files and return them; those whose checksum is known as such."""


class ShardedExporter(Exporter):
    """An exporter of shards. A subclass says how many rows one has, what it is called, and how it begins.

    ``by_split`` gives every split shards of its own; ``empty``: an export without rows is one shard all the same.
    """

    by_split: ClassVar[bool] = False
    empty: ClassVar[bool] = True

    def __init__(self, output: Output) -> None:
        super().__init__(output)
        self._open: dict[str, Shard] = {}
        self._consumed: Counter[str] = Counter()

    @property
    def shard_rows(self) -> int:
        """Return how many rows a shard takes."""
        return self.output.settings.rows_per_file

    @abstractmethod
    def shard_name(self, group: str, number: int) -> str:
        """Return the name of a shard, which is also that of its first file or its folder."""

    @abstractmethod
    def begin(self, group: str, name: str) -> Shard:
        """Return a new shard."""

    def groups(self, batch: pa.RecordBatch) -> Sequence[str]:
        """Return for each row the group whose shards it goes to: its split, or one for all."""
        if not self.by_split:
            return [""] * batch.num_rows
        return [
            split or "train" for split in batch.column(batch.schema.get_field_index(SPLIT.name)).to_pylist()
        ]

    def write(self, batch: pa.RecordBatch) -> int:
        """See Exporter.write."""
        groups = np.asarray(self.groups(batch), dtype=object)
        return sum(
            self._fill(group, batch.filter(pa.array(groups == group)) if len(set(groups)) > 1 else batch)
            for group in sorted(set(groups))
        )

    def _fill(self, group: str, batch: pa.RecordBatch) -> int:
        start = written = 0
        size = self.shard_rows
        while start < batch.num_rows:
            number, used = divmod(self._consumed[group], size)
            count = min(batch.num_rows - start, size - used)
            name = self.shard_name(group, number)
            done = self.output.ledger.shards.get(name) if group not in self._open else None
            if done is None:
                if group not in self._open:
                    self._open[group] = self.begin(group, name)
                added = self._open[group].add(batch.slice(start, count))
                self._open[group].samples += added
                written += added
            elif used == 0:
                written += done.samples
                self.failures += done.failures
            start += count
            self._consumed[group] += count
            if group in self._open and used + count == size:
                self._end(group, name)
        return written

    def _end(self, group: str, name: str) -> None:
        shard = self._open.pop(group)
        folder = self.output.folder
        files = [
            each if isinstance(each, WrittenFile) else written_file(folder, each) for each in shard.close()
        ]
        self.failures += shard.failures
        self.output.ledger.finish(name, shard.samples, files, shard.failures)

    def close(self) -> None:
        """See Exporter.close."""
        if not self._consumed and self.empty:
            self._open[""] = self.begin("", self.shard_name("", 0))
        for group in sorted(self._open):
            self._end(group, self.shard_name(group, max(self._consumed[group] - 1, 0) // self.shard_rows))
        self.finish()

    def abort(self) -> None:
        """See Exporter.abort. What is unfinished is not in the ledger, and goes with the next try."""
        for shard in self._open.values():
            with contextlib.suppress(Exception):
                shard.close()
        self._open.clear()

    def finish(self) -> None:
        """Write what goes over all shards, such as an index."""
        return
