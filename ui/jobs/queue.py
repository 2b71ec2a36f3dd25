"""The queue under the line of jobs: Huey's, in a file of SQLite or in Redis, with messages in JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from huey.api import Huey
from huey.registry import Message
from huey.serializer import Serializer
from huey.storage import RedisStorage, SqliteStorage

from schema.errors import MissingExtra, StoreError


class JsonSerializer(Serializer):
    """Messages as JSON: whoever can write to the queue can start jobs, and run no code of his own."""

    def _serialize(self, data: Any) -> bytes:
        return json.dumps(data).encode()

    def _deserialize(self, data: bytes) -> Any:
        found = json.loads(data)
        return Message(*found) if isinstance(found, list) and len(found) == len(Message._fields) else found


def open_queue(address: str, name: str) -> Huey:
    """Return the queue of that name at a path or redis://HOST:PORT/N; raises StoreError for another address."""
    common: dict[str, Any] = {"serializer": JsonSerializer(), "results": False, "utc": True}
    if address.startswith(("redis://", "rediss://", "unix://")):
        try:
            import redis  # noqa: F401 - Huey imports it where it is, and says nothing where it is not
        except ModuleNotFoundError as error:
            raise MissingExtra(
                "a queue in Redis needs the package redis", "Run: pip install 'likeness-curation[api]'"
            ) from error
        return Huey(name, storage_class=RedisStorage, url=address, **common)
    if "://" in address:
        raise StoreError(
            f"{without_password(address)} is no queue", "Name a file of SQLite, or redis://HOST:PORT/N."
        )
    file = Path(address).expanduser()
    file.parent.mkdir(parents=True, exist_ok=True)
    return Huey(
        name,
        storage_class=SqliteStorage,
        filename=str(file),
        fsync=True,
        strict_fifo=True,
        timeout=30,
        **common,
    )


def without_password(address: str) -> str:
    """Return the address of a queue as it may be shown."""
    scheme, separator, rest = address.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if separator else address
