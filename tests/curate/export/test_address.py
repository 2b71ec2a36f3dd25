"""An export to an object store, against an S3 server on this machine."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("obstore", reason="pip install 'likeness-curation[objects]'")

from curate.export.folder import MANIFEST
from curate.export.stage import run_export
from index.images.objects import Objects
from index.store import Store
from schema.errors import ExportError
from schema.settings import Settings


@pytest.fixture
def bucket(object_store: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Objects:
    for name, value in object_store.items():
        monkeypatch.setenv(name, value)
    return Objects("s3")


def names(bucket: Objects, prefix: str) -> list[str]:
    return [each.path.removeprefix(f"likeness/{prefix}/") for each in bucket.listed(f"likeness/{prefix}")]


def test_an_export_goes_to_an_address_and_replaces_an_earlier_one(
    bucket: Objects, filled: Store, tmp_path: object
) -> None:
    folder = f"{tmp_path}/out"
    run_export(filled, Settings(), folder, format="jsonl")
    done = run_export(filled, Settings(), "s3://likeness/out/set", format="jsonl")
    assert done.counts["exported"] and "written to s3://likeness/out/set" in done.warnings[0]
    first = names(bucket, "out/set")
    assert MANIFEST in first
    for name in first:
        with open(f"{folder}/{name}", "rb") as file:
            assert bucket.read(f"likeness/out/set/{name}") == file.read(), name
    run_export(filled, Settings(), "s3://likeness/out/set", format="parquet")
    second = names(bucket, "out/set")
    assert not [name for name in second if name.endswith(".jsonl")], "files of the earlier export are gone"
    manifest = json.loads(bucket.read(f"likeness/out/set/{MANIFEST}"))
    assert {each["name"] for each in manifest["files"]} == set(second) - {MANIFEST}
    assert "unfinished" not in manifest


def test_what_is_no_export_is_left_alone(bucket: Objects, filled: Store) -> None:
    bucket.write("likeness/mine/precious.txt", b"keep")
    with pytest.raises(ExportError, match="holds objects that are not an export"):
        run_export(filled, Settings(), "s3://likeness/mine")
    assert names(bucket, "mine") == ["precious.txt"]
    with pytest.raises(ExportError, match="cannot write to s3://no-such-bucket/x"):
        run_export(filled, Settings(), "s3://no-such-bucket/x")
    with pytest.raises(ExportError, match=r"Exports go to a folder, or to s3://"):
        run_export(filled, Settings(), "ftp://host/x")
