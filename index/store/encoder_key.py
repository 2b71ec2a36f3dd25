"""Which vectors a store's readers use, where it may have none yet."""

from __future__ import annotations

from index.store.store import Store
from schema.errors import StoreError


def known_encoder_key(store: Store) -> str | None:
    """Return the key of the store's vectors, or None where no embed run has finished yet."""
    try:
        return store.encoder_key()
    except StoreError:
        return None
