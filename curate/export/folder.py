"""The folder that an export is written to. It touches only what an export made.

Files are written below ``OUT/_partial`` and moved up when all are there. What is deleted is named in the manifest of
the earlier export, lies inside the folder, and has the size that the manifest says. The manifest is written last; while
files are moved it names the old ones and the new ones, so that a killed export can be cleared away by the next.
Shards that a killed export finished stay in ``_partial``, and the same export goes on with them.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Collection, Iterable
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

from filelock import FileLock, Timeout

from curate.export.shards import LEDGER, ShardLedger
from index.store.files import replace_text
from schema.errors import ExportError

# The underscore hides both from readers that take a whole folder for Parquet.
MANIFEST = "_manifest.json"
PARTIAL = "_partial"
LOCK = ".lock"
UNFINISHED = "unfinished"

Mark: TypeAlias = "int | str | None"
"""By what a file is known again: its size, or what it points at for a link; None for any."""


class ExportFolder:
    """A new folder, an empty one, or one that holds an earlier export; a context manager.

    ``staging`` is a folder for the new files, empty but for the shards in ``ledger``: those of an earlier try at the
    same ``request``. Raises ExportError when the folder holds other files and no
    manifest, when another export is writing to it, or when it cannot be written to.
    """

    def __init__(self, out: str | os.PathLike[str], request: str = "") -> None:
        given = os.fspath(out)
        if "://" in given:
            raise ExportError(
                f"{given} is an address",
                "Exports go to a folder, or to s3://, gs://, az:// and hf:// addresses.",
            )
        self.path = Path(given).expanduser()
        try:
            if self.path.exists() and not self.path.is_dir():
                raise ExportError(f"{self.path} is a file", "Name a folder.")
            self._made = not self.path.exists()
            self.path.mkdir(parents=True, exist_ok=True)
            # A link to a folder stays a link: what happens, happens in the folder.
            self.path = self.path.resolve(strict=True)
            self._old = self._listed()
            self._check_unchanged()
            self.shown = getattr(self, "shown", str(self.path))
            self.staging = self.path / PARTIAL
            self._lock = self._locked()
            self.ledger = ShardLedger(self.staging, request)
            _clear(self.staging, {*self.ledger.files(), *([LEDGER] if request else [])})
        except OSError as error:
            raise ExportError(f"cannot write to {self.path}: {error.strerror or error}") from error

    def __enter__(self) -> ExportFolder:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Remove what was not published, and the folder where it is new and nothing was; finished shards stay."""
        with contextlib.suppress(OSError):
            if kind is not None and self.ledger.shards:
                self.ledger.close(keep=True)
                self._lock.release()
                return
            self.ledger.close()
            _clear(self.staging)
            (self.staging / LOCK).unlink(missing_ok=True)
            self.staging.rmdir()
            if self._made:
                self.path.rmdir()
        self._lock.release()

    def _listed(self) -> dict[str, Mark]:
        """Return the files of an earlier export and their sizes; raises ExportError for a folder of something else."""
        manifest = self.path / MANIFEST
        entries = {entry.name for entry in self.path.iterdir()} - {PARTIAL}
        if not entries:
            return {}
        try:
            found = json.loads(manifest.read_text(encoding="utf-8")) if not manifest.is_symlink() else None
            if isinstance(found, dict) and "likeness" in found:
                return {inside(each["name"]): each.get("link", each.get("bytes")) for each in found["files"]}
        except (OSError, ValueError, KeyError, TypeError):
            pass
        raise ExportError(
            f"{self.path} holds files that are not an export of Likeness", "Name an empty or new folder."
        )

    def _check_unchanged(self) -> None:
        for name in self._old:
            place = self.path / name
            if (place.is_symlink() or place.exists()) and not self._is_ours(name):
                raise ExportError(
                    f"{place} was changed since it was exported", "Move it away, or name another folder."
                )

    def _locked(self) -> FileLock:
        if self.staging.is_symlink() or (self.staging.exists() and not self.staging.is_dir()):
            raise ExportError(
                f"{self.staging} is not a folder of ours", "Move it away, or name another folder."
            )
        known = self.staging.exists()
        if known and not (self.staging / LOCK).exists() and any(self.staging.iterdir()):
            raise ExportError(
                f"{self.staging} is not a folder of ours", "Move it away, or name another folder."
            )
        self.staging.mkdir(exist_ok=True)
        lock = FileLock(self.staging / LOCK, timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise ExportError(f"another export is writing to {self.path}", "Wait for it to end.") from error
        return lock

    def publish(self, manifest: dict[str, Any]) -> None:
        """Put the new files in the place of the old ones; ``manifest`` names the new ones under ``files``.

        Raises ExportError, before anything is moved, where a file that is not of the earlier export is in the way.
        """
        new: dict[str, Mark] = {
            each["name"]: each.get("link", each.get("bytes")) for each in manifest["files"]
        }
        mine = {name: size for name, size in self._old.items() if self._is_ours(name)}
        for name in new:
            place = self.path / name
            if (place.is_symlink() or place.exists()) and name not in mine:
                raise ExportError(
                    f"{place} is in the way: it is not of the earlier export",
                    "Move it away, or name another folder.",
                )
        both = [_entry(name, mark) for name, mark in mine.items() if name not in new]
        # A file of the old export that is replaced has the old size or the new one: any is taken.
        both += [_entry(name, None if name in mine else new[name]) for name in new]
        self._write({**manifest, "files": both, UNFINISHED: True})
        for name in mine:
            if name not in new:
                (self.path / name).unlink(missing_ok=True)
                self._remove_empty(name)
        for name in new:
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(self.staging / name, self.path / name)
        self._write(manifest)

    def _is_ours(self, name: str) -> bool:
        """Tell whether a listed file is still the one that was written: of its size and no link, or the same link."""
        place, size = self.path / name, self._old[name]
        if isinstance(size, str):
            return (
                place.is_symlink() and os.readlink(place) == size and place.parent.resolve() == place.parent
            )
        if place.is_symlink() or not place.is_file() or place.resolve() != place:
            return False
        return size is None or place.stat().st_size == size

    def _remove_empty(self, name: str) -> None:
        for parent in PurePosixPath(name).parents:
            if parent == PurePosixPath("."):
                return
            try:
                (self.path / parent).rmdir()
            except OSError:
                return

    def _write(self, manifest: dict[str, Any]) -> None:
        text = json.dumps(manifest, indent=1, sort_keys=True, default=str) + "\n"
        replace_text(self.path / MANIFEST, text, self.staging / MANIFEST)


def written_files(folder: Path) -> Iterable[tuple[str, Path]]:
    """Yield the files below a staging folder by their name in the export, sorted."""
    for path in sorted(folder.rglob("*")):
        if (path.is_file() or path.is_symlink()) and path.name not in (LOCK, LEDGER):
            yield path.relative_to(folder).as_posix(), path


def inside(name: object) -> str:
    """Return a file name of a manifest; raises ValueError for one that leads out of the folder."""
    path = PurePosixPath(str(name))
    if path.is_absolute() or ".." in path.parts or not path.parts or path.parts[0] == PARTIAL:
        raise ValueError(f"the manifest names {name!r}")
    return path.as_posix()


def _entry(name: str, mark: Mark) -> dict[str, Mark]:
    return {"name": name, "link" if isinstance(mark, str) else "bytes": mark}


def _clear(staging: Path, kept: Collection[str] = ()) -> None:
    """Remove everything below the staging folder but its lock and what is kept; links go, what they point at stays."""
    if not kept:
        for entry in staging.iterdir() if staging.is_dir() else ():
            if entry.name == LOCK:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)
        return
    for name, path in list(written_files(staging)):
        if name not in kept:
            path.unlink(missing_ok=True)
