"""Pictures in object stores: s3://bucket/prefix, gs://, az://, hf://datasets/NAME; listed as folders are.

What says something of pictures (captions, listings, metadata) is copied into a temporary folder; pictures stand there
as empty files of their size, tars as their headers and small members at their places. The sources for folders,
listings, tars and Parquet then read that folder as any other, and every address that they give is turned back into the
object's. So there is one way to read a sidecar, and no picture is fetched to be listed. Parquet is copied whole.
"""

from __future__ import annotations

import os
import tarfile
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import IO, Any

from embed.sources.base import Known, Source, SourceOptions, SourceRecord
from embed.sources.endings import IMAGE_ENDINGS
from index.images.objects import BLOCK, RemoteObject, object_address, objects_of, split_address
from index.images.reader import file_path, file_uri
from schema.errors import SourceError

AT_ONCE = 16
"""Small objects that are copied at once: what takes time is the way and not the bytes."""
HEAD = 4096
"""Bytes of a file of unknown kind that tell whether it is a picture."""
_LISTINGS = (".jsonl", ".ndjson", ".csv", ".tsv", ".json")
_WHOLE = (".parquet", ".pq", *_LISTINGS)
_BESIDE = 2**20
"""A file of another kind that is larger says nothing of a single picture: its head is enough."""
_TAR_TEXT = 2**20


class ObjectSource(Source):
    """Lists what lies below an address, or in the one object that it names.

    ``open_local`` opens the source that stands for it on this machine.
    """

    def __init__(
        self,
        address: str,
        options: SourceOptions,
        open_local: Callable[[Path, SourceOptions], tuple[str, Source]],
    ) -> None:
        self._open_local = open_local
        self._address = address
        self._scheme, self._path = split_address(address)
        self._objects = objects_of(self._scheme)
        self._options = options
        self._inner: Source | None = None
        self._notes: list[str] = []
        named = PurePosixPath(self._path)
        self._one = self._objects.find(self._path) if named.suffix else None
        # Addresses are turned back below this path.
        self._base = self._path.rstrip("/") if self._one is None else str(named.parent)
        if next(self._listed(), None) is None:
            raise SourceError(f"there is nothing at {address}", "Check the bucket and the prefix.")

    def notes(self) -> list[str]:
        """Return what is worth telling after the listing."""
        return self._notes + (self._inner.notes() if self._inner else [])

    def unlisted(self) -> tuple[str, ...]:
        """Return the beginnings of keys that could not be listed."""
        return self._inner.unlisted() if self._inner else ()

    def records(self, known: Known) -> Iterator[SourceRecord]:
        """Yield everything in listing order, with the addresses of the objects."""
        with tempfile.TemporaryDirectory(prefix="likeness-objects-") as made:
            # What a folder is called can say something of its pictures, as in kohya's 10_name.
            root = Path(made, PurePosixPath(self._base).name or "bucket")
            root.mkdir()
            self._mirror(root)
            place = root if self._one is None else root / PurePosixPath(self._path).name
            _, inner = self._open_local(place, self._options)
            self._inner = inner

            def known_there(key: str, uri: str, content: int, said: int) -> bool:
                return known(key, self._turned(uri, root), content, said)

            for record in inner.records(known_there):
                uri = self._turned(record.uri, root)
                yield record if uri == record.uri else replace(record, uri=uri)

    # ---- the temporary folder

    def _listed(self) -> Iterator[RemoteObject]:
        """Yield the objects of the source; a listing comes with what lies beside it, which it may name."""
        if self._one is not None and PurePosixPath(self._path).suffix.lower() not in _LISTINGS:
            yield self._one
        else:
            yield from self._objects.listed(self._base)

    def _mirror(self, root: Path) -> None:
        """Fill the temporary folder."""
        copied: Counter[str] = Counter()
        odd = 0
        waiting = []
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="objects") as pool:
            for found in self._listed():
                name = found.path[len(self._base) :].lstrip("/")
                target = root / name
                if name.endswith("/") or (not found.size and not PurePosixPath(name).suffix):
                    continue  # what some programs put there to stand for a folder
                if not _is_plain(name):
                    odd += 1
                    continue
                try:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    job = self._standing(found, target, copied)
                except OSError:  # an object whose name is a folder of another's
                    odd += 1
                    continue
                if job is not None:
                    waiting.append(pool.submit(job))
            for each in waiting:
                each.result()
        if odd:
            self._notes.append(f"{odd:,} objects have names that no file can have, and were left out")
        if copied["parquet"]:
            self._notes.append(f"{copied['parquet']:,} bytes of Parquet files were copied to be listed")

    def _standing(self, found: RemoteObject, target: Path, copied: Counter[str]) -> Callable[[], None] | None:
        """Put what stands for a picture there now; return the work for what has to be fetched, or None."""
        ending = target.suffix.lower()
        if ending in IMAGE_ENDINGS:
            _write(target, found, ())
            return None
        if ending == ".tar":
            return lambda: self._tar(found, target)
        if ending in _WHOLE or found.size <= _BESIDE:
            if ending in (".parquet", ".pq"):
                copied["parquet"] += found.size
            return lambda: self._copy(found, target)
        return lambda: _write(target, found, [(0, self._objects.read(found.path, 0, min(HEAD, found.size)))])

    def _copy(self, found: RemoteObject, target: Path) -> None:
        with self._fetching(found), open(target, "wb") as out:
            if found.size <= BLOCK:
                out.write(self._objects.read(found.path))
            else:
                with self._objects.open(found.path) as file:
                    while part := file.read(8 * BLOCK):
                        out.write(part)
        _stamp(target, found)

    def _tar(self, found: RemoteObject, target: Path) -> None:
        """Write the headers of a tar and its small members that are no pictures, at their places."""
        with self._fetching(found), self._objects.open(found.path) as file, open(target, "wb") as out:
            out.truncate(found.size)
            kept: Any = _Kept(file, out)
            try:
                tar: Any
                with tarfile.open(fileobj=kept, mode="r:", errors="surrogateescape") as tar:
                    while (member := tar.next()) is not None:
                        tar.members = []
                        ending = os.path.splitext(member.name)[1].lower()
                        if member.isreg() and ending not in IMAGE_ENDINGS:
                            kept.seek(member.offset_data)
                            kept.read(member.size if member.size <= _TAR_TEXT else min(HEAD, member.size))
            except (tarfile.TarError, EOFError):
                pass  # the source for tars meets the same damage, and says so
        _stamp(target, found)

    def _fetching(self, found: RemoteObject) -> _Fetching:
        return _Fetching(object_address(self._scheme, found.path))

    def _turned(self, uri: str, root: Path) -> str:
        """Return the address of the object that a file of the temporary folder stands for; others as they are."""
        if not uri:
            return uri
        path = file_path(uri)
        inside = os.path.relpath(path, root)
        if inside.startswith("..") or not os.path.isabs(path):
            return uri
        own = file_uri(path)
        place = uri[len(own) :] if uri.startswith(own) else ""
        key = f"{self._base}/{inside.replace(os.sep, '/')}"
        return object_address(self._scheme, key) + place


