"""Formats that a store can be exported to, by name; a new one is a line here and a class."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from curate.export.exporters.base import Exporter
from schema.errors import ExportError
from schema.plugins import plugin
from schema.settings import ExportSettings
from schema.vocabulary import Vocabulary

EXPORTERS = {
    "parquet": "curate.export.exporters.parquet:ParquetExporter",
    "jsonl": "curate.export.exporters.jsonl:JsonlExporter",
    "webdataset": "curate.export.exporters.webdataset:WebdatasetExporter",
}


def load_exporter(
    name: str,
    folder: Path,
    settings: ExportSettings,
    vocabulary: Vocabulary,
    read: Callable[[str], bytes] | None,
) -> Exporter:
    """Build an exporter of the table by its name; raises ExportError that names the known ones."""
    made = plugin(EXPORTERS, name, "export format", "export.format", error=ExportError)
    exporter: Exporter = made(folder, settings, vocabulary, read)
    return exporter


__all__ = ["EXPORTERS", "Exporter", "load_exporter"]
