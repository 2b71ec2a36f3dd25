"""What the routes of one service share: the review workspace, the line of jobs, and what is dear enough to keep."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, TypeAlias

import numpy as np
from fastapi import Depends, Request

from curate.protected import ProtectedGate
from index.images.decode import BadImage, decode
from index.store.keys import row_of
from schema.errors import EncoderError
from ui.api.errors import Refused
from ui.review.search import protected_gate
from ui.review.uploads import MOST_PIXELS
from ui.review.workspace import Workspace

if TYPE_CHECKING:
    from ui.jobs.line import JobLine

AT_ONCE = 2
"""Pictures that are unpacked at once: one takes up to 350 MB."""
WAITING_SECONDS = 20.0


@dataclass
class Service:
    """One store, as the routes read it, and its jobs."""

    workspace: Workspace
    jobs: JobLine
    _slots: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(AT_ONCE))
    _gate_lock: threading.Lock = field(default_factory=threading.Lock)

    def row(self, name: str) -> int:
        """Return the row that an item id or a row number names; raises StoreError, a 404."""
        return row_of(self.workspace.store, name)

    @contextmanager
    def picture_slot(self) -> Iterator[None]:
        """Hold one of the few places for pictures; raises Refused with 503 where all stay taken."""
        if not self._slots.acquire(timeout=WAITING_SECONDS):
            raise Refused(503, "too many pictures are being looked at", "Ask again.", {"Retry-After": "5"})
        try:
            yield
        finally:
            self._slots.release()

    def check_picture(self, data: bytes) -> None:
        """Raise EncoderError for bytes that are no picture, or one of too many pixels, which its header says."""
        if not data:
            raise EncoderError("the picture is empty", "Send it as the part 'image' of multipart/form-data.")
        most = min(self.workspace.settings.ingest.max_pixels, MOST_PIXELS)
        try:
            decode(data, target=64, max_pixels=most)
        except BadImage as error:
            raise EncoderError(f"this picture cannot be used: {error}") from error

    def gate(self) -> ProtectedGate:
        """Return the protected gate as of now; it is read anew after a change of a table or a review."""
        with self._gate_lock:
            return protected_gate(self.workspace)

    def is_barred(self, row: int) -> bool:
        """Tell whether the protected gate keeps an item from leaving the store."""
        return bool(self.gate().barred(np.array([row], np.int64))[0])


def _service(request: Request) -> Service:
    found: Service = request.app.state.service
    return found


Serving: TypeAlias = Annotated[Service, Depends(_service)]
"""The parameter by which a route gets the service."""
