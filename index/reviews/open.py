"""The review log of a store, whichever of the two kinds it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from index.reviews.log import ReviewLog
from index.reviews.sqlite import FILE, SqliteLog

if TYPE_CHECKING:  # the package index.store opens the log itself, to miss a lost one
    from index.store.database import Database


def open_log(store: Database | str | Path, readonly: bool = False) -> ReviewLog:
    """Return the review log of a store or of the store at this path or URI; it is made at the first write."""
    uri = str(store) if isinstance(store, str | Path) else str(store.uri)
    if "://" in uri and not uri.startswith("file://"):
        import lancedb

        from index.reviews.lance import LanceLog

        return LanceLog(lancedb.connect(uri), readonly)
    return SqliteLog(Path(uri.removeprefix("file://")) / FILE, readonly)
