"""The exporter seam: one method that takes batches of finished rows; files and their order are the exporter's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from curate.export.columns import Column
from schema.settings import ExportSettings
from schema.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Output:
    """Where an exporter writes, and what: ``columns`` are those that go into the files, in their order.

    Batches have more: also the columns that are left out, the row number and the picture's format, by which an
    exporter finds and names the picture. ``read`` returns the bytes of a uri; None where none are at hand.
    """

    folder: Path
    columns: Sequence[Column]
    settings: ExportSettings
    vocabulary: Vocabulary
    read: Callable[[str], bytes] | None = None

    @property
    def names(self) -> list[str]:
        """Names of the columns that go into the files."""
        return [column.name for column in self.columns]


@dataclass(frozen=True, slots=True)
class Failure:
    """A row that was not written: its item, what kind of failure it is (these are counted), and the full reason."""

    item_id: str
    kind: str
    reason: str


class Exporter(ABC):
    """Writes rows to files below one folder; the same rows give the same bytes.

    ``failures`` are the rows whose picture could not be read.
    """

    def __init__(self, output: Output) -> None:
        self.output = output
        self.failures: list[Failure] = []

    @abstractmethod
    def write(self, batch: pa.RecordBatch) -> int:
        """Write one batch, in order; return how many rows got written."""

    def close(self) -> None:
        """Finish the last file."""
        return
