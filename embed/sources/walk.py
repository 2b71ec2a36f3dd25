"""Walking a folder tree: folders sorted one at a time, linked ones once and only from outside, failures counted."""

from __future__ import annotations

import os
from collections.abc import Iterator

from schema.errors import SourceError

_NOT_OURS = frozenset({"__MACOSX", "@eaDir"})


class FolderWalk:
    """Iterates over (folder, sorted names of its files), parents first.

    Hidden folders and what file systems put beside pictures are passed over; ``failures`` holds (folder, reason) of
    those that could not be listed.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self.failures: list[tuple[str, str]] = []

    def __iter__(self) -> Iterator[tuple[str, list[str]]]:
        """Walk the tree anew. Raises SourceError when the root itself cannot be listed."""
        self.failures = []
        inside = os.path.realpath(self._root)
        visited: set[str] = set()
        stack = [self._root]
        while stack:
            folder = stack.pop()
            files: list[str] = []
            folders: list[str] = []
            try:
                with os.scandir(folder) as entries:
                    for entry in entries:
                        if not _is_folder(entry):
                            files.append(entry.name)
                        elif not entry.name.startswith(".") and entry.name not in _NOT_OURS:
                            if entry.is_symlink():
                                real = os.path.realpath(entry.path)
                                within = (real + os.sep).startswith(inside + os.sep)
                                if real in visited or within or inside.startswith(real + os.sep):
                                    continue
                                visited.add(real)
                            folders.append(entry.path)
            except OSError as error:
                reason = error.strerror or str(error)
                if folder == self._root:
                    raise SourceError(f"cannot list the folder {folder}: {reason}") from error
                self.failures.append((os.path.relpath(folder, self._root).replace(os.sep, "/"), reason))
            yield folder, sorted(files, key=os.fsencode)
            stack.extend(sorted(folders, key=os.fsencode, reverse=True))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
