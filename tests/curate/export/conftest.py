"""A store of forty pictures with labels and one group of duplicates, and a reader of their bytes."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pytest

from index.store import Store
from schema import tables
from schema.ids import content_id
from schema.vocabulary import load_vocabulary

READ_UNDER = "/nowhere/"


@pytest.fixture
def filled(store: Store, add_items: Callable[..., None]) -> Store:
    """Rows 1, 2 and 3 are kept, a copy that is set aside, and a variant; row 9 shows several, row 40 is unreadable."""
    add_items(store, 40)
    add_items(store, 1, first=40, status="failed", reason="truncated", width=None)
    vocabulary = load_vocabulary()
    schema = tables.labels([(each.name, each.kind) for each in vocabulary.attributes])
    records = []
    for row in range(40):
        record = dict.fromkeys(schema.names) | {"row": row, "item_id": content_id(str(row).encode())}
        record |= {"ambiguous": row == 9, "age": "young adult", "age_confidence": 0.97, "age_source": "model"}
        records.append(record | {"dress": ["green yukata"], "dress_confidence": 1.0, "dress_source": "tag"})
    store.replace("labels", pa.Table.from_pylist(records, schema), schema)
    groups = [
        {"row": 1, "item_id": "1", "verdict": "kept", "similarity": 1.0, "keep": True},
        {"row": 2, "item_id": "2", "verdict": "same artwork", "similarity": 0.9, "keep": False},
        {"row": 3, "item_id": "3", "verdict": "variant", "similarity": 0.8, "keep": True},
    ]
    groups = [{**group, "group_id": "g", "reason": "r"} for group in groups]
    store.replace("groups", pa.Table.from_pylist(groups, tables.GROUPS), tables.GROUPS)
    return store


@pytest.fixture
def read() -> Callable[[str], bytes]:
    """Returns the bytes of the pictures of ``filled`` by their uri."""
    return lambda uri: uri.removeprefix(READ_UNDER).removesuffix(".png").encode()
