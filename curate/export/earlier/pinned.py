"""A store as it was: every table at the version that it had, the review log up to a decision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from index.store.database import Batches
from index.store.store import Store
from schema.errors import StoreError

PRESENT = ("runs", "failures", "sources")
"""Tables that are read as they are now: what they say does not change what the items were."""


class PinnedStore(Store):
    """A store whose tables are read at given versions; nothing can be written to it.

    Raises StoreError, when a table is read, for a version that compaction has dropped.
    """

    def __init__(self, uri: str, versions: Mapping[str, int], reviews_until: int) -> None:
        super().__init__(uri)
        self._versions = dict(versions)
        self.reviews_until = reviews_until

    def has(self, table: str) -> bool:
        """See Database. A table that came later is not there."""
        return (table in self._versions or table in PRESENT) and super().has(table)

    def _open(self, table: str) -> Any:
        handle = super()._open(table)
        version = self._versions.get(table)
        if version is None or int(handle.version) == version:
            return handle
        try:
            handle.checkout(version)
        except (OSError, RuntimeError, ValueError) as error:
            raise StoreError(
                f"the store no longer has version {version} of the table {table}",
                "Compaction drops versions that are older than an hour.",
            ) from error
        return handle

    def append(self, table: str, batches: Batches, schema: pa.Schema) -> None:
        """Refuse to write."""
        raise StoreError(f"{table} is read as it was, and cannot be written to")

    def replace(self, table: str, batches: Batches, schema: pa.Schema) -> None:
        """Refuse to write."""
        raise StoreError(f"{table} is read as it was, and cannot be written to")
