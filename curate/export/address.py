"""An export to an address: s3://bucket/prefix, gs://, az://, hf://. Made in a temporary folder, put there whole.

What is at the address is touched as a folder would be: new files first, then files of the earlier export that the new
one does not have are removed, the manifest last. While files are put there the manifest names the old and the new ones.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from curate.export.folder import MANIFEST, UNFINISHED, ExportFolder, inside
from index.images.objects import is_address, object_address, objects_of, split_address
from schema.errors import ExportError, SourceError


class ExportAddress(ExportFolder):
    """A place in an object store for an export; a context manager like ``ExportFolder``.

    Raises ExportError when there are other objects and no manifest, or when the place cannot be reached.
    """

    def __init__(self, address: str, request: str = "") -> None:
        self._scheme, path = split_address(address)
        self._base = path.rstrip("/")
        self.shown = object_address(self._scheme, self._base)
        self._objects = objects_of(self._scheme)
        self._there = self._exported()
        self._temporary = tempfile.TemporaryDirectory(prefix="likeness-export-")
        super().__init__(Path(self._temporary.name, "export"), request)

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        """Remove the temporary folder."""
        super().__exit__(kind, *rest)
        self._temporary.cleanup()

    def _exported(self) -> dict[str, int]:
        """Return the files of an earlier export at the address, and their sizes; raises ExportError for others."""
        try:
            sizes = {each.path[len(self._base) + 1 :]: each.size for each in self._objects.listed(self._base)}
            text = self._objects.read(f"{self._base}/{MANIFEST}") if MANIFEST in sizes else b""
        except (SourceError, OSError) as error:
            raise ExportError(f"cannot write to {self.shown}: {getattr(error, 'message', error)}") from error
        if not sizes:
            return {}
        try:
            found = json.loads(text)
            named = (
                {inside(each["name"]): each.get("bytes") for each in found["files"]}
                if "likeness" in found
                else {}
            )
            if "likeness" in found:
                return {
                    name: sizes[name]
                    for name, size in named.items()
                    if name in sizes and size in (None, sizes[name])
                }
        except (ValueError, KeyError, TypeError):
            pass
        raise ExportError(
            f"{self.shown} holds objects that are not an export of Likeness", "Name an empty or new prefix."
        )

    def publish(self, manifest: dict[str, Any]) -> None:
        """Make the export in the temporary folder, then put its files at the address, the manifest last."""
        super().publish(manifest)
        new = [each["name"] for each in manifest["files"]]
        both = [{"name": name, "bytes": size} for name, size in self._there.items() if name not in new]
        both += [{"name": name, "bytes": None} for name in new]
        try:
            self._put(json.dumps({**manifest, "files": both, UNFINISHED: True}, default=str).encode())
            for name in new:
                self._objects.upload(str(self.path / name), f"{self._base}/{name}")
            for name in self._there:
                if name not in new:
                    self._objects.remove(f"{self._base}/{name}")
            self._put((self.path / MANIFEST).read_bytes())
        except Exception as error:  # each service has errors of its own
            raise ExportError(
                f"cannot write to {self.shown}: {' '.join(str(error).split())[:200]}", "Run it again."
            ) from error

    def _put(self, manifest: bytes) -> None:
        self._objects.write(f"{self._base}/{MANIFEST}", manifest)


def export_target(out: str | Path, request: str = "") -> ExportFolder:
    """Return the place for an export: a folder, or the address of a place in an object store."""
    return ExportAddress(str(out), request) if is_address(str(out)) else ExportFolder(out, request)
