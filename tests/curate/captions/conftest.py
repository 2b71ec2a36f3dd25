"""A store of labelled pictures to caption."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from index.store import Store
from schema import tables
from schema.ids import content_id
from schema.vocabulary import load_vocabulary

Label = dict[str, Any]


@pytest.fixture
def write_labels() -> Callable[[Store, dict[int, Label]], None]:
    """Writes the labels table: by row the accepted values; ``ambiguous`` marks several characters."""

    def write(store: Store, labels: dict[int, Label]) -> None:
        schema = tables.labels([(each.name, each.kind) for each in load_vocabulary().attributes])
        records = [
            dict.fromkeys(schema.names)
            | {"row": row, "item_id": content_id(str(row).encode()), "ambiguous": False, **values}
            for row, values in sorted(labels.items())
        ]
        store.replace("labels", pa.Table.from_pylist(records, schema), schema)

    return write
