"""One run at a time on one store: a file lock that the system drops when its holder dies."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from pathlib import Path

from filelock import FileLock, Timeout

from schema.errors import StoreBusy, StoreError

LOCK, HOLDER = "run.lock", "run.holder"
FILES = (LOCK, HOLDER)


class RunLock:
    """Exclusive lock on a store folder.

    Raises StoreBusy that names the process which holds it, and StoreError where the folder is not writable.
    """

    def __init__(self, folder: Path) -> None:
        # Who holds it stands in a file of its own: on some systems a locked file cannot be read.
        self._holder = folder / HOLDER
        self._lock = FileLock(folder / LOCK, timeout=0, thread_local=False)
        try:
            self._lock.acquire()
        except Timeout as error:
            raise StoreBusy(
                f"another run is writing to {folder} ({self._describe()})", "Wait for it to end, or stop it."
            ) from error
        except OSError as error:
            raise StoreError(f"cannot write to the store {folder}: {error.strerror or error}") from error
        # A courtesy to the next one: on a full disk the lock holds without it.
        with contextlib.suppress(OSError):
            self._holder.write_text(
                json.dumps({"pid": os.getpid(), "host": socket.gethostname()}), encoding="utf-8"
            )

    def release(self) -> None:
        """Give the lock back. The lock file stays, since removing it would let two runs lock two files."""
        if self._lock.is_locked:
            with contextlib.suppress(OSError):
                self._holder.unlink(missing_ok=True)
            self._lock.release()

    def _describe(self) -> str:
        try:
            holder = json.loads(self._holder.read_text(encoding="utf-8"))
            return f"process {holder['pid']} on {holder['host']}"
        except (OSError, ValueError, KeyError, TypeError):
            return "holder unknown"
