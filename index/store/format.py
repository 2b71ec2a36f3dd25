"""The folder of a local store and its marker, ``store.json``, which says that it is one and of which format."""

from __future__ import annotations

import json
import os
from pathlib import Path

from schema import tables
from schema.errors import StoreError


def make_folder(folder: Path) -> None:
    """Make an empty folder for a store. Raises StoreError when it cannot, or when it holds other files."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make the store folder {folder}: {error.strerror or error}") from error
    strangers = [entry.name for entry in folder.iterdir() if entry.name not in ("run.lock", "store.tmp")]
    if strangers:
        raise StoreError(
            f"{folder} holds other files ({', '.join(sorted(strangers)[:3])}) and is not a store",
            "Name an empty or new folder.",
        )


def write_marker(marker: Path) -> None:
    """Write the marker whole or not at all. Raises StoreError when the folder cannot be written to."""
    temporary = marker.with_suffix(".tmp")
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump({"likeness_store": tables.FORMAT_VERSION}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, marker)
    except OSError as error:
        raise StoreError(f"cannot write to {marker.parent}: {error.strerror or error}") from error


def check_format(marker: Path) -> None:
    """Raise StoreError for a damaged marker, or one of a later format."""
    try:
        version = json.loads(marker.read_text(encoding="utf-8"))["likeness_store"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{marker} is damaged: {error}") from error
    if version > tables.FORMAT_VERSION:
        raise StoreError(
            f"the store has format {version}, this code knows {tables.FORMAT_VERSION}", "Upgrade likeness."
        )
