"""One run at a time on one store: an advisory file lock that the kernel drops when its holder dies."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
from pathlib import Path

from schema.errors import StoreBusy, StoreError


class RunLock:
    """Exclusive lock on a store folder.

    Raises StoreBusy that names the process which holds it, and StoreError where the folder is not writable.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "run.lock"
        try:
            self._file = open(self._path, "a+", encoding="utf-8")
        except OSError as error:
            raise StoreError(f"cannot write to the store {folder}: {error.strerror or error}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.seek(0)
            holder = self._file.read().strip()
            self._file.close()
            raise StoreBusy(
                f"another run is writing to {folder} ({_describe(holder)})", "Wait for it to end, or stop it."
            ) from error
        # Who holds it is a courtesy to the next: on a full disk the lock holds without it.
        with contextlib.suppress(OSError):
            self._file.seek(0)
            self._file.truncate()
            json.dump({"pid": os.getpid(), "host": socket.gethostname()}, self._file)
            self._file.flush()

    def release(self) -> None:
        """Give the lock back; the file stays, since removing it would let two runs lock two files."""
        if not self._file.closed:
            with contextlib.suppress(OSError):
                self._file.seek(0)
                self._file.truncate()
            with contextlib.suppress(OSError):
                self._file.close()


def _describe(holder: str) -> str:
    try:
        data = json.loads(holder)
        return f"process {data['pid']} on {data['host']}"
    except (ValueError, KeyError, TypeError):
        return "holder unknown"
