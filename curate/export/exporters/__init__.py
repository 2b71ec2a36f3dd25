"""Formats that a store can be exported to, by name; a new one is a line here and a class."""

from __future__ import annotations

from curate.export.exporters.base import Exporter, Failure, Output
from schema.errors import ExportError
from schema.plugins import plugin

EXPORTERS = {
    "parquet": "curate.export.exporters.parquet:ParquetExporter",
    "jsonl": "curate.export.exporters.jsonl:JsonlExporter",
    "webdataset": "curate.export.exporters.webdataset:WebdatasetExporter",
}


def load_exporter(name: str, output: Output) -> Exporter:
    """Build an exporter of the table by its name; raises ExportError that names the known ones."""
    made = plugin(EXPORTERS, name, "export format", "export.format", error=ExportError)
    exporter: Exporter = made(output)
    return exporter


__all__ = ["EXPORTERS", "Exporter", "Failure", "Output", "load_exporter"]
