"""Vectors from files: by place in the listings, or by original id; what does not fit is said, not guessed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embed.vectors.stage import run_embed
from index.store import Store
from schema import tables
from schema.errors import EncoderError
from schema.settings import Settings, load_settings

MakeStore = Callable[..., tuple[Store, list[Path]]]
COUNT = 12


def settings_for(path: Path, *overrides: str) -> Settings:
    return load_settings(None, ["encoder.kind=precomputed", f"encoder.path={path}", *overrides])


@pytest.fixture
def vectors() -> np.ndarray:
    """Vectors that are no unit vectors, float32 [COUNT, 8]."""
    return np.random.default_rng(1).normal(size=(COUNT, 8)).astype(np.float32) * 7


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_npy_rows_are_places_in_the_listing(
    picture_store: MakeStore, vectors: np.ndarray, tmp_path: Path
) -> None:
    store, _ = picture_store(COUNT - 1, ("a text",))
    vectors[3] = 0
    vectors[5, 2] = np.nan
    np.save(tmp_path / "v.npy", vectors)
    summary = run_embed(store, settings_for(tmp_path / "v.npy"))
    found = store.vectors(store.encoder_key())
    kept = [row for row in range(COUNT) if row not in (3, 5)]
    assert found.rows.tolist() == kept
    np.testing.assert_allclose(found.data, unit(vectors[kept]), atol=1e-3)
    assert summary.failures == {"the vector is all zeros": 1, "the vector holds NaN or infinity": 1}


def test_copies_and_several_sources_keep_their_places(
    picture_store: MakeStore, vectors: np.ndarray, tmp_path: Path
) -> None:
    """A second source lists a copy of row 0 and then one new item."""
    store, _ = picture_store(COUNT - 2)
    listed = [{"source": 1, "path": "second", "kind": "folder", "listed": 2}]
    store.append("sources", pa.Table.from_pylist(listed, tables.SOURCES), tables.SOURCES)
    copy = [{"row": 0, "item_id": "0", "source": 1, "ordinal": 0, "keys": ["again"], "commit": 1}]
    store.append("copies", pa.Table.from_pylist(copy, tables.COPIES), tables.COPIES)
    new = {
        "row": COUNT - 2,
        "item_id": "f" * 32,
        "source": 1,
        "ordinal": 1,
        "keys": ["new"],
        "uri": "x",
        "status": "ok",
    }
    store.append("items", pa.Table.from_pylist([new | {"commit": 1}], tables.ITEMS), tables.ITEMS)
    np.save(tmp_path / "v.npy", vectors.astype(np.float16))
    run_embed(store, settings_for(tmp_path / "v.npy"))
    found = store.vectors(store.encoder_key())
    expected = np.concatenate([vectors[: COUNT - 2], vectors[COUNT - 1 :]])
    np.testing.assert_allclose(found.data, unit(expected), atol=2e-3)


def test_an_npy_of_another_length_is_a_clear_error(picture_store: MakeStore, tmp_path: Path) -> None:
    store, _ = picture_store(5)
    np.save(tmp_path / "v.npy", np.ones((4, 8)))
    with pytest.raises(EncoderError, match="holds 4 vectors, but the sources list 5 entries"):
        run_embed(store, settings_for(tmp_path / "v.npy"))
    np.save(tmp_path / "flat.npy", np.ones(5))
    with pytest.raises(EncoderError, match=r"shape \(5,\)"):
        run_embed(store, settings_for(tmp_path / "flat.npy"))
    (tmp_path / "text.npy").write_text("hello")
    with pytest.raises(EncoderError, match="neither an npy nor a Parquet"):
        run_embed(store, settings_for(tmp_path / "text.npy"))
    with pytest.raises(EncoderError, match="does not exist"):
        run_embed(store, settings_for(tmp_path / "none.npy"))


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.float32()), pa.list_(pa.float16(), 8), pa.large_list(pa.float64())]
)
def test_parquet_is_joined_by_original_id(
    picture_store: MakeStore, vectors: np.ndarray, tmp_path: Path, kind: pa.DataType
) -> None:
    store, _ = picture_store(COUNT)
    order = np.random.default_rng(2).permutation(COUNT)
    kept = [int(row) for row in order if row != 7]
    column = pa.array([vectors[row].tolist() for row in kept], pa.list_(pa.float32())).cast(kind)
    table = pa.table(
        {"id": [f"key-{row}" for row in kept], "vector": column, "score": pa.array([1] * len(kept))}
    )
    pq.write_table(table, tmp_path / "v.parquet", row_group_size=4)
    summary = run_embed(store, settings_for(tmp_path / "v.parquet"))
    found = store.vectors(store.encoder_key())
    rows = sorted(kept)
    assert found.rows.tolist() == rows
    np.testing.assert_allclose(found.data, unit(vectors[rows]), atol=2e-3)
    assert summary.failures == {"no vector for this item in v.parquet": 1}


def test_parquet_columns_are_named_when_they_cannot_be_told(
    picture_store: MakeStore, vectors: np.ndarray, tmp_path: Path
) -> None:
    store, _ = picture_store(2)
    rows = pa.array(vectors[:2].tolist(), pa.list_(pa.float32()))
    table = pa.table({"who": ["key-0", "key-1"], "what": ["x", "y"], "one": rows, "two": rows})
    path = tmp_path / "v.parquet"
    pq.write_table(table, path)
    with pytest.raises(EncoderError, match=r"more than one possible id column(.|\n)*who, what, one, two"):
        run_embed(store, settings_for(path))
    with pytest.raises(EncoderError, match="more than one possible vector column"):
        run_embed(store, settings_for(path, "encoder.id_column=who"))
    with pytest.raises(EncoderError, match="names 'oops', which is not there"):
        run_embed(store, settings_for(path, "encoder.id_column=oops"))
    run_embed(store, settings_for(path, "encoder.id_column=who", "encoder.vector_column=two"))
    np.testing.assert_allclose(store.vectors(store.encoder_key()).data, unit(vectors[:2]), atol=2e-3)


def test_parquet_rows_of_another_length_are_named(picture_store: MakeStore, tmp_path: Path) -> None:
    store, _ = picture_store(2)
    table = pa.table({"id": ["key-0", "key-1"], "vector": [[1.0, 2.0], [1.0, 2.0, 3.0]]})
    pq.write_table(table, tmp_path / "v.parquet")
    with pytest.raises(EncoderError, match=r"row 1 of .* has 3 components, the others have 2"):
        run_embed(store, settings_for(tmp_path / "v.parquet"))


def test_ids_given_twice_are_counted(picture_store: MakeStore, tmp_path: Path) -> None:
    store, _ = picture_store(1)
    pq.write_table(
        pa.table({"id": ["key-0", "key-0"], "vector": [[1.0, 0.0], [0.0, 1.0]]}), tmp_path / "v.parquet"
    )
    summary = run_embed(store, settings_for(tmp_path / "v.parquet"))
    assert any("1 ids more than once" in note for note in summary.notes)
    assert store.vectors(store.encoder_key()).data.tolist() == [[1.0, 0.0]]
