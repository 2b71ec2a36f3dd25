"""A small store with planted labels: hair colour sits in a few directions of the vectors, under a louder style."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from index.store import Store
from index.store.runs import Runs
from label.stage import run_label
from schema import tables
from schema.settings import Settings

COLORS = ("black", "blonde", "red", "blue")


@dataclass(frozen=True)
class Planted:
    """A store and the truth of it: colour of each row by number, rows whose tag is wrong, several, and untagged."""

    uri: str
    colors: npt.NDArray[np.int64]
    wrong: npt.NDArray[np.int64]
    several: npt.NDArray[np.int64]
    untagged: npt.NDArray[np.int64]


@pytest.fixture(scope="session")
def planted_vectors() -> Callable[..., tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]]:
    """Makes unit vectors [n, d] whose colour hides under a louder style, and the colours [n]."""

    def make(n: int, d: int = 24, seed: int = 0) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        rng = np.random.default_rng(seed)
        colors = rng.integers(0, len(COLORS), n)
        styles = rng.integers(0, 3, n)
        x = rng.normal(size=(n, d)) * 0.2
        x[:, len(COLORS) :] += rng.normal(size=(n, d - len(COLORS)))
        x += rng.normal(size=(3, d))[styles] * 2
        x[:, : len(COLORS)] += np.eye(len(COLORS))[colors] * 1.0
        return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32), colors

    return make


def plant(
    store: Store,
    rows: npt.NDArray[np.int64],
    x: npt.NDArray[np.float32],
    colors: npt.NDArray[np.int64],
    tagged: npt.NDArray[np.bool_],
    several: npt.NDArray[np.int64],
) -> None:
    """Append items with vectors [n, d]; those ``tagged`` [n] say their colour, rows ``several`` show two characters."""
    records = []
    for row, color, told in zip(rows.tolist(), colors.tolist(), tagged.tolist(), strict=True):
        people = ["2girls"] if row in several else ["solo", "1girl"]
        records.append(
            {
                "row": row,
                "item_id": f"{row:032x}",
                "source": 0,
                "ordinal": row,
                "keys": [str(row)],
                "uri": f"{row}.png",
                "tags": [*people, f"{COLORS[color]}_hair"] if told else [],
                "text": None,
                "status": "ok",
                "commit": 0,
            }
        )
    schema = tables.vectors(x.shape[1])
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(x.astype(np.float16).ravel()), x.shape[1])
    ids = [record["item_id"] for record in records]
    store.append("items", pa.Table.from_pylist(records, tables.ITEMS), tables.ITEMS)
    table = pa.table({"row": rows, "item_id": ids, "vector": vectors}, schema=schema)
    store.append("vectors_test", table, schema)
    with Runs(store).start("embed", {}, ["items"]) as run:
        run.facts["key"] = "test"
        run.outputs.append("vectors_test")


@pytest.fixture(scope="session")
def planter() -> Callable[..., None]:
    """Appends items to a store."""
    return plant


@pytest.fixture(scope="session")
def planted(
    tmp_path_factory: pytest.TempPathFactory,
    planted_vectors: Callable[..., tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]],
) -> Planted:
    """A labelled store of 600 items, half of them tagged, one tag in fifty wrong, ten items of two characters."""
    n = 600
    x, colors = planted_vectors(n)
    rng = np.random.default_rng(1)
    tagged = rng.random(n) < 0.6
    wrong = np.sort(rng.choice(np.flatnonzero(tagged), 8, replace=False))
    several = np.sort(rng.choice(np.setdiff1d(np.flatnonzero(tagged), wrong), 10, replace=False))
    said = colors.copy()
    said[wrong] = (said[wrong] + 1) % len(COLORS)
    uri = str(tmp_path_factory.mktemp("planted") / "store")
    with Store.open(uri, create=True, write=True) as store:
        plant(store, np.arange(n), x, said, tagged, several)
        run_label(store, Settings())
    return Planted(uri, colors, wrong, several, np.flatnonzero(~tagged))


@pytest.fixture
def planted_copy(planted: Planted, tmp_path: Path) -> Planted:
    """The labelled store in a folder of its own, to be changed."""
    shutil.copytree(planted.uri, tmp_path / "copy")
    return replace(planted, uri=str(tmp_path / "copy"))
