"""Objects behind an address: s3://, gs://, az://, hf:// through fsspec; the one door to them.

Credentials and endpoints come from the environment, under the names that the store's own addresses use
(AWS_ACCESS_KEY_ID, AWS_ENDPOINT, AWS_ALLOW_HTTP, GOOGLE_SERVICE_ACCOUNT, AZURE_STORAGE_ACCOUNT_NAME, HF_TOKEN).
An object's key is percent-encoded in an address, so that '#' and line ends in names are no part of its grammar.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import IO, Any
from urllib.parse import quote, unquote

from schema.errors import MissingExtra, SourceError

SCHEMES = ("s3", "gs", "az", "hf")
BLOCK = 2**20
"""Bytes that are fetched at once where a file is read in pieces: some pictures of a tar."""
HINT = "Credentials and endpoint come from the environment (AWS_ACCESS_KEY_ID, AWS_ENDPOINT, ...)."
_KEPT = " /!$&'()*+,;=:@-._~"


@dataclass(frozen=True, slots=True)
class RemoteObject:
    """One object: its whole path (bucket and key), its size in bytes, and what changes when its content does."""

    path: str
    size: int
    version: str


class Objects:
    """The objects of one scheme; safe to share between threads."""

    def __init__(self, scheme: str) -> None:
        self._fs: Any = _filesystem(scheme)
        self.scheme = scheme

    def listed(self, path: str) -> Iterator[RemoteObject]:
        """Yield the objects below a path in the order of their names; none where there is nothing.

        Raises SourceError where the place cannot be reached.
        """
        try:
            found = self._fs.find(path, detail=True)
        except FileNotFoundError:
            return
        except Exception as error:  # each service has errors of its own
            raise unreachable(f"{self.scheme}://{path}", error) from error
        for name in sorted(found):
            yield _object(name, found[name])

    def find(self, path: str) -> RemoteObject | None:
        """Return the object of exactly this path; None where there is none. Raises SourceError."""
        try:
            found = self._fs.info(path)
        except FileNotFoundError:
            return None
        except Exception as error:
            raise unreachable(f"{self.scheme}://{path}", error) from error
        return _object(path, found) if found.get("type") == "file" else None

    def read(self, path: str, offset: int = 0, size: int = -1) -> bytes:
        """Return the bytes of an object, or ``size`` of them from ``offset`` on; raises FileNotFoundError, OSError."""
        if size == 0:
            return b""
        data: bytes = (
            self._fs.cat_file(path) if size < 0 else self._fs.cat_file(path, start=offset, end=offset + size)
        )
        return bytes(data)

    def open(self, path: str) -> IO[bytes]:
        """Return an object as a file that can seek; BLOCK bytes are fetched ahead of what is read."""
        file: IO[bytes] = self._fs.open(path, "rb", block_size=BLOCK, cache_type="readahead")
        return file

    def write(self, path: str, data: bytes) -> None:
        """Write a small object whole."""
        self._fs.pipe_file(path, data)

    def upload(self, local: str, path: str) -> None:
        """Write a file of this machine to an object, in parts where it is large."""
        self._fs.put_file(local, path)

    def remove(self, path: str) -> None:
        """Remove an object."""
        self._fs.rm_file(path)


def is_address(place: str) -> bool:
    """Tell whether a path or uri is an address of objects."""
    return place.partition("://")[0] in SCHEMES and "://" in place


def split_address(address: str) -> tuple[str, str]:
    """Return (scheme, path of bucket and key) of an address, decoded."""
    scheme, _, rest = address.partition("://")
    return scheme, unquote(rest)


def object_address(scheme: str, path: str) -> str:
    """Return the address of a path of bucket and key."""
    return f"{scheme}://{quote(path, safe=_KEPT)}"


_lock = threading.Lock()


def objects_of(scheme: str) -> Objects:
    """Return the objects of a scheme, one for the process; raises MissingExtra where a package is needed."""
    with _lock:
        return _objects(scheme)


def unreachable(address: str, error: BaseException) -> SourceError:
    """Return the error for a place that cannot be reached."""
    return SourceError(f"cannot reach {address}: {' '.join(str(error).split())[:200]}", HINT)


@lru_cache(maxsize=len(SCHEMES))
def _objects(scheme: str) -> Objects:
    return Objects(scheme)


def _filesystem(scheme: str) -> Any:
    missing = MissingExtra(
        f"{scheme}:// needs packages that are not installed", "Run: pip install 'likeness-curation[objects]'"
    )
    if scheme == "hf":
        try:
            from huggingface_hub import HfFileSystem
        except ModuleNotFoundError as error:
            raise missing from error
        return HfFileSystem()
    try:
        from obstore.fsspec import FsspecStore
    except ModuleNotFoundError as error:
        raise missing from error
    return FsspecStore(scheme)


def _object(path: str, info: dict[str, Any]) -> RemoteObject:
    names = ("e_tag", "ETag", "blob_id", "oid", "last_modified", "version")
    version = next((str(info[name]) for name in names if info.get(name)), "")
    return RemoteObject(path, int(info.get("size") or 0), version)
