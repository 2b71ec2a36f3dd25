"""Reading the bytes behind a stored uri again: a file, a member of a tar, a row of a Parquet file.

/data/a.png                       a file
file:///data/%FF.png              a file whose name is no plain text, percent-encoded
/data/shard.tar#offset=512&size=9 bytes inside a tar
/data/part.parquet#row=7&column=image
/data/part.parquet#row=7&column=images&item=2   the third of a list
s3://bucket/key.png               an object; as a tar or Parquet file with the same places in it
"""

from __future__ import annotations

import os
import re
import stat
import threading
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, quote_from_bytes, unquote, unquote_to_bytes

from index.images.objects import is_address, objects_of, split_address
from schema.errors import LikenessError

_PLACE = re.compile(r"#(?=(?:row|offset)=\d+&[^#]*$)")
_BATCH_ROWS = 64
_BATCHES_KEPT = 8
_FILES_KEPT = 16


class ReadError(Exception):
    """Raised when the bytes behind a uri cannot be read; its text is the reason to store with the item."""


def file_uri(path: str | os.PathLike[str]) -> str:
    """Return the uri of a file: its path, or percent-encoded where the path is not plain printable text."""
    text = os.fspath(path)
    if text.isprintable() and "#" not in text:
        return text
    return "file://" + quote_from_bytes(os.fsencode(text))


def file_path(uri: str) -> str:
    """Return the path inside a uri, without the place in the file."""
    base = _PLACE.split(uri)[0]
    return os.fsdecode(unquote_to_bytes(base[7:])) if base.startswith("file://") else base


def is_there(uri: str) -> bool:
    """Tell whether there is a file or an object behind a uri; one that cannot be asked for counts as there."""
    base = _PLACE.split(uri)[0]
    if not is_address(base):
        return os.path.lexists(file_path(uri))
    scheme, path = split_address(base)
    try:
        return objects_of(scheme).find(path) is not None
    except LikenessError:
        return True


def tar_uri(path: str | os.PathLike[str], offset: int, size: int) -> str:
    """Return the uri of bytes inside a tar."""
    return f"{file_uri(path)}#offset={offset}&size={size}"


def row_uri(path: str | os.PathLike[str], row: int, column: str, item: int | None = None) -> str:
    """Return the uri of a picture in a row of a Parquet file, counted from 0 over the whole file.

    ``item`` is the number of the picture where the column holds lists of them.
    """
    place = f"{file_uri(path)}#row={row}&column={quote(column, safe='')}"
    return place if item is None else f"{place}&item={item}"


