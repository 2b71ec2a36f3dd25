"""Files that are there whole or not at all: written beside their place, made durable, then renamed into it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def replace_file(path: Path, write: Callable[[Path], object], partial: Path | None = None) -> None:
    """Let ``write`` write a file under another name, make it durable, and put it in the place of ``path``.

    ``partial`` is that other name, on the same file system; by default it is ``path`` with ``.partial`` behind it.
    Raises OSError where the file cannot be written; ``path`` then stays as it was.
    """
    partial = partial if partial is not None else path.with_name(path.name + ".partial")
    write(partial)
    with partial.open("rb+") as file:
        os.fsync(file.fileno())
    os.replace(partial, path)
    _sync_folder(path.parent)


def replace_text(path: Path, text: str, partial: Path | None = None) -> None:
    """Put a text file of UTF-8 in the place of ``path``, as ``replace_file`` does."""
    replace_file(path, lambda place: place.write_text(text, encoding="utf-8"), partial)


def _sync_folder(folder: Path) -> None:
    """Make the new name durable, too; Windows has no such thing and needs none."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
