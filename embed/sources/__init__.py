"""Where items come from: one protocol, a written-out table of kinds, and telling the kind of a path.

A source lists; it opens no picture. Adding a kind is one class and one line in SOURCES.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from embed.sources.base import Known, Source, SourceOptions, SourceRecord
from index.images.objects import is_address
from schema.errors import SourceError
from schema.plugins import plugin

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
DOWNLOADERS = "Download it first, with gallery-dl (posts of a site) or img2dataset (a table of addresses)."


def kind_of(path: Path) -> str:
    """Return the name of the source kind for a path: by its ending, or for a folder by what lies in it.

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


def open_source(path: str | Path, options: SourceOptions) -> tuple[str, Source]:
    """Return (kind, source) of a path; raises SourceError when it is missing, unreadable or of no known kind."""
    if is_address(str(path)):
        from embed.sources.objects import ObjectSource

        return "objects", ObjectSource(source_name(path), options, open_source)
    if "://" in str(path) and not str(path).startswith("file://"):
        raise SourceError(f"the source {path} is an address, not a path", DOWNLOADERS)
    place = source_path(path)
    kind = kind_of(place)
    source: Source = plugin(SOURCES, kind, "kind of source", "--source")(place, options)
    return kind, source


def source_name(path: str | Path) -> str:
    """Return what a source is known by: its absolute path, or its address without a slash at the end."""
    return str(path).rstrip("/") if is_address(str(path)) else str(source_path(path))


def source_path(path: str | Path) -> Path:
    """Return the absolute path that a source is known by: the same for every way of writing it."""
    place = Path(str(path).removeprefix("file://")).expanduser()
    # What lies above a link is not above what it points to, so only the file system can resolve "..".
    return place.resolve() if ".." in place.parts else Path(os.path.abspath(place))


def _kind_of_folder(folder: Path) -> str:
    """Pictures or a metadata file anywhere make a folder of pictures; else tars, else Parquet files do."""
    from embed.sources.endings import IMAGE_ENDINGS
    from embed.sources.sidecars.metadata import MetadataFile

    found: set[str] = set()
    try:
        waiting = [(folder, 0)]
        while waiting:
            place, depth = waiting.pop()
            entries = [entry for entry in place.iterdir() if not entry.name.startswith(".")]
            for entry in entries:
                ending = entry.suffix.lower()
                if ending in IMAGE_ENDINGS or (depth == 0 and entry.name.lower() in MetadataFile.patterns):
                    return "folder"
                if ending in (".tar", ".parquet"):
                    found.add(ending[1:])
                elif depth < _DEPTH and entry.is_dir() and not entry.is_symlink():
                    waiting.append((entry, depth + 1))
    except OSError as error:
        if not found and folder == place:
            raise SourceError(f"cannot list the folder {folder}: {error.strerror or error}") from error
    return "tar" if "tar" in found else ("parquet" if "parquet" in found else "folder")


# A data set's shards lie in data/, in data/train/ or deeper by one; pictures below that are a folder's business.
_DEPTH = 3

__all__ = [
    "SOURCES",
    "Known",
    "Source",
    "SourceOptions",
    "SourceRecord",
    "kind_of",
    "open_source",
    "source_name",
    "source_path",
]
