"""The exporter seam: one method that takes batches of finished rows; files and their order are the exporter's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from schema.settings import ExportSettings
from schema.vocabulary import Vocabulary

# Columns that exporters need to find and name the bytes of an image, and that no data set carries.
INTERNAL = frozenset({"row", "format"})


class Exporter(ABC):
    """Writes rows to files below one folder; the same rows give the same bytes."""

    def __init__(
        self,
        folder: Path,
        settings: ExportSettings,
        vocabulary: Vocabulary,
        read: Callable[[str], bytes] | None = None,
    ) -> None:
        self.folder = folder
        self.settings = settings
        self.vocabulary = vocabulary
        self.read = read
        self.failures: list[tuple[str, str]] = []

    @abstractmethod
    def write(self, batch: pa.RecordBatch) -> int:
        """Write one batch in the export schema, in order; return how many rows got written."""

    def close(self) -> None:
        """Finish the last file."""
        return