class Reader:
    """Reads uris; safe to share between threads. Parquet batches near the last ones read are kept."""

    def __init__(self, max_bytes: int = 512 * 2**20) -> None:
        self.max_bytes = max_bytes
        self._lock = threading.Lock()
        self._parquets: OrderedDict[str, _ParquetRows] = OrderedDict()

    def read(self, uri: str) -> bytes:
        """Return the bytes behind a uri. Raises ReadError with the reason; never waits on a pipe or a device."""
        parts = _PLACE.split(uri, maxsplit=1)
        path = file_path(uri)
        try:
            if len(parts) == 1:
                return self._file(path)
            place = dict(parse_qsl(parts[1], keep_blank_values=True))
            if "offset" in place:
                return self._file(path, int(place["offset"]), int(place["size"]))
            item = int(place["item"]) if "item" in place else None
            return self._row(path, int(place["row"]), unquote(place.get("column", "")), item)
        except ReadError:
            raise
        except FileNotFoundError:
            raise ReadError("no such file") from None
        except LikenessError as error:
            raise ReadError(error.message) from None
        except OSError as error:
            raise ReadError(f"cannot be read: {error.strerror or error}") from None
        except MemoryError:
            raise ReadError("needs more memory than there is") from None
        except Exception as error:  # a damaged Parquet file raises what it likes
            raise ReadError(f"cannot be read: {' '.join(str(error).split())[:160]}") from None

    def close(self) -> None:
        """Drop open files and kept batches."""
        with self._lock:
            self._parquets.clear()

    def _file(self, path: str, offset: int = 0, size: int = -1) -> bytes:
        if "\0" in path:
            raise ReadError("no such file")
        if is_address(path):
            return self._object(path, offset, size)
        # Non-blocking, since opening a named pipe would wait for a writer for ever.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0))
        with open(handle, "rb", buffering=0) as file:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise ReadError("not a regular file")
            length = status.st_size if size < 0 else size
            if length > self.max_bytes:
                raise ReadError(f"{length:,} bytes are more than the limit of {self.max_bytes:,}")
            if offset + length > status.st_size:
                raise ReadError("truncated file")
            file.seek(offset)
            data = bytearray()
            while len(data) < length and (part := file.read(length - len(data))):
                data += part
            return bytes(data)

    def _object(self, address: str, offset: int, size: int) -> bytes:
        scheme, path = split_address(address)
        objects = objects_of(scheme)
        length = size
        if size < 0:
            found = objects.find(path)
            if found is None:
                raise ReadError("no such file")
            length = found.size
        if length > self.max_bytes:
            raise ReadError(f"{length:,} bytes are more than the limit of {self.max_bytes:,}")
        data = objects.read(path, offset, size)
        if len(data) < length:
            raise ReadError("truncated file")
        return data

    def _row(self, path: str, row: int, column: str, item: int | None) -> bytes:
        name = f"{path}\0{column}"
        with self._lock:
            rows = self._parquets.pop(name, None) or _ParquetRows(path, column)
            self._parquets[name] = rows
            while len(self._parquets) > _FILES_KEPT:
                self._parquets.popitem(last=False)
        value = rows.value(row)
        if item is not None:
            value = value[item] if isinstance(value, list) and item < len(value) else None
        if isinstance(value, dict):
            inner, path_inside = value.get("bytes"), value.get("path")
            if inner is None and path_inside:
                return self._file(_beside(path, str(path_inside)))
            value = inner
        if value is None:
            raise ReadError("the row has no picture")
        if isinstance(value, str):
            return self._file(_beside(path, value))
        if len(value) > self.max_bytes:
            raise ReadError(f"{len(value):,} bytes are more than the limit of {self.max_bytes:,}")
        return bytes(value)


def _beside(path: str, name: str) -> str:
    """Return the path of a file that a table names, relative to the table."""
    if is_address(path):
        return f"{path.rpartition('/')[0]}/{quote(name)}"
    return str(Path(path).parent / name)


class _ParquetRows:
    """One column of a Parquet file by row, in small batches: a row group may be larger than memory should be."""

    def __init__(self, path: str, column: str) -> None:
        import pyarrow.parquet as pq

        if is_address(path):
            scheme, inside = split_address(path)
            self._file = pq.ParquetFile(objects_of(scheme).open(inside))
        else:
            self._file = pq.ParquetFile(path)
        self._column = column
        self._lock = threading.Lock()
        self._starts = [0]
        for group in range(self._file.metadata.num_row_groups):
            self._starts.append(self._starts[-1] + self._file.metadata.row_group(group).num_rows)
        self._batches: OrderedDict[int, Any] = OrderedDict()
        self._stream: Iterator[Any] | None = None
        self._next = 0

    def value(self, row: int) -> Any:
        with self._lock:
            for start, batch in self._batches.items():
                if start <= row < start + batch.num_rows:
                    self._batches.move_to_end(start)
                    return batch.column(0)[row - start].as_py()
            return self._advance(row)

    def _advance(self, row: int) -> Any:
        if not 0 <= row < self._starts[-1]:
            raise ReadError("no such row")
        group = next(g for g in range(len(self._starts) - 1) if row < self._starts[g + 1])
        inside = self._stream is not None and self._starts[group] <= self._next <= row
        if not inside:
            self._next = self._starts[group]
            self._stream = self._file.iter_batches(_BATCH_ROWS, row_groups=[group], columns=[self._column])
        assert self._stream is not None
        for batch in self._stream:
            start, self._next = self._next, self._next + batch.num_rows
            self._batches[start] = batch
            while len(self._batches) > _BATCHES_KEPT:
                self._batches.popitem(last=False)
            if row < self._next:
                return batch.column(0)[row - start].as_py()
        raise ReadError("no such row")
