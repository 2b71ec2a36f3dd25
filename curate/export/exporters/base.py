"""The exporter seam: one method that takes batches of finished rows; files and their order are the exporter's."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import pyarrow as pa

from curate.export.columns import Column
from curate.export.pictures import BoxReader, Failure, Pictures
from curate.export.shards import ShardLedger
from curate.transforms.chain import Chain
from schema.plugins import Options, options_of
from schema.settings import ExportSettings
from schema.vocabulary import Vocabulary

__all__ = ["Exporter", "Failure", "Output"]


@dataclass(frozen=True, slots=True)
class Output:
    """Where an exporter writes, and what: ``columns`` are those that go into the files, in their order.

    Batches have more: also the columns that are left out, the row number and the picture's format, by which an
    exporter finds and names the picture. ``read`` returns the bytes of a uri; None where none are at hand.
    ``ledger`` has the shards that an earlier try finished. ``chain`` transforms pictures, with the ``boxes`` on them.
    """

    folder: Path
    columns: Sequence[Column]
    settings: ExportSettings
    vocabulary: Vocabulary
    read: Callable[[str], bytes] | None = None
    ledger: ShardLedger = field(default_factory=lambda: ShardLedger(Path()))
    chain: Chain | None = None
    boxes: BoxReader | None = None

    @property
    def names(self) -> list[str]:
        """Names of the columns that go into the files."""
        return [column.name for column in self.columns]

    @property
    def pictures(self) -> Pictures:
        """What reads the pictures of rows."""
        if self.read is None:
            raise ValueError("this exporter needs a reader of source bytes")
        return Pictures(self.read, self.settings.threads, self.chain, self.boxes)


class Exporter(ABC):
    """Writes rows to files below one folder; the same rows give the same bytes.

    ``failures`` are the rows whose picture could not be read. ``Options`` are those of ``[export.NAME]``.
    """

    name: ClassVar[str] = ""
    Options: ClassVar[type[Options]] = Options

    def __init__(self, output: Output) -> None:
        self.output = output
        self.failures: list[Failure] = []
        self.options = options_of(type(self), output.settings.plugins, self.name, "export")

    @abstractmethod
    def write(self, batch: pa.RecordBatch) -> int:
        """Write one batch, in order; return how many rows got written."""

    def close(self) -> None:
        """Finish the last file."""
        return

    def abort(self) -> None:
        """Let go of open files: the export was stopped, and what is unfinished is thrown away."""
        with contextlib.suppress(Exception):
            self.close()
