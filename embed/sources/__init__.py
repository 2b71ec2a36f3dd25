"""Where items come from: one protocol, a written-out table of kinds, and telling the kind of a path.

A source lists; it opens no picture. Adding a kind is one class and one line in SOURCES.
"""

from __future__ import annotations

import stat
from pathlib import Path

from embed.sources.sighting import Known, Sighting, Source
from schema.errors import SourceError
from schema.plugins import plugin
from schema.settings import IngestSettings

SOURCES = {
    "folder": "embed.sources.folder:FolderSource",
    "listing": "embed.sources.listing:ListingSource",
    "parquet": "embed.sources.parquet:ParquetSource",
    "tar": "embed.sources.tar:TarSource",
}
_ENDINGS = {
    ".jsonl": "listing",
    ".ndjson": "listing",
    ".csv": "listing",
    ".tsv": "listing",
    ".json": "listing",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".tar": "tar",
}


def kind_of(path: Path) -> str:
    """Return the name of the source kind for a path: by its ending, or for a folder by what lies directly in it.

    Raises SourceError when the path does not exist or is of no known kind.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise SourceError(
            f"cannot read the source {path}: {error.strerror or error}", "Check the path."
        ) from error
    if stat.S_ISDIR(mode):
        return _kind_of_folder(path)
    if path.name.lower().endswith((".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")):
        message = f"{path} is compressed; its members cannot be read on their own"
        raise SourceError(message, "Unpack it to a plain .tar.")
    kind = _ENDINGS.get(path.suffix.lower())
    if kind is None or not stat.S_ISREG(mode):
        raise SourceError(
            f"{path} is neither a folder nor a listing",
            f"A source is a folder or a file that ends in {', '.join(_ENDINGS)}.",
        )
    return kind


def open_source(path: str | Path, settings: IngestSettings) -> tuple[str, Source]:
    """Return (kind, source) of a path; raises SourceError when it is missing, unreadable or of no known kind."""
    place = Path(path).expanduser()
    kind = kind_of(place)
    source: Source = plugin(SOURCES, kind, "kind of source", "--source")(place.absolute(), settings)
    return kind, source


def _kind_of_folder(folder: Path) -> str:
    from embed.sources.folder import IMAGE_ENDINGS

    endings: set[str] = set()
    try:
        with_files = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    except OSError as error:
        raise SourceError(f"cannot list the folder {folder}: {error.strerror or error}") from error
    endings = {entry.suffix.lower() for entry in with_files}
    names = {entry.name.lower() for entry in with_files}
    if endings & IMAGE_ENDINGS or names & {"metadata.jsonl", "metadata.csv"}:
        return "folder"
    if any(entry.is_dir() for entry in with_files) and not (endings & {".tar", ".parquet"}):
        return "folder"
    if ".tar" in endings:
        return "tar"
    return "parquet" if ".parquet" in endings else "folder"


__all__ = ["SOURCES", "Known", "Sighting", "Source", "kind_of", "open_source"]
