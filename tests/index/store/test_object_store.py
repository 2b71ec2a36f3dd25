"""A store behind s3://, against a server on this machine; the environment says where it is, as for any S3 client."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from index.store import Store
from index.store.runs import Runs
from schema import tables
from schema.errors import StoreError


def thumbnails(*rows: int, commit: int = 1) -> pa.Table:
    records = [{"row": row, "thumbnail": bytes([row]), "commit": commit} for row in rows]
    return pa.Table.from_pylist(records, tables.THUMBNAILS)


def test_a_store_on_an_object_store_does_what_a_folder_does(
    object_store: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in object_store.items():
        monkeypatch.setenv(name, value)
    uri = "s3://likeness/one"
    with pytest.raises(StoreError, match="there is no store"):
        Store.open(uri)
    with Store.open(uri, create=True, write=True) as store:
        assert store.folder is None
        store.append("thumbnails", thumbnails(0, 1, 2), tables.THUMBNAILS)
        store.append("thumbnails", thumbnails(3, 4, commit=2), tables.THUMBNAILS)
        with Runs(store).start("ingest", {}, ["thumbnails"]) as run:
            run.counts["items"] = 5
    with Store.open(uri, write=True) as store:
        assert store.tables() == ["runs", "thumbnails"]
        assert store.count("thumbnails") == 5
        assert store.take("thumbnails", [4, 0, 9], ["thumbnail"]).column(0).to_pylist() == [b"\x04", b"\x00"]
        store.delete("thumbnails", "commit > 1")
        assert store.column("thumbnails", "row").tolist() == [0, 1, 2]
        version = store.version("thumbnails")
        store.replace("thumbnails", thumbnails(7), tables.THUMBNAILS)
        assert store.version("thumbnails") > version
        assert store.rows("thumbnails").tolist() == [7]
        assert Runs(store).last("ingest")["counts"] == {"items": 5}
        schema = tables.vectors(4)
        vector = pa.FixedSizeListArray.from_arrays(pa.array(np.arange(8, dtype=np.float16)), 4)
        batch = pa.record_batch([pa.array([0, 1]), pa.array(["a", "b"]), vector], schema=schema)
        store.append("vectors_x", [batch], schema)
        assert store.vectors("x").data.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_a_bucket_that_is_not_there_is_said(
    object_store: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in object_store.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StoreError, match="cannot reach s3://no-such-bucket/x"):
        Store.open("s3://no-such-bucket/x", create=True, write=True)
