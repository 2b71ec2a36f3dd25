"""Tables that img2dataset writes beside its pictures: 00000.parquet with a row for each key, failed ones included."""

from __future__ import annotations

from collections.abc import Iterator

from embed.sources.base import SourceOptions
from embed.sources.fields.reader import FieldReader
from embed.sources.sidecars.base import Entry, Sidecar, SidecarFile

_COLUMNS = {"key", "status", "url"}


class Img2datasetFile(Sidecar):
    """Rows by key, which is the stem of a picture; a row whose picture could not be fetched is a failure."""

    patterns = ("*.parquet",)
    many = True

    def __init__(self, options: SourceOptions) -> None:
        super().__init__(options)
        self.reader = FieldReader(taken=options.taken)

    def entries(self, file: SidecarFile) -> Iterator[Entry] | None:
        """Return an entry a row; None for a Parquet file of another kind."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            names = set(pq.read_schema(file.path).names)
        except (OSError, pa.ArrowException):
            return None
        return self._entries(file.path) if names >= _COLUMNS else None

    def _entries(self, path: str) -> Iterator[Entry]:
        import pyarrow.parquet as pq

        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(4096):
                for row in batch.to_pylist():
                    key = str(row.pop("key"))
                    said = self.reader.annotate(row)
                    yield Entry(f"stem:{key}", said, said.reason)
