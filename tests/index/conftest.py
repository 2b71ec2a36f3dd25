"""A small store with known contents, made without decoding a picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from index.runs import Runs
from index.store import Store
from schema import tables
from schema.ids import content_id


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store", create=True, write=True) as opened:
        yield opened


@pytest.fixture
def add_items() -> Callable[..., None]:
    """Appends n items: keys k0.., tag t0.., hostile names included."""

    def add(store: Store, n: int, first: int = 0, **values: Any) -> None:
        records = []
        for row in range(first, first + n):
            record: dict[str, Any] = dict.fromkeys(tables.ITEMS.names)
            record |= {"row": row, "item_id": content_id(str(row).encode()), "source": 0, "ordinal": row}
            record |= {
                "keys": [f"k'{row}"],
                "uri": f"/nowhere/{row}.png",
                "tags": [f"t{row % 3}"],
                "commit": 1,
            }
            record |= {"width": 10 + row, "height": 10, "format": "png", "status": "ok"} | values
            records.append(record)
        store.append("items", pa.Table.from_pylist(records, tables.ITEMS), tables.ITEMS)

    return add


@pytest.fixture
def add_vectors() -> Callable[..., None]:
    """Appends unit vectors for the given rows and records the embed run, as the embed stage does."""

    def add(store: Store, rows: npt.NDArray[np.int64], data: npt.NDArray[np.float16]) -> None:
        schema = tables.vectors(data.shape[1])
        vector = pa.FixedSizeListArray.from_arrays(pa.array(data.ravel()), data.shape[1])
        names = pa.array([content_id(str(row).encode()) for row in rows])
        batch = pa.record_batch([pa.array(rows), names, vector], schema=schema)
        with Runs(store).start("embed", {}, ["items"]) as run:
            store.append("vectors_test", [batch], schema)
            run.facts["key"] = "test"

    return add


@pytest.fixture
def unit() -> Callable[..., npt.NDArray[np.float16]]:
    """Unit vectors in clumps, as embeddings are, with some exact repeats."""

    def make(n: int, dim: int = 16, seed: int = 0, clumps: int = 12) -> npt.NDArray[np.float16]:
        rng = np.random.default_rng(seed)
        centres = np.random.default_rng(99).standard_normal((clumps, dim))
        data = centres[rng.integers(0, clumps, n)] + 0.4 * rng.standard_normal((n, dim))
        if n > 10:
            data[3] = data[7]
        return (data / np.linalg.norm(data, axis=1, keepdims=True)).astype(np.float16)

    return make