class _Kept:
    """A file to read whose read parts are also written to another one, at the same places."""

    def __init__(self, file: IO[bytes], out: IO[bytes]) -> None:
        self._file = file
        self._out = out

    def read(self, size: int = -1) -> bytes:
        place = self._file.tell()
        data = self._file.read(size)
        self._out.seek(place)
        self._out.write(data)
        return data

    def seek(self, place: int, whence: int = 0) -> int:
        return self._file.seek(place, whence)

    def tell(self) -> int:
        return self._file.tell()


class _Fetching:
    """Turns what a service raises into an error that names the object."""

    def __init__(self, address: str) -> None:
        self._address = address

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, SourceError):
            raise SourceError(
                f"cannot read {self._address}: {' '.join(str(error).split())[:200]}", "Run it again."
            ) from error


def _write(target: Path, found: RemoteObject, parts: Iterable[tuple[int, bytes]]) -> None:
    """Write a file of an object's size that holds some parts (offset, bytes) of it, and no bytes elsewhere."""
    with open(target, "wb") as out:
        for offset, data in parts:
            out.seek(offset)
            out.write(data)
        out.truncate(found.size)
    _stamp(target, found)


def _stamp(target: Path, found: RemoteObject) -> None:
    """Give a file a time that changes when the object's content does."""
    digest = blake2b(found.version.encode(), digest_size=7).digest()
    time = int.from_bytes(digest, "big") >> 1
    os.utime(target, ns=(time, time))


def _is_plain(name: str) -> bool:
    """Tell whether an object's name can be a path below a folder."""
    parts = name.split("/")
    return not any(part in ("", ".", "..") or "\0" in part or len(part.encode()) > 255 for part in parts)
