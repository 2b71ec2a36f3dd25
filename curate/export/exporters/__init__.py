"""Formats that a store can be exported to, by name; a new one is a line here and a class."""

from __future__ import annotations

from curate.export.exporters.base import Exporter, Failure, Output
from schema.errors import ExportError
from schema.plugins import Seam

EXPORTERS = {
    "parquet": "curate.export.exporters.parquet:ParquetExporter",
    "jsonl": "curate.export.exporters.jsonl:JsonlExporter",
    "webdataset": "curate.export.exporters.webdataset:WebdatasetExporter",
    "folder": "curate.export.exporters.folder:FolderExporter",
    "huggingface": "curate.export.exporters.huggingface:HuggingFaceExporter",
    "csv": "curate.export.exporters.delimited:CsvExporter",
    "sqlite": "curate.export.exporters.sqlite:SqliteExporter",
}

SEAM = Seam(EXPORTERS, "export format", "export.format", "likeness.exporters", Exporter, ExportError)


def load_exporter(name: str, output: Output) -> Exporter:
    """Build an exporter of the table by its name; raises ExportError that names the known ones."""
    exporter: Exporter = SEAM.load(name)(output)
    return exporter


__all__ = ["EXPORTERS", "Exporter", "Failure", "Output", "load_exporter"]
